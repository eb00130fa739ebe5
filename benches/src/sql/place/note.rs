//! What must be undone in a database that is no copy: noted there before it is done, so that the next start undoes it after a kill.

use schema::copy::Definitions;
use schema::session::{Session, identifier, literal};
use sha2::{Digest as _, Sha256};

use super::surroundings::is_ours;
use crate::Failure;

/// The schema with the note.
const SCHEMA: &str = "lab_sql_undo";

/// How a remedy is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The process that tries it.
    pub process: i32,
    /// Its file, for messages.
    pub file: String,
    /// Statements.
    pub statements: Vec<String>,
    /// What was defined before, see [`fingerprint`].
    pub before: String,
}

/// The same text for the same definitions.
pub fn fingerprint(of: &Definitions) -> String {
    let mut lines: Vec<&String> = of.database.iter().chain(&of.server).collect();
    // Settings of roles are listed in the order in which they were made.
    lines.sort_unstable();
    let mut digest = Sha256::new();
    lines.iter().for_each(|line| digest.update(format!("{line}\n")));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Note {
    /// Writes it into the database.
    ///
    /// # Errors
    /// When the database refuses it.
    pub fn write(&self, url: &str) -> Result<(), Failure> {
        let Self { process, file, statements, before } = self;
        let row = |(at, sql): (usize, &String)| {
            format!("({process}, {at}, {}, {}, {})", literal(sql), literal(file), literal(before))
        };
        let rows: Vec<String> = statements.iter().enumerate().map(row).collect();
        let sql = format!(
            "begin; create schema {SCHEMA}; create table {SCHEMA}.statements
                 (process int not null, place int not null, sql text not null, file text not null, before text not null);
             insert into {SCHEMA}.statements values {}; commit",
            rows.join(", ")
        );
        Ok(Session::connect_uncounted(url)?.run(&sql, "noting how the remedy is undone")?)
    }

    /// The one in this database; none where this login or a superuser has made none.
    ///
    /// # Errors
    /// When the database can't be asked.
    pub fn read(url: &str) -> Result<Option<Self>, Failure> {
        let mut session = Session::connect_uncounted(url)?;
        if !is_ours(&mut session, SCHEMA)? {
            return Ok(None);
        }
        let mut first = |what: &str| session.texts(&format!("select {what} from {SCHEMA}.statements order by place"));
        let one = |found: Vec<String>| found.into_iter().next().unwrap_or_default();
        Ok(Some(Self {
            process: one(first("process::text")?).parse().unwrap_or(0),
            file: one(first("file")?),
            before: one(first("before")?),
            statements: first("sql")?,
        }))
    }

    /// Undoes the remedy, also one that was applied only in part: then statements may fail, as long as what is defined is in the end what it was.
    ///
    /// # Errors
    /// A usage error with the first statement that fails; the note is there then.
    pub fn undo(&self, url: &str) -> Result<(), Failure> {
        let mut session = session(url)?;
        let failed = self.statements.iter().filter_map(|sql| run_one(&mut session, &self.file, sql).err());
        let failed: Vec<Failure> = failed.collect();
        drop(session);
        remove(url)?;
        let Some(error) = failed.into_iter().next() else {
            return Ok(());
        };
        if Definitions::read(url).is_ok_and(|now| fingerprint(&now) == self.before) {
            return Ok(());
        }
        self.write(url)?;
        Err(error)
    }
}

/// All was undone.
///
/// # Errors
/// When the database refuses it.
pub fn remove(url: &str) -> Result<(), Failure> {
    Ok(Session::connect_uncounted(url)?
        .run(&format!("drop schema if exists {SCHEMA} cascade"), "removing the note of the remedy")?)
}

/// Runs statements one by one, each by itself: some can't be run in a transaction. `:"DBNAME"` is the database, as psql has it.
///
/// # Errors
/// A usage error with the statement and the server's reason.
pub fn run(url: &str, what: &str, statements: &[String]) -> Result<(), Failure> {
    let mut session = session(url)?;
    statements.iter().try_for_each(|sql| run_one(&mut session, what, sql))
}

/// Name of the sessions in which a process runs statements of remedies: such a statement goes on where only the process is killed.
pub fn session_name(process: i32) -> String {
    format!("lab_sql_{process}")
}

/// For statements of remedies: over the search path that the login has.
fn session(url: &str) -> Result<Session, Failure> {
    let mut session = Session::connect_uncounted(url)?.over_its_path()?;
    let name = session_name(i32::try_from(std::process::id()).unwrap_or(0));
    session.run(&format!("set application_name = {}", literal(&name)), "naming the session")?;
    Ok(session)
}

fn run_one(session: &mut Session, what: &str, sql: &str) -> Result<(), Failure> {
    let database = identifier(&session.value::<String>("select pg_catalog.current_database()::pg_catalog.text")?);
    session
        .run(&sql.replace(":\"DBNAME\"", &database), what)
        .map_err(|error| Failure::usage(format!("{error}, in `{sql}`.")))
}
