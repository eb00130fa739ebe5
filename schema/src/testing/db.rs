//! A database for each test, cloned from a template.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use diesel::{Connection as _, PgConnection};

use crate::apply::{ApplyOptions, install};
use crate::bootstrap::{self, BootstrapOptions};
use crate::cluster::binaries::{Binaries, client_tool};
use crate::cluster::{Cluster, ClusterOptions, Life, postmaster};
use crate::embedded::fingerprint;
use crate::error::{Error, Result};
use crate::passwords::Passwords;
use crate::roles::RolesFile;
use crate::session::Session;
use crate::testing::needs::needs;

/// One builder of a template at a time, over all processes: taken in the maintenance database, for advisory locks are per database.
const LOCK: i64 = 0x676f_7672_0003;

/// The cluster that test processes share.
struct Shared {
    cluster: Cluster,
    passwords: Passwords,
    template: String,
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| match open() {
        Ok(shared) => shared,
        Err(error) => panic!("no database to test with: {error}"),
    })
}

fn open() -> Result<Shared> {
    let version = Binaries::find(None)?.version;
    let uid = rustix::process::geteuid().as_raw();
    let home: PathBuf = std::env::temp_dir().join(format!("govrnanza-test-{uid}-{version}"));
    let options = ClusterOptions {
        home: Some(home.clone()),
        life: Life::WhileUsed,
        careless: true,
        ..ClusterOptions::ephemeral()
    };
    let cluster = Cluster::find_or_start(&options)?;
    let mut session = Session::connect(cluster.url())?;
    session.client.batch_execute(&format!("do $$ begin perform pg_advisory_lock({LOCK}); end $$")).map_err(lost)?;
    let passwords = Passwords::load(&home.join("passwords"))?;
    let template = template(&mut session, &cluster, &passwords)?;
    sweep(&mut session)?;
    Ok(Shared { cluster, passwords, template })
}

/// The database that tests are clones of, named for everything that made it.
fn template(session: &mut Session, cluster: &Cluster, passwords: &Passwords) -> Result<String> {
    let name = format!("template_{}", fingerprint());
    let ready: Option<bool> = session
        .client
        .query_opt("select datistemplate from pg_database where datname = $1", &[&name])
        .map_err(lost)?
        .map(|row| row.get(0));
    if ready == Some(true) {
        return Ok(name);
    }
    if ready == Some(false) {
        session.run(&format!("drop database {name} with (force)"), "dropping a template that wasn't finished")?;
    }
    install(cluster, &name, passwords, &ApplyOptions { connection_limits: false, ..ApplyOptions::default() })?;
    session.run(&format!("alter database {name} is_template true allow_connections false"), "closing the template")?;
    Ok(name)
}

/// Drops databases whose test process has ended without doing so.
fn sweep(session: &mut Session) -> Result<()> {
    for name in session.texts("select datname::text from pg_database where datname like 'test\\_%'")? {
        let pid = name.split('_').nth(1).and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| !postmaster::lives(pid)) {
            session.run(&format!("drop database if exists {name} with (force)"), "sweeping")?;
        }
    }
    Ok(())
}

fn lost(error: postgres::Error) -> Error {
    Error::Unavailable(format!("test cluster: {error}"))
}

/// The connection that makes and drops databases: one for each process, in the maintenance database.
fn maintenance<T>(work: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
    static SESSION: OnceLock<Mutex<Option<Session>>> = OnceLock::new();
    let mut slot = SESSION.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let mut session = match slot.take() {
        Some(session) => session,
        None => Session::connect(shared().cluster.url())?,
    };
    let done = work(&mut session)?;
    *slot = Some(session);
    Ok(done)
}

/// The path of a `pg_dump` that can read the tests' server; see [`needs`].
#[must_use]
pub fn dump_program() -> Option<PathBuf> {
    needs(maintenance(|session| client_tool("pg_dump", session)))
}

/// A database of its own, with all tables, views, keys and rights, and no rows but the built-in plans. Dropped with the value.
#[derive(Debug)]
pub struct TestDb {
    name: String,
}

impl TestDb {
    /// Clones the template.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "making a database is nothing to be done by default")]
    pub fn new() -> Self {
        let name = format!("test_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let made = maintenance(|session| {
            session.run(
                &format!("create database {name} template {} owner govrnanza_admin", shared().template),
                "cloning",
            )?;
            // A clone carries no rights on the database itself.
            let file = RolesFile::default();
            let rights: String =
                file.applied(&name).iter().filter(|s| s.of_database(&name)).map(|s| format!("{};", s.sql)).collect();
            session.run(&rights, "rights on the clone")
        });
        match made {
            Ok(()) => Self { name },
            Err(error) => panic!("no test database: {error}"),
        }
    }

    /// A database with roles and schemas alone: what `dba apply` finds the first time.
    #[must_use]
    pub fn bootstrapped() -> Self {
        let name = format!("test_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let options = BootstrapOptions { database: name.clone(), ..BootstrapOptions::default() };
        match bootstrap::run(shared().cluster.url(), &shared().passwords, &options) {
            Ok(_) => Self { name },
            Err(error) => panic!("no test database: {error}"),
        }
    }

    /// URL of a login in it; `superuser` is one, too.
    #[must_use]
    pub fn url(&self, role: &str) -> String {
        let shared = shared();
        if role == "superuser" {
            return shared.cluster.superuser_url(&self.name);
        }
        match shared.passwords.get(role) {
            Some(password) => shared.cluster.url_of(role, password, &self.name),
            None => panic!("{role} is no login: {:?}", crate::roles::LOGINS),
        }
    }

    /// A connection of this login.
    #[must_use]
    pub fn connect(&self, role: &str) -> PgConnection {
        match PgConnection::establish(&self.url(role)) {
            Ok(conn) => conn,
            Err(error) => panic!("{role} can't connect to {}: {error}", self.name),
        }
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let gone = maintenance(|session| {
            session.run(&format!("drop database if exists {} with (force)", self.name), "dropping")
        });
        if let Err(error) = gone {
            // The next process sweeps.
            eprintln!("{} is left: {error}", self.name);
        }
    }
}
