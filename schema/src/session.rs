//! A connection that treats warnings as errors.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use connection::Address;
use postgres::error::DbError;
use postgres::{Client, Config};

use crate::error::{Doing, Error, Result};
pub use crate::own_path::{OWN_PATH, connect, connect_uncounted, uncounted};

/// One `dba apply` at a time in a database.
const APPLY_LOCK: i64 = 0x676f_7672_0002;

/// Names are looked for over our own search path, see [`OWN_PATH`].
///
/// Postgres answers a GRANT that has no effect with a warning only (01007, 01006). Here it is an error: a right that is wrongly believed to be
/// granted or revoked is worse than a failure.
pub struct Session {
    /// The connection.
    pub client: Client,
    warnings: Arc<Mutex<Vec<DbError>>>,
}

impl Session {
    /// Connects by a connection string.
    pub fn connect(url: &str) -> Result<Self> {
        Self::open(&address(url)?, true)
    }

    /// Connects by a connection string; what is run isn't counted, see [`connect_uncounted`].
    pub fn connect_uncounted(url: &str) -> Result<Self> {
        Self::open(&address(url)?, false)
    }

    /// Connects by a connection string to another database than it names.
    pub fn connect_to(url: &str, database: &str) -> Result<Self> {
        Self::open(&address(url)?.in_database(database), true)
    }

    fn open(address: &Address, counted: bool) -> Result<Self> {
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let prepare = |config: &mut Config| {
            let kept = Arc::clone(&warnings);
            config.application_name("dba").notice_callback(move |notice| {
                if notice.severity() == "WARNING"
                    || notice.parsed_severity() == Some(postgres::error::Severity::Warning)
                {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
                }
            });
        };
        let address = address.or("connect_timeout", "10");
        let client = if counted { connect(&address, prepare) } else { connect_uncounted(&address, prepare) };
        let client = client.map_err(|error| connecting(&address, error))?;
        Ok(Self { client, warnings })
    }

