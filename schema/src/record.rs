//! Statements recorded while a command ran: the counters of `pg_stat_statements` after it minus those before. Nothing is reset.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::counters;
use crate::error::{Doing, Error, Result};
use crate::impact::Statement;
use crate::session::{address, connect, value};

/// What was recorded; as JSON the file that `dba record` writes and `dba impact --statements` reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Of this form: 1.
    pub version: u32,
    /// The command: words of a command line.
    pub command: Vec<String>,
    /// How often `pg_stat_statements` removed statements meanwhile because it was full: if not 0, some may be missing.
    pub evictions: i64,
    /// Statements, by role.
    pub statements: Vec<Statement>,
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Usage`] where it isn't one.
    pub fn load(path: &Path) -> Result<Self> {
        let refuse =
            |what: String| Error::Usage(format!("{} is not a recording of dba record: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        let read: Self = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        match read.version {
            1 => Ok(read),
            other => Err(refuse(format!("its version is {other}, not 1"))),
        }
    }
}

/// The counters at one moment.
pub struct Counted {
    calls: BTreeMap<(String, String), i64>,
    evictions: i64,
}

impl Counted {
    /// Reads them: of the database of `url`, or of all. Statements of superusers are left out. Where the extension isn't in the database, it is made in a
    /// transaction that is rolled back.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the server doesn't count, or hides other roles' statements from us.
    pub fn read(url: &str, every_database: bool) -> Result<Self> {
        let mut client = connect(&address(url)?, |_| {}).doing("connecting to read pg_stat_statements")?;
        client.batch_execute("begin").doing("reading pg_stat_statements")?;
        let schema = match client.query_opt(counters::SCHEMA, &[]).doing("looking for pg_stat_statements")? {
            Some(row) => row.get(0),
            None => {
                let make = "create schema dba_record; create extension pg_stat_statements schema dba_record";
                client
                    .batch_execute(make)
                    .doing("this database has no pg_stat_statements, and it can't be created temporarily")?;
                "dba_record".to_owned()
            }
        };
        let calls = counters::read(&mut client, &schema, every_database)?;
        let evictions = value(&mut client, &format!("select dealloc from {schema}.pg_stat_statements_info"))?;
        client.batch_execute("rollback").doing("reading pg_stat_statements")?;
        Ok(Self { calls: calls.into_iter().map(|one| ((one.role, one.sql), one.calls)).collect(), evictions })
    }

    /// What was run from `self` to `after`, by roles and texts.
    #[must_use]
    pub fn until(&self, after: &Self, command: &[String]) -> Recording {
        let more = |key: &(String, String), calls: i64| {
            let before = self.calls.get(key).copied().unwrap_or(0);
            // The counters were reset meanwhile: all of this was counted since then.
            u64::try_from(if calls < before { calls } else { calls - before }).unwrap_or(0)
        };
        let statements = after.calls.iter().filter_map(|(key, calls)| {
            let calls = Some(more(key, *calls)).filter(|calls| *calls > 0)?;
            let (role, sql) = key.clone();
            Some(Statement { role, sql, calls, values: None })
        });
        Recording {
            version: 1,
            command: command.to_vec(),
            evictions: after.evictions - self.evictions,
            statements: statements.collect(),
        }
    }
}
