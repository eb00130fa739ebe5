//! The database that the services stand on: found or started, brought up to date, and stopped where we started it.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use postgres::Client;
use schema::bootstrap::BootstrapOptions;
use schema::cluster::{Cluster, ClusterOptions};
use schema::{ApplyOptions, Passwords};

use super::copies::in_database;
use super::patience::Patience;
use crate::Failure;
use crate::data::{connect, failed};

/// How often it is looked whether the database still takes connections.
const LOOK: Duration = Duration::from_secs(1);

/// How long a server that runs already may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long ours may take to start, the first time with making its folder.
const START_WITHIN: Duration = Duration::from_secs(120);
/// How long a start that is no longer wanted may take to come to its end, so that the server is stopped in order.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How long sessions of a database that is closed may take to end.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long tables, views and grants may take.
const PREPARE_WITHIN: Duration = Duration::from_secs(300);

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

impl Database {
    /// `DATABASE_URL` where it is set, else the cluster of the home folder, else, where throw-away is wanted, one of its own;
    /// a further one by its name has its folder in the home.
    pub fn start(home: &Path, further: Option<&str>, ephemeral: bool, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let mut options = ClusterOptions::from_env();
        if ephemeral {
            // As careful as a lasting one: what is measured on it is worth nothing otherwise.
            options = ClusterOptions { careless: false, ..ClusterOptions::ephemeral() };
        }
        // A throw-away one, too: its watchdog then removes passwords and logs with it.
        let folder = further.map_or_else(|| home.to_owned(), |name| home.join("engines").join(name));
        options.home = Some(folder.clone());
        let home = home.to_owned();
        match options.database_url {
            Some(_) if further.is_some() => Err(Failure::usage(
                "DATABASE_URL names one server, and --engines asks for several: unset DATABASE_URL, or leave --engines out.",
            )),
            Some(_) => {
                let late = || {
                    format!(
                        "The server of DATABASE_URL hasn't answered within {} s: check the address, or unset DATABASE_URL to have one \
                         started here.",
                        ANSWER_WITHIN.as_secs()
                    )
                };
                Patience::new(ANSWER_WITHIN, stop).call(late, Duration::ZERO, move || Self::open(&home, options))
            }
            None => {
                let log = folder.join("postgres/log");
                let late =
                    || format!("Postgres isn't ready within {} s: see {}.", START_WITHIN.as_secs(), log.display());
                Patience::new(START_WITHIN, stop).call(late, STOP_WITHIN, move || Self::open(&home, options))
            }
        }
    }

    fn open(home: &Path, options: ClusterOptions) -> Result<Self, Failure> {
        let cluster = Cluster::find_or_start(&options)?;
        let passwords = Passwords::load(&home.join("passwords"))?;
        let mark = cluster.home().unwrap_or(home).join("up.database");
        let server = server_id(&cluster);
        let marked = fs::read_to_string(&mark).is_ok_and(|mark| Some(mark) == server);
        let ours = cluster.started() || marked;
        if let (true, Some(server)) = (ours, server) {
            fs::write(&mark, server)
                .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", mark.display())))?;
        }
        Ok(Self { cluster, options, passwords, mark, ours, paused: false, looked: Instant::now(), missed: false })
    }

    /// Roles, tables, keys, views and grants of this database, as this program knows them.
    pub fn prepare(&self, database: String, options: ApplyOptions, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
        let (superuser, passwords) = (self.cluster.url().to_owned(), self.passwords.clone());
        let admin = self.login_url("govrnanza_admin", &database)?;
        let late = || {
            format!(
                "The schema isn't up to date within {} s: does somebody hold a lock in it?",
                PREPARE_WITHIN.as_secs()
            )
        };
        Patience::new(PREPARE_WITHIN, stop).call(late, Duration::ZERO, move || {
            let roles = options.roles.clone();
            let made = BootstrapOptions { database, roles, ..BootstrapOptions::default() };
            schema::bootstrap::run(&superuser, &passwords, &made)?;
            schema::apply(&admin, &ApplyOptions { passwords: Some(passwords), ..options })?;
            Ok(())
        })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        self.cluster.url()
    }

    /// A database of the product as a login.
    pub fn login_url(&self, role: &str, database: &str) -> Result<String, Failure> {
        let password = self.passwords.get(role);
        let password =
            password.ok_or_else(|| Failure::could_not_run(format!("The password of {role} isn't found.")))?;
        Ok(self.cluster.url_of(role, password, database))
    }

    /// A database of the product as the superuser.
    pub fn superuser_url(&self, database: &str) -> Result<String, Failure> {
        in_database(self.cluster.url(), database)
    }

    /// Ends every session in one of its databases and lets nobody in: for who uses it, as if it were stopped.
    pub fn close(&self, database: &str) -> Result<(), Failure> {
        let failed = |error| failed(&format!("closing the database {database}"), &error);
        let mut client = self.allow(database, false)?;
        let end =
            "select count(pg_catalog.pg_terminate_backend(pid)) from pg_catalog.pg_stat_activity where datname = $1";
        let deadline = Instant::now() + CLOSE_WITHIN;
        // Who was just coming in is still to be ended.
        while client.query_one(end, &[&database]).map_err(failed)?.get::<_, i64>(0) > 0 {
            if Instant::now() > deadline {
                return Err(Failure::could_not_run(format!("Sessions in {database} don't end: see the server's log.")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Lets everybody in again.
    pub fn open_again(&self, database: &str) -> Result<(), Failure> {
        self.allow(database, true).map(drop)
    }

    fn allow(&self, database: &str, allowed: bool) -> Result<Client, Failure> {
        let mut client = connect(&self.superuser_url("postgres")?)?;
        client
            .batch_execute(&format!("alter database {database} allow_connections {allowed}"))
            .map_err(|error| failed(&format!("closing or opening the database {database}"), &error))?;
        Ok(client)
    }

    /// Why it no longer takes connections, reported once, and only of what we started.
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
