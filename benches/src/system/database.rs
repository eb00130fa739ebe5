//! The database that the services stand on: found or started, brought up to date, and stopped where we started it.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use schema::cluster::{Cluster, ClusterOptions, Life};
use schema::{ApplyOptions, DATABASE, Passwords};

use super::copies::in_database;
use crate::Failure;

/// How often it is looked whether the database still takes connections.
const LOOK: Duration = Duration::from_secs(1);

/// A server, the passwords of its logins, and whether it is ours to stop.
pub struct Database {
    cluster: Cluster,
    options: ClusterOptions,
    passwords: Passwords,
    /// Where it is noted that `lab up` started the server: after a `kill -9` the next run finds it running, and its own.
    mark: PathBuf,
    ours: bool,
    paused: bool,
    looked: Instant,
    missed: bool,
}

/// The home folder of everybody who says nothing else.
pub fn home() -> Result<PathBuf, String> {
    schema::cluster::home().map_err(|error| format!("{error}."))
}

impl Database {
    /// `DATABASE_URL` where it is set, else the cluster of the home folder, else, where throw-away is wanted, one of its own.
    pub fn start(home: &Path, ephemeral: bool) -> Result<Self, Failure> {
        let mut options = ClusterOptions::from_env();
        if ephemeral {
            // As careful as a lasting one: what is measured on it is worth nothing otherwise.
            options = ClusterOptions { careless: false, ..ClusterOptions::ephemeral() };
        } else {
            options.life = Life::Lasting;
            options.home = Some(home.to_owned());
        }
        let cluster = Cluster::find_or_start(&options)?;
        let passwords = Passwords::load(&home.join("passwords"))?;
        let mark = home.join("up.database");
        let server = server_id(&cluster);
        let marked = fs::read_to_string(&mark).is_ok_and(|mark| Some(mark) == server);
        let ours = cluster.started() || marked;
        if let (true, Some(server)) = (ours, server) {
            fs::write(&mark, server)
                .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", mark.display())))?;
        }
        Ok(Self { cluster, options, passwords, mark, ours, paused: false, looked: Instant::now(), missed: false })
    }

    /// Roles, tables, keys, views and grants as this program knows them.
    pub fn prepare(&self) -> Result<(), Failure> {
        schema::bootstrap(self.cluster.url(), &self.passwords)?;
        let options = ApplyOptions { passwords: Some(self.passwords.clone()), ..ApplyOptions::default() };
        schema::apply(&self.login_url("govrnanza_admin")?, &options)?;
        Ok(())
    }

    /// The product's database as a login.
    pub fn login_url(&self, role: &str) -> Result<String, Failure> {
        let password = self.passwords.get(role);
        let password = password.ok_or_else(|| Failure::could_not_run(format!("There is no password of {role}.")))?;
        Ok(self.cluster.url_of(role, password, DATABASE))
    }

    /// The product's database as the superuser.
    pub fn product_url(&self) -> Result<String, Failure> {
        in_database(self.cluster.url(), DATABASE)
    }

    /// Why it no longer takes connections, told once, and only of what we started.
    pub fn died(&mut self) -> Option<String> {
        if !self.ours || self.paused || self.looked.elapsed() < LOOK {
            return None;
        }
        self.looked = Instant::now();
        let address = ("127.0.0.1", self.cluster.port()).to_socket_addrs().ok()?.next()?;
        let error = TcpStream::connect_timeout(&address, LOOK).err();
        let news = error.is_some() && !self.missed;
        self.missed = error.is_some();
        error.filter(|_| news).map(|error| error.to_string())
    }

    /// Stops it for a while.
    pub fn pause(&mut self) -> Result<(), Failure> {
        self.paused = true;
        Ok(self.cluster.stop()?)
    }

    /// Starts it again where it was; one that runs is left alone.
    pub fn resume(&mut self) -> Result<(), Failure> {
        if !self.paused {
            return Ok(());
        }
        self.cluster.start_again(&self.options)?;
        self.paused = false;
        if let (true, Some(server)) = (self.ours, server_id(&self.cluster)) {
            let _ = fs::write(&self.mark, server);
        }
        Ok(())
    }
}

impl Drop for Database {
    /// Stops it, if it is ours.
    fn drop(&mut self) {
        if self.ours {
            if let Err(error) = self.cluster.stop() {
                eprintln!("{error}.");
            }
            let _ = fs::remove_file(&self.mark);
        }
    }
}

/// Tells one server from the next in the same folder: first and third line of its `postmaster.pid`, process and start.
fn server_id(cluster: &Cluster) -> Option<String> {
    let text = fs::read_to_string(cluster.home()?.join("postgres/data/postmaster.pid")).ok()?;
    let mut lines = text.lines();
    Some(format!("{} {}", lines.next()?.trim(), lines.nth(1)?.trim()))
}
