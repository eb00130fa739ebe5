//! A Postgres server without setup: the one that is running, else one started from the installed binaries.
//!
//! `DATABASE_URL` given: that one is used and nothing is started. Else a private cluster on a free port of 127.0.0.1 and a socket, its data in
//! `$GOVRNANZA_HOME`, else `/var/lib/govrnanza` as root, else `$XDG_DATA_HOME/govrnanza`, else `~/.local/share/govrnanza`. Its folder:
//!
//! ```text
//! lock            held while a process searches, starts or stops the server
//! superuser       password of the superuser `postgres`, mode 0600
//! postgres/data   the data folder      postgres/run   the socket      postgres/log   the server's log
//! ```
//!
//! A cluster whose starter was killed is found by its `postmaster.pid` and used again. A data folder is made next to its final place and moved there when it is
//! complete, so a half-made one is never opened, and a complete one is never overwritten.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::embedded::ADMINISTRATOR;
use crate::error::{Doing, Error, Result};
use crate::passwords::Passwords;
use crate::ports;
use crate::session::Session;

pub mod account;
pub mod binaries;
mod folder;
mod options;
pub mod postmaster;
mod watchdog;

use account::Account;
use binaries::Binaries;
use folder::{configure, make_data_folder, socket_folder, superuser_password};
pub use options::{ClusterOptions, Life, home};
use postmaster::Postmaster;

/// A running server, and its superuser's URL.
#[derive(Debug)]
pub struct Cluster {
    url: String,
    home: Option<PathBuf>,
    port: u16,
    started: bool,
    server: Option<Child>,
    watchdog: Option<watchdog::Leash>,
}

impl Cluster {
    /// Uses the server that runs, else starts one.
    pub fn find_or_start(options: &ClusterOptions) -> Result<Self> {
        if let Some(url) = &options.database_url {
            Session::connect(url)?;
            return Ok(Self { url: url.clone(), home: None, port: 0, started: false, server: None, watchdog: None });
        }
        let home = match (options.life, &options.home) {
            (Life::Ephemeral, None) => {
                let folder =
                    tempfile::Builder::new().prefix("govrnanza-").tempdir().doing("making a temporary folder")?;
                folder.keep()
            }
            (_, Some(home)) => home.clone(),
            (_, None) => home()?,
        };
        Self::in_home(&home, options)
    }

    /// The cluster of this folder, if it runs.
    pub fn running(home: &Path) -> Option<Self> {
        let found = Postmaster::alive(&home.join("postgres/data")).filter(|found| found.status == "ready")?;
        let password = fs::read_to_string(home.join("superuser")).ok()?;
        let url = own_url(password.trim(), found.port);
        Session::connect(&url).ok()?;
        Some(Self { url, home: Some(home.to_owned()), port: found.port, started: false, server: None, watchdog: None })
    }

    fn in_home(home: &Path, options: &ClusterOptions) -> Result<Self> {
        fs::create_dir_all(home).doing(format!("making {}", home.display()))?;
        let account = Account::to_drop_to()?;
        if account.is_some() {
            // A folder of root's that user postgres must pass through, but not list.
            fs::set_permissions(home, fs::Permissions::from_mode(0o711))
                .doing(format!("opening {}", home.display()))?;
        }
        let _lock = lock(home)?;
        if options.life == Life::WhileUsed {
            watchdog::register(home)?;
        }
        let data = home.join("postgres/data");
        if Postmaster::alive(&data).is_some_and(|found| found.status == "stopping") {
            Postmaster::stop(&data, None)?;
        }
        // Before the start: a start that is cut short leaves nothing either.
        let leash = match options.life {
            Life::Ephemeral => Some(watchdog::Leash::new(home)?),
            Life::Lasting | Life::WhileUsed => None,
        };
        let mut found = match Self::running(home) {
            Some(cluster) => cluster,
            None => Self::start_in(home, options, account.as_ref())?,
        };
        if options.life == Life::WhileUsed {
            watchdog::watch(home)?;
        }
        found.watchdog = leash;
        Ok(found)
    }