    /// Over the search path that the login has by itself: for statements of others, and for names that somebody gave.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn over_its_path(mut self) -> Result<Self> {
        self.run("reset search_path", "going back to the login's search path")?;
        Ok(self)
    }

    /// Runs one or more statements; a warning is an error. `doing` names them for the reader of an error.
    pub fn run(&mut self, sql: &str, doing: &str) -> Result<()> {
        self.client.batch_execute(sql).doing(doing)?;
        self.warned(doing)
    }

    /// Runs exactly one statement: Postgres refuses more than one. For the text of others.
    pub fn run_one(&mut self, sql: &str, doing: &str) -> Result<()> {
        self.client.execute(sql, &[]).doing(doing)?;
        self.warned(doing)
    }

    fn warned(&mut self, doing: &str) -> Result<()> {
        let warnings = std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        match warnings.first() {
            None => Ok(()),
            Some(warning) => Err(Error::Finding(format!(
                "{doing}: Postgres only warned, \"{}\" [{}], which means that it had no effect",
                warning.message(),
                warning.code().code()
            ))),
        }
    }

    /// Runs `work` in a transaction: committed if it succeeds, else rolled back.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.run("begin", "begin")?;
        match work(self) {
            Ok(value) => {
                self.run("commit", "commit")?;
                Ok(value)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// Runs `work` behind a savepoint and rolls back to it: no other session sees what `work` changed. Only within a transaction; an error of
    /// `work` leaves that transaction aborted.
    pub fn discarding<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.run("savepoint discarding", "savepoint")?;
        let value = work(self)?;
        self.run("rollback to savepoint discarding; release savepoint discarding", "rollback to savepoint")?;
        Ok(value)
    }

    /// Runs `work` again when it failed only because of another session (lock timeout, deadlock): at most `tries` times.
    pub fn patiently<T>(&mut self, tries: u32, mut work: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let mut tried = 0;
        loop {
            let error = match work(self) {
                Err(error) if error.passes() => error,
                done => return done,
            };
            // A statement that fails outside `transaction` leaves the session within one.
            self.roll_back();
            tried += 1;
            if tried >= tries {
                let blockers = self.blockers().unwrap_or_default();
                return Err(Error::Unavailable(format!(
                    "gave up after {tried} tries, because other sessions hold the locks that it needs ({blockers}): {error}"
                )));
            }
            // Time for those who wait, growing: 50, 100, … 1000 ms.
            std::thread::sleep(Duration::from_millis(u64::from(tried.min(20)) * 50));
        }
    }

    /// Waits until no other `dba apply` runs in this database. Asks again and again, because a session that waits in the server would hold a
    /// snapshot meanwhile. Held until the connection ends.
    pub fn exclusive(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline {
            if self.value::<bool>(&format!("select pg_try_advisory_lock({APPLY_LOCK})"))? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(Error::Unavailable(
            "another apply has been running in this database for two minutes: wait for it, then try again".to_owned(),
        ))
    }

    /// Sessions that hold locks on relations of this database.
    fn blockers(&mut self) -> Result<String> {
        let found = self.texts(
            "select distinct format('pid %s, %s', a.pid, coalesce(a.usename, 'a background process')) from pg_locks l join pg_stat_activity a using (pid)
             where l.granted and l.locktype = 'relation' and l.relation >= 16384 and l.pid <> pg_backend_pid()
                 and l.database = (select oid from pg_database where datname = current_database())",
        )?;
        Ok(if found.is_empty() { "they have ended meanwhile".to_owned() } else { found.join("; ") })
    }

    /// Ends a transaction that failed, if there is one. The first error is the one to report: a failed rollback ends with the connection.
    pub fn roll_back(&mut self) {
        let _ = self.client.batch_execute("rollback");
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// One value of one row.
    pub fn value<T: for<'a> postgres::types::FromSql<'a>>(&mut self, sql: &str) -> Result<T> {
        value(&mut self.client, sql)
    }

    /// Is the role of this session a superuser?
    pub fn is_superuser(&mut self) -> Result<bool> {
        self.value("select rolsuper from pg_roles where rolname = current_user")
    }

    /// First column, as text, of every row.
    pub fn texts(&mut self, sql: &str) -> Result<Vec<String>> {
        let rows = self.client.query(sql, &[]).doing(sql.to_owned())?;
        rows.iter().map(|row| row.try_get(0).doing(sql.to_owned())).collect()
    }
}

/// One value of one row.
pub fn value<T: for<'a> postgres::types::FromSql<'a>>(client: &mut Client, sql: &str) -> Result<T> {
    client.query_one(sql, &[]).and_then(|row| row.try_get(0)).doing(sql.to_owned())
}

/// Notes on addresses that were printed: each once.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Reads a connection string; what is passed over is said once, on standard error.
pub fn address(url: &str) -> Result<Address> {
    let address = Address::read(url)?;
    let unchecked = address.unchecked().map(|name| format!("`{name}` is passed over: it can't be checked here"));
    let passwords = address.hosts().iter().filter_map(|host| address.password(host).err());
    for note in address.notes().iter().cloned().chain(unchecked).chain(passwords) {
        if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(note.clone()) {
            eprintln!("warning: {note}");
        }
    }
    Ok(address)
}

pub(crate) fn connecting(address: &Address, error: connection::Error) -> Error {
    let (who, database) = (address.user(), address.database());
    match error {
        connection::Error::Postgres(source) if source.as_db_error().is_some() => {
            Error::Database { doing: format!("connecting to {database} as {who}"), source: Box::new(source) }
        }
        connection::Error::Postgres(source) => {
            let why = connection::sentence(&source);
            Error::Unavailable(format!("can't reach Postgres for {database} as {who}: {why}"))
        }
        other => other.into(),
    }
}

/// Keywords of Postgres that are quoted as names, as `quote_ident` does: all that `pg_get_keywords()` doesn't call unreserved.
const KEYWORDS: &str = "
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char character check coalesce
    collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join lateral
    leading least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset on only or
    order out outer overlaps overlay placing position precision primary real references returning right row select session_user setof similar
    smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true union unique user using values varchar
    variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
";

/// An identifier, quoted where it must be.
pub fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let plain = plain && !KEYWORDS.split_whitespace().any(|word| word == name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Literals, quoted, for `in (…)`.
pub fn literals<T: AsRef<str>>(texts: &[T]) -> String {
    texts.iter().map(|text| literal(text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A literal, quoted.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
