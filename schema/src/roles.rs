//! `db-roles.sql`, parsed as little as possible: sections, statements, and which roles it creates. What a statement *means* is left to Postgres.

use std::collections::BTreeSet;
use std::path::Path;

use crate::embedded::{DATABASE, ROLES};
use crate::error::{Error, Result, read_text};
use crate::session::identifier;

mod split;

pub use split::{statements, words};

/// Everyone who can log in.
pub const LOGINS: &[&str] = &[
    "govrnanza_admin",
    "account_reader",
    "account_writer",
    "profile_reader",
    "profile_writer",
    "registry_reader",
    "registry_writer",
    "billing_reader",
    "billing_writer",
    "notification_reader",
    "notification_writer",
    "lab_monitor",
];

/// Those of a service's own database ([`crate::OwnDatabase`]): who fills its copies, and who puts what it shows on a log.
pub const OWN_LOGINS: &[&str] = &[
    "account_copier",
    "profile_copier",
    "registry_copier",
    "billing_copier",
    "notification_copier",
    "account_relay",
    "profile_relay",
    "registry_relay",
    "billing_relay",
    "notification_relay",
];

/// A line of the file that accepts a finding: this, the finding's key, ` -- ` and a reason.
pub const ACCEPTED: &str = "-- accepted: ";

/// One statement of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it starts, counted from 1.
    pub line: usize,
    /// Without the semicolon and what follows it.
    pub sql: String,
    /// The comment that ends its line, if any.
    pub reason: Option<String>,
}

impl Statement {
    /// The role that this statement makes.
    #[must_use]
    pub fn creates_role(&self) -> Option<String> {
        match words(&self.sql).as_slice() {
            [create, kind, name, ..] if create == "create" && ["role", "user", "group"].contains(&kind.as_str()) => {
                (name != "mapping").then(|| name.clone())
            }
            _ => None,
        }
    }

    /// The schema that this statement makes, and its owner where it names one.
    #[must_use]
    pub fn creates_schema(&self) -> Option<(String, Option<String>)> {
        let all = words(&self.sql);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let rest = match all.as_slice() {
            ["create", "schema", "if", "not", "exists", rest @ ..] | ["create", "schema", rest @ ..] => rest,
            _ => return None,
        };
        match rest {
            ["authorization", owner, ..] => Some(((*owner).to_owned(), Some((*owner).to_owned()))),
            [name, "authorization", owner, ..] => Some(((*name).to_owned(), Some((*owner).to_owned()))),
            [name, ..] => Some(((*name).to_owned(), None)),
            [] => None,
        }
    }

    /// The same for a role that exists, for the embedded file: `create role x …` becomes `alter role x …`.
    #[must_use]
    pub fn altering(&self) -> String {
        match self.creates_role() {
            Some(_) => self.sql.replacen("create role ", "alter role ", 1),
            None => self.sql.clone(),
        }
    }

    /// Is it about rights on the database itself, which a clone doesn't have?
    #[must_use]
    pub fn of_database(&self, database: &str) -> bool {
        self.sql.contains(&format!(" on database {} ", identifier(database)))
    }
}

/// The file's text.
#[derive(Debug, Clone)]
pub struct RolesFile {
    text: String,
}

impl Default for RolesFile {
    fn default() -> Self {
        Self { text: ROLES.to_owned() }
    }
}

impl RolesFile {
    /// Another text than the embedded one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// Reads a file; one without sections is one of roles.
    ///
    /// # Errors
    /// [`Error::Usage`] where it can't be read, or makes no role: then there is nothing to compare.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let sections = text.lines().any(|line| line.starts_with("-- == "));
        let file = Self::new(if sections { text } else { format!("-- == roles ==\n{text}") });
        let block = |statement: &Statement| words(&statement.sql).first().is_some_and(|word| word == "do");
        let blocks = file.section("roles", DATABASE).iter().any(block);
        if file.managed().is_empty() && file.administrator().is_empty() && !blocks {
            return Err(Error::Usage(format!(
                "{} creates no role: expected `create role …`, without sections or in section `-- == roles ==`",
                path.display()
            )));
        }
        Ok(file)
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Keys of the findings that the file accepts.
    #[must_use]
    pub fn accepted(&self) -> BTreeSet<&str> {
        let lines = self.text.lines().filter_map(|line| line.trim().strip_prefix(ACCEPTED));
        lines.map(|line| line.split_once(" -- ").map_or(line, |(key, _)| key).trim()).collect()
    }

    /// Statements of the named section, in order, with `database` instead of `govrnanza`.
    #[must_use]
    pub fn section(&self, name: &str, database: &str) -> Vec<Statement> {
        let header = format!("-- == {name} ==");
        let mut line = 0;
        let mut inside = String::new();
        let mut first = None;
        for text in self.text.lines() {
            line += 1;
            if text.starts_with("-- == ") {
                if first.is_some() {
                    break;
                }
                if text == header {
                    first = Some(line);
                }
            } else if first.is_some() {
                // `pg_dumpall` writes these for psql.
                if !(text.starts_with("\\restrict ") || text.starts_with("\\unrestrict ")) {
                    inside.push_str(text);
                }
                inside.push('\n');
            }
        }
        let mut found = statements(&inside, first.unwrap_or_default() + 1);
        if database != DATABASE {
            for statement in &mut found {
                let there = format!(" on database {} ", identifier(database));
                statement.sql = statement.sql.replace(" on database govrnanza ", &there);
            }
        }
        found
    }

    /// All sections that `dba apply` runs.
    #[must_use]
    pub fn applied(&self, database: &str) -> Vec<Statement> {
        ["roles", "foundation", "services"].iter().flat_map(|name| self.section(name, database)).collect()
    }

    /// The role that runs `dba apply`; empty where the file names none.
    #[must_use]
    pub fn administrator(&self) -> String {
        let section = self.section("administrator", DATABASE);
        section.iter().find_map(Statement::creates_role).unwrap_or_default()
    }

    /// Roles that `dba apply` manages: those the file makes, the administrator itself apart.
    #[must_use]
    pub fn managed(&self) -> Vec<String> {
        let section = self.section("roles", DATABASE);
        section.iter().filter_map(Statement::creates_role).collect()
    }
}