    fn start_in(home: &Path, options: &ClusterOptions, account: Option<&Account>) -> Result<Self> {
        let data = home.join("postgres/data");
        let major = fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
        let binaries = Binaries::find(major)?;
        Account::may_reach(account, &data)?;
        let password = superuser_password(home)?;
        if major.is_none() {
            make_data_folder(home, &binaries, account, &password, &options.initdb)?;
        }
        let run = socket_folder(home);
        Account::own_folder(account, &run)?;
        let log = home.join("postgres/log");
        let mut port = fs::read_to_string(home.join("port"))
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .filter(|port| ports::is_free(*port));
        for attempt in 0.. {
            let at = match port.take() {
                Some(port) => port,
                None => ports::free_port().doing("looking for a free port")?,
            };
            configure(&data, &binaries, options, at, &run)?;
            let file =
                OpenOptions::new().create(true).append(true).open(&log).doing(format!("opening {}", log.display()))?;
            let mut command = Command::new(binaries.folder.join("postgres"));
            command.arg("-D").arg(&data).stdin(Stdio::null());
            command.stdout(file.try_clone().doing("opening the log")?).stderr(file);
            Account::prepare(account, &mut command);
            let mut server = command.spawn().doing("starting postgres")?;
            match Postmaster::wait_ready(&data, Some(&mut server), &log) {
                Ok(_) => {
                    fs::write(home.join("port"), at.to_string()).doing("keeping the port")?;
                    let url = own_url(&password, at);
                    Session::connect(&url)?;
                    return Ok(Self {
                        url,
                        home: Some(home.to_owned()),
                        port: at,
                        started: true,
                        server: Some(server),
                        watchdog: None,
                    });
                }
                // Another process took the port after we found it free.
                Err(error) if attempt < 4 && error.to_string().contains("could not create any TCP/IP sockets") => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Unavailable("no free port".to_owned()))
    }

    /// URL of the superuser, database `postgres`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// URL of a login in a database of this server.
    #[must_use]
    pub fn url_of(&self, role: &str, password: &str, database: &str) -> String {
        match crate::session::address(&self.url) {
            Ok(address) => address.as_login(role, Some(password)).in_database(database).url(),
            Err(_) => self.url.clone(),
        }
    }

    /// URL of the administrator in a database of this server.
    #[must_use]
    pub fn admin_url(&self, passwords: &Passwords, database: &str) -> String {
        self.url_of(ADMINISTRATOR, passwords.get(ADMINISTRATOR).unwrap_or_default(), database)
    }

    /// URL of the superuser in a database of this server.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        match crate::session::address(&self.url) {
            Ok(address) => address.in_database(database).url(),
            Err(_) => self.url.clone(),
        }
    }

    /// Did this value start the server (and didn't find it running)?
    #[must_use]
    pub fn started(&self) -> bool {
        self.started
    }

    /// Folder of the cluster, unless `DATABASE_URL` named a server.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The port on 127.0.0.1; 0 where `DATABASE_URL` named a server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server, also one that another process started; one named by `DATABASE_URL` is left running.
    pub fn stop(&mut self) -> Result<()> {
        let Some(home) = &self.home else {
            return Ok(());
        };
        let _lock = lock(home)?;
        Postmaster::stop(&home.join("postgres/data"), self.server.take())
    }

    /// Starts it again after [`Cluster::stop`], at the same port where that is still free.
    pub fn start_again(&mut self, options: &ClusterOptions) -> Result<()> {
        let Some(home) = self.home.clone() else {
            return Ok(());
        };
        let _lock = lock(&home)?;
        let mut again = Self::start_in(&home, options, Account::to_drop_to()?.as_ref())?;
        self.url.clone_from(&again.url);
        self.port = again.port;
        self.server = again.server.take();
        Ok(())
    }

    /// Kills the server as a crash would: SIGKILL to its first process, which the others follow.
    pub fn kill(&mut self) -> Result<()> {
        let Some(found) = self.home.as_ref().and_then(|home| Postmaster::alive(&home.join("postgres/data"))) else {
            return Ok(());
        };
        postmaster::send(found.pid, rustix::process::Signal::KILL)?;
        if let Some(mut server) = self.server.take() {
            server.wait().doing("waiting for postgres")?;
        }
        Ok(())
    }
}

impl Drop for Cluster {
    /// An ephemeral cluster ends here; the others stay.
    fn drop(&mut self) {
        let Some(leash) = self.watchdog.take() else {
            return;
        };
        if let Some(home) = &self.home {
            // The watchdog, if it still runs, tries again what fails here.
            let _ = Postmaster::stop(&home.join("postgres/data"), self.server.take());
        }
        leash.release();
    }
}

/// The superuser's URL of a server that was started here. What the environment says of another server (`PGSSLMODE=verify-full`) isn't meant
/// for it: so the URL says otherwise, but only then, for the shorter it is the better it reads.
fn own_url(password: &str, port: u16) -> String {
    let against = [
        ("PGHOSTADDR", "hostaddr=127.0.0.1"),
        ("PGSSLMODE", "sslmode=disable"),
        ("PGSSLNEGOTIATION", "sslnegotiation=postgres"),
        ("PGCHANNELBINDING", "channel_binding=prefer"),
        ("PGTARGETSESSIONATTRS", "target_session_attrs=any"),
    ];
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let by_service = is_set("PGSERVICE");
    let against: Vec<_> =
        against.into_iter().filter(|(name, _)| by_service || is_set(name)).map(|(_, parameter)| parameter).collect();
    let sign = if against.is_empty() { "" } else { "?" };
    format!("postgresql://postgres:{password}@127.0.0.1:{port}/postgres{sign}{}", against.join("&"))
}

fn lock(home: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(home.join("lock"))
        .doing(format!("opening {}", home.display()))?;
    file.lock().doing("waiting for another start")?;
    Ok(file)
}
