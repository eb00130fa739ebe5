//! What must be undone in a database that is no copy: noted there before it is done, so that the next start undoes it after a kill.

use schema::session::{Session, identifier, literal};

use super::surroundings::is_ours;
use crate::Failure;

/// The schema with the note.
const SCHEMA: &str = "lab_sql_undo";

/// Notes these statements for this process.
///
/// # Errors
/// When the database refuses it.
pub fn write(url: &str, statements: &[String]) -> Result<(), Failure> {
    let rows: Vec<String> = statements
        .iter()
        .enumerate()
        .map(|(at, sql)| format!("({}, {at}, {})", std::process::id(), literal(sql)))
        .collect();
    let sql = format!(
        "begin; create schema {SCHEMA}; create table {SCHEMA}.statements (process int not null, place int not null, sql text not null);
         insert into {SCHEMA}.statements values {}; commit",
        rows.join(", ")
    );
    Ok(Session::connect_uncounted(url)?.run(&sql, "noting how the remedy is undone")?)
}

/// All was undone.
///
/// # Errors
/// When the database refuses it.
pub fn remove(url: &str) -> Result<(), Failure> {
    Ok(Session::connect_uncounted(url)?
        .run(&format!("drop schema if exists {SCHEMA} cascade"), "removing the note of the remedy")?)
}

/// The process that made the note, and its statements; none where this login or a superuser has made none.
///
/// # Errors
/// When the database can't be asked.
pub fn read(url: &str) -> Result<Option<(i32, Vec<String>)>, Failure> {
    let mut session = Session::connect_uncounted(url)?;
    if !is_ours(&mut session, SCHEMA)? {
        return Ok(None);
    }
    let process = session.value(&format!("select coalesce(min(process), 0) from {SCHEMA}.statements"))?;
    Ok(Some((process, session.texts(&format!("select sql from {SCHEMA}.statements order by place"))?)))
}

/// Runs statements one by one, each by itself: some can't be run in a transaction. `:"DBNAME"` is the database, as psql has it.
///
/// # Errors
/// A usage error with the statement and the server's reason.
pub fn run(url: &str, what: &str, statements: &[String]) -> Result<(), Failure> {
    let mut session = Session::connect_uncounted(url)?;
    let database = identifier(&session.value::<String>("select current_database()::text")?);
    for sql in statements {
        session
            .run(&sql.replace(":\"DBNAME\"", &database), what)
            .map_err(|error| Failure::usage(format!("{error}, in `{sql}`.")))?;
    }
    Ok(())
}
