//! A copy of a database on the same server, for trials.

mod definition;
mod dump;
mod roles;
mod sample;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dump::{pipe, program};

use crate::counters;
use crate::encoding;
use crate::error::Result;
use crate::session::{Session, address, identifier};
pub use definition::Definitions;
pub use roles::roles;
pub use sample::Partial;

/// Existing copies, each with the URL of its original, to drop them on an interrupt. Locked while one is being made.
static THERE: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn there() -> MutexGuard<'static, BTreeMap<String, String>> {
    THERE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops every copy of this process, also one that is being made, before the process ends by a signal. No copy can be made afterwards.
pub fn drop_all() {
    let there = there();
    for (name, original) in there.iter() {
        drop_database(original, name, false);
    }
    std::mem::forget(there);
}

/// How long a server that begins anew, as after a crash, is waited for.
const RESTART_MAX: Duration = Duration::from_secs(20);

fn drop_database(original: &str, name: &str, elsewhere: bool) {
    let until = Instant::now() + RESTART_MAX;
    loop {
        let gone = maintenance(original).and_then(|mut session| {
            forget(&mut session, original, name);
            session.run(&format!("drop database if exists {name} with (force)"), "dropping the copy")
        });
        match gone {
            Err(_) if elsewhere => return,
            // Those of other classes are answers.
            Err(error) if error.sqlstate().is_none_or(|code| code.starts_with("57P")) && Instant::now() < until => {
                thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return eprintln!("dba: the copy {name} could not be dropped: {error}"),
            Ok(()) => return,
        }
    }
}

/// Removes the counters of a copy from `pg_stat_statements`, where our sessions were counted and we may reset: they are of no use, and would replace
/// statements of services. The functions are where the extension is: in the original.
fn forget(session: &mut Session, original: &str, name: &str) {
    let counted = "select coalesce(current_setting('pg_stat_statements.track', true), 'none') <> 'none'";
    if !session.value(counted).unwrap_or(false) {
        return;
    }
    let Ok(mut session) = Session::connect_uncounted(original) else {
        return;
    };
    for schema in session.texts(counters::SCHEMA).unwrap_or_default() {
        let sql = format!("select {schema}.pg_stat_statements_reset(0, oid, 0) from pg_database where datname = $1");
        // Not every role has the right; then they stay.
        let _ = session.client.execute(&sql, &[&name]);
    }
}

/// A session where databases are made and dropped from.
fn maintenance(original: &str) -> Result<Session> {
    Session::connect_uncounted(&address(original)?.in_database("postgres").url())
}

/// Bytes of a database that is copied through the write-ahead log, as the server does by itself: its segments are there already. A larger one could
/// fill the disk of the log, and then the whole server crashes; where there is no room for files, only the copy fails.
const THROUGH_WAL_MAX: u64 = 64 << 20;

/// A copy of a database: structure, owners, rights, rows. Roles are the server's, so it has the same. Dropped with the value.
#[derive(Debug)]
pub struct Copy {
    original: String,
    name: String,
    url: String,
    /// How it was made, in words.
    pub how: &'static str,
    /// How long that took.
    pub took: Duration,
    /// Of a sample: the tables that aren't whole.
    pub partial: Partial,
    /// On another server than its original: that one goes with whoever made it, also where it is lost, or its disk is full.
    elsewhere: bool,
}

impl Copy {
    /// Copies its files, which is only possible while no session is connected; `purpose` becomes part of its name.
    ///
    /// # Errors
    /// Where a session is connected, or we may not create databases.
    pub fn of(url: &str, purpose: &str) -> Result<Self> {
        let started = Instant::now();
        let mut copy = Self::named(url, purpose)?;
        let rights = database_rights(url)?;
        let template = identifier(address(url)?.database());
        let by_files: bool = Session::connect_uncounted(url)?.value(&format!(
            "select current_setting('server_version_num')::int >= 150000 and pg_database_size(current_database()) > {THROUGH_WAL_MAX}"
        ))?;
        let strategy = if by_files { " strategy file_copy" } else { "" };
        copy.create(&format!("template {template}{strategy}"), &rights, "a copy of the files")?;
        copy.took = started.elapsed();
        Ok(copy)
    }

    /// An empty database, which anybody may connect to, as in one that is made by hand.
    ///
    /// # Errors
    /// Where we may not create databases.
    pub fn empty(url: &str, purpose: &str) -> Result<Self> {
        let mut made = Self::named(url, purpose)?;
        made.create("", &["grant connect, temporary on database %s to public".to_owned()], "made empty")?;
        Ok(made)
    }

    /// Copies its files if no session is connected, else what `pg_dump` reads, which takes longer and keeps a snapshot open meanwhile. Without `rows`:
    /// structure and rights only.
    ///
    /// # Errors
    /// Where neither is possible.
    pub fn of_busy(url: &str, purpose: &str, rows: bool) -> Result<Self> {
        let busy: i64 = Session::connect_uncounted(url)?.value("select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'")?;
        if busy == 0 && rows {
            return Self::of(url, purpose);
        }
        let how = if rows {
            "pg_dump and pg_restore, because sessions are connected: every row read once, in one snapshot"
        } else {
            "pg_dump and pg_restore of the structure alone"
        };
        Self::dumped(url, url, purpose, rows, how)
    }

    /// What `pg_dump` reads, on another server, which has the roles already (see [`roles`]); `server` is a superuser's URL there.
    ///
    /// # Errors
    /// Where one of the two refuses it.
    pub fn elsewhere(url: &str, server: &str, purpose: &str) -> Result<Self> {
        let how = "pg_dump and pg_restore into a server of its own: every row read once, in one snapshot";
        Self::dumped(url, server, purpose, true, how)
    }

    fn dumped(url: &str, server: &str, purpose: &str, rows: bool, how: &'static str) -> Result<Self> {
        let started = Instant::now();
        let mut copy = Self::alike(url, server, purpose, how)?;
        pipe(url, &copy.url, if rows { &[] } else { &["--schema-only"] })?;
        if rows {
            // Functions of indexes may need the usual search path.
            Session::connect_uncounted(&copy.url)?.over_its_path()?.run("analyze", "analysing the copy")?;
        }
        copy.took = started.elapsed();
        Ok(copy)
    }

    /// The structure, and at most `rows` rows of each table with all rows that these refer to by foreign keys; of one snapshot, in which nothing is written.
    /// On the same server, or on another one as for [`elsewhere`](Self::elsewhere).
    ///
    /// # Errors
    /// Where `pg_dump` isn't found, we may not read all tables or not create databases.
    pub fn of_sample(url: &str, server: &str, purpose: &str, rows: u64) -> Result<Self> {
        let started = Instant::now();
        let (mut source, snapshot) = sample::snapshot(url)?;
        let how = "pg_dump and pg_restore of the structure, and a sample of the rows, in one snapshot";
        let mut copy = Self::alike(url, server, purpose, how)?;
        let snapshot = format!("--snapshot={snapshot}");
        pipe(url, &copy.url, &["--section=pre-data", &snapshot])?;
        let mut target = Session::connect_uncounted(&copy.url)?;
        copy.partial = sample::rows(&mut source, &mut target, rows)?;
        pipe(url, &copy.url, &["--section=post-data", &snapshot])?;
        sample::finish(&mut source, &mut target)?;
        copy.took = started.elapsed();
        Ok(copy)
    }

    /// URL of it: the same login.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Empty, on that server, with the encoding, collation and rights of the original.
    fn alike(url: &str, server: &str, purpose: &str, how: &'static str) -> Result<Self> {
        let mut copy = Self::named(server, purpose)?;
        copy.elsewhere = server != url;
        let rights = database_rights(url)?;
        let alike = encoding::same(&mut Session::connect_uncounted(url)?)?;
        copy.create(&format!("template template0 {alike}"), &rights, how)?;
        let public = "select exists (select from pg_namespace where nspname = 'public')";
        if !Session::connect_uncounted(url)?.value::<bool>(public)? {
            // No dump says that it isn't there. Before 15 it is a superuser's, and for others it stays.
            let _ = Session::connect_uncounted(&copy.url)?.run("drop schema public", "dropping the schema public");
        }
        Ok(copy)
    }

    fn named(url: &str, purpose: &str) -> Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dba_{purpose}_{}_{number}", std::process::id());
        Ok(Self {
            original: url.to_owned(),
            url: address(url)?.in_database(&name).url(),
            name,
            how: "",
            took: Duration::ZERO,
            partial: Partial::new(),
            elsewhere: false,
        })
    }

    fn create(&mut self, template: &str, rights: &[String], how: &'static str) -> Result<()> {
        self.how = how;
        let mut there = there();
        there.insert(self.name.clone(), self.original.clone());
        let mut session = maintenance(&self.original)?;
        session.run(&format!("create database {} {template}", self.name), "copying the database")?;
        drop(there);
        session.run(&format!("revoke all on database {} from public", self.name), "rights on the copy")?;
        for right in rights {
            session.run(&right.replace("%s", &self.name), "rights on the copy")?;
        }
        Ok(())
    }
}

/// Rights on the database itself, which a copy doesn't have; `%s` for its name.
fn database_rights(url: &str) -> Result<Vec<String>> {
    Session::connect_uncounted(url)?.texts(
        "select format('grant %s on database %%s to %s', a.privilege_type, case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
         from pg_database d cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a where d.datname = current_database()",
    )
}

impl Drop for Copy {
    fn drop(&mut self) {
        drop_database(&self.original, &self.name, self.elsewhere);
        there().remove(&self.name);
    }
}
