//! The input: a change, the statements that it may break, where to try it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::change_file;
use super::unknown::Reason;
use super::words::first_word;
use crate::error::{Error, Result};
use crate::roles;
use crate::shell_command::ShellCommand;

/// A change of the database: one or more statements that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Without semicolons. `begin` and `commit` are left out: what is tried is one transaction anyway, and never committed.
    pub statements: Vec<String>,
    /// The role that runs it (`set role`): it becomes the owner of new objects. Without: the connecting role.
    pub role: Option<String>,
    /// Each statement is committed, as psql does it; else the change is one transaction.
    pub per_statement: bool,
    /// In place of statements: a command that makes the change in the clone.
    pub command: Option<ShellCommand>,
}

impl Change {
    /// Reads SQL: a statement, or a migration file.
    #[must_use]
    pub fn new(sql: &str) -> Self {
        let split = roles::statements(sql, 1).into_iter().map(|one| one.sql);
        let statements = change_file::whole(split).into_iter().filter(|sql| !brackets(sql)).collect();
        Self { statements, role: None, per_statement: false, command: None }
    }

    /// What a command changes. It commits, and what it does to roles, settings and other databases of the server stays.
    #[must_use]
    pub fn by_command(command: ShellCommand) -> Self {
        Self { statements: Vec::new(), role: None, per_statement: true, command: Some(command) }
    }

    /// Reads a file as psql, dbmate, goose and sql-migrate take it: of up and down, the part upwards; psql's own lines are left out. Also returns notes of what
    /// was left out.
    ///
    /// # Errors
    /// [`Error::Usage`] where a line of psql's or a variable would change what is run.
    pub fn of_file(text: &str) -> Result<(Self, Vec<String>)> {
        let read = change_file::read(text)?;
        let mut change = Self::new(&read.sql);
        change.per_statement = read.per_statement;
        Ok((change, read.notes))
    }

    /// Refuses a change that is empty or can't be tried there.
    pub(super) fn check(&self, options: &Options) -> Result<()> {
        if self.statements.is_empty() && self.command.is_none() {
            return Err(Error::Usage("the change contains no statement".into()));
        }
        if options.on == On::Live && options.queue.is_some() {
            return Err(Error::Usage(
                "a queue is only measured on a clone: on a live database the services would really wait".into(),
            ));
        }
        if options.on == On::Live && self.per_statement {
            return Err(Error::Usage(
                "on a live database nothing is committed: leave out --transaction per-statement, or try it on a clone"
                    .into(),
            ));
        }
        for sql in &self.statements {
            let lower = sql.to_ascii_lowercase();
            let word = first_word(&lower);
            if word == "copy" {
                return Err(Error::Usage(
                    "a change with `copy` can't be tried: it moves data in or out of the server".into(),
                ));
            }
            if ["rollback", "abort", "prepare"].contains(&word) {
                return Err(Error::Usage(format!(
                    "a change with `{word}` can't be tried: the change is rolled back as a whole anyway"
                )));
            }
            // Set by a function or a block, it would take effect before we could set it back.
            if options.on == On::Live && lower.contains("lock_timeout") && word != "set" {
                return Err(Error::Usage(
                    "on a live database dba sets the lock timeout itself: remove it from the change".into(),
                ));
            }
        }
        Ok(())
    }

    /// Run as this role.
    #[must_use]
    pub fn by(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }
}

/// `begin`, `start transaction`, `commit`, `end`, with whatever follows.
fn brackets(sql: &str) -> bool {
    let word = first_word(sql);
    ["begin", "start", "commit", "end"].iter().any(|bracket| word.eq_ignore_ascii_case(bracket))
}

/// A statement that a service runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// The role that runs it: `registry_reader`.
    pub role: String,
    /// With `$1` … for parameters.
    pub sql: String,
    /// How often it was seen; 0 where that isn't known.
    #[serde(default)]
    pub calls: u64,
    /// Values that it was seen with, in the text form of Postgres, `null` for NULL: with them it is really executed on the clone, before and after, and
    /// what depends on values (NOT NULL, CHECK, a trigger's body) is seen, too. Without them it is only planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Option<String>>>,
}

impl From<crate::coupling::statements::Statement> for Statement {
    fn from(seen: crate::coupling::statements::Statement) -> Self {
        Self { role: seen.role, sql: seen.sql, calls: u64::try_from(seen.calls).unwrap_or_default(), values: None }
    }
}

/// Where a change is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum On {
    /// On a copy that is dropped afterwards.
    Clone,
    /// In the database itself, in a transaction that is rolled back, with a lock timeout of at most [`LIVE_LOCK_TIMEOUT`]. Other sessions wait for its
    /// locks, and a rewrite that is rolled back has still written the whole table and its WAL.
    Live,
}

/// No statement on a live database waits longer for a lock than this, because all later statements wait behind it.
pub const LIVE_LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// How.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where.
    pub on: On,
    /// Service of a role, where its name doesn't tell (see [`super::service_of`]).
    pub services: BTreeMap<String, String>,
    /// The clone holds the data, too (else structure and rights alone: cheaper, and nothing is said about rewrites, scans and plans).
    pub data: bool,
    /// Of the data so many rows of each table, and those that they refer to; what rows outside of these may decide is UNKNOWN.
    pub sample: Option<u64>,
    /// Clients that name the types of parameters and read columns by type (diesel, sqlx, JDBC): a changed type breaks them although Postgres accepts it.
    pub typed_clients: bool,
    /// A plan is slower from this ratio of estimated costs on.
    pub slower_from: f64,
    /// What need not be judged.
    pub allowed: BTreeSet<Reason>,
    /// Shorter waits than this behind the change aren't called BLOCKS.
    pub blocks_from: Duration,
    /// Measure the queue behind a waiting change.
    pub queue: Option<QueueOptions>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            on: On::Clone,
            services: BTreeMap::new(),
            data: true,
            sample: None,
            typed_clients: true,
            slower_from: 1.5,
            allowed: BTreeSet::new(),
            blocks_from: Duration::from_millis(100),
            queue: None,
        }
    }
}

/// The experiment: a transaction has read (or written) what the change must lock, and stays open.
#[derive(Debug, Clone, Copy)]
pub struct QueueOptions {
    /// How long that transaction stays open.
    pub hold: Duration,
    /// How long the change waits for its locks, unless it sets its own.
    pub lock_timeout: Duration,
    /// Statements of each service per second.
    pub rate: f64,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { hold: Duration::from_secs(1), lock_timeout: Duration::from_millis(250), rate: 20.0 }
    }
}
