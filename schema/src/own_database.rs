//! One service's own database: its tables and views, and `published.<noun>` as tables for what it reads of the others.
//!
//! An architecture without a shared database runs the same service on it: its SQL finds the same names, but who fills `published` is no
//! longer the planner. The tables hold what the declared views show (`copies.sql`, generated from them); they belong to `<service>_copies`, and one login,
//! `<service>_copier`, writes them. The service's reader also reads the views that the service itself publishes: it answers the others from them.
//! So does `<service>_relay`, which puts them on a log (`log.sql`): nothing else, not the service's tables, and not what is copied from the others.
//!
//! Roles belong to the server and not to a database: those of all services are made, but the others' may not even connect.

use crate::embedded::{COPIES, DATABASE, LOG, SERVICES};
use crate::error::{Doing as _, Error, Result};
use crate::roles::{OWN_LOGINS, RolesFile, Statement, statements, words};
use crate::session::{Session, identifier};

/// The service whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnDatabase(&'static str);

impl OwnDatabase {
    /// Of the service with this name.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is no such service.
    pub fn of(service: &str) -> Result<Self> {
        let known = SERVICES.iter().find(|known| **known == service);
        known
            .copied()
            .map(Self)
            .ok_or_else(|| Error::Usage(format!("unknown service {service}: expected one of {}", SERVICES.join(", "))))
    }

    /// The service.
    #[must_use]
    pub fn service(self) -> &'static str {
        self.0
    }

    /// The usual name of the database: `govrnanza_registry`.
    #[must_use]
    pub fn name(self) -> String {
        format!("{DATABASE}_{}", self.0)
    }

    /// The login that fills the copies.
    #[must_use]
    pub fn copier(self) -> String {
        format!("{}_copier", self.0)
    }

    /// The login that puts what the service shows on a log.
    #[must_use]
    pub fn relay(self) -> String {
        format!("{}_relay", self.0)
    }

    /// The nouns of others that it reads, in the order of `db-roles.sql`.
    #[must_use]
    pub fn nouns(self) -> Vec<String> {
        self.reads().iter().filter_map(noun).collect()
    }

    /// The grants of others' nouns to this service.
    fn reads(self) -> Vec<Statement> {
        let own = self.own_nouns();
        let all = RolesFile::default().section("services", DATABASE);
        all.into_iter()
            .filter(|statement| self.may_stand(statement) && noun(statement).is_some_and(|noun| !own.contains(&noun)))
            .collect()
    }

    /// The nouns that it publishes itself.
    fn own_nouns(self) -> Vec<String> {
        let own = crate::embedded::VIEWS.iter().find(|(service, _)| *service == self.0);
        let all = own.map(|(_, sql)| statements(sql, 1)).unwrap_or_default();
        all.iter().filter(|statement| statement.sql.starts_with("create ")).filter_map(noun).collect()
    }

    /// Who may do what in it: `db-roles.sql` without the other services, and the roles of the copies and the log.
    #[must_use]
    pub fn roles(self) -> RolesFile {
        let all = RolesFile::default();
        let reads = self.reads();
        let mut text = String::new();
        for section in ["administrator", "roles", "superuser", "foundation", "services"] {
            text.push_str(&format!("-- == {section} ==\n"));
            // What stands after `set local role` of another is that one's.
            let mut theirs = false;
            for statement in all.section(section, DATABASE) {
                let becomes = ["set local role", "reset role"].iter().any(|begin| statement.sql.starts_with(begin));
                if becomes {
                    theirs = !self.may_stand(&statement);
                }
                if !theirs && self.may_stand(&statement) && !reads.contains(&statement) {
                    text.push_str(&statement.sql);
                    text.push_str(";\n");
                }
            }
            text.push_str(&self.of_copies(section, &reads));
        }
        RolesFile::new(text)
    }

    /// Is it about roles as such, or speaks of no other service?
    fn may_stand(self, statement: &Statement) -> bool {
        if ["create role ", "alter role "].iter().any(|begin| statement.sql.starts_with(begin))
            || statement.sql.starts_with("grant ") && !statement.sql.contains(" on ")
        {
            return true;
        }
        let others = SERVICES.iter().filter(|service| **service != self.0);
        let all = words(&statement.sql);
        !others.into_iter().any(|other| {
            let roles = ["owner", "publisher", "reader", "writer"].map(|role| format!("{other}_{role}"));
            all.iter().any(|word| word == other || roles.contains(word))
        })
    }

    /// What this section says of the copies.
    fn of_copies(self, section: &str, reads: &[Statement]) -> String {
        let (owner, copier, relay) = (format!("{}_copies", self.0), self.copier(), self.relay());
        match section {
            "roles" => {
                let owners = SERVICES.iter().map(|service| {
                    format!(
                        "create role {service}_copies nologin noinherit;\ngrant {service}_copies to govrnanza_admin;\n"
                    )
                });
                let logins = OWN_LOGINS.iter().map(|login| {
                    format!(
                        "create role {login} login noinherit connection limit 8;
alter role {login} set search_path = '';
alter role {login} set statement_timeout = '30s';
alter role {login} set lock_timeout = '1s';
alter role {login} set idle_in_transaction_session_timeout = '10s';
"
                    )
                });
                owners.chain(logins).collect()
            }
            "superuser" => OWN_LOGINS
                .iter()
                .map(|login| {
                    format!(
                        "alter role {login} set lc_messages = 'C';\nalter role {login} set temp_file_limit = '256MB';\n"
                    )
                })
                .collect(),
            "foundation" => format!(
                "set local role govrnanza_admin;
grant connect on database {DATABASE} to {copier}, {relay};
grant usage, create on schema published to {owner};
reset role;
set local role {owner};
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
reset role;
"
            ),
            "services" => self.rights_of_copies(reads),
            _ => String::new(),
        }
    }

    /// Who reads and writes the copies, and what a log needs.
    fn rights_of_copies(self, reads: &[Statement]) -> String {
        let service = self.0;
        let (owner, copier, relay) = (format!("{service}_copies"), self.copier(), self.relay());
        let mut text = format!(
            "set local role govrnanza_admin;\ngrant usage on schema published to {copier}, {relay};\nreset role;\n"
        );
        text.push_str(&format!("set local role {owner};\n"));
        for read in reads {
            text.push_str(&format!("{};\n", read.sql));
        }
        for noun in reads.iter().filter_map(noun) {
            let noun = identifier(&noun);
            text.push_str(&format!("grant select, insert, update, delete on published.{noun} to {copier};\n"));
        }
        for table in ["log_offsets", "log_rows", "log_aside", "log_places"] {
            text.push_str(&format!("grant select, insert, update, delete on published.{table} to {copier};\n"));
        }
        text.push_str(&format!(
            "grant select on published.log_offsets to {relay};
grant select, insert, update on published.log_cursor to {relay};
"
        ));
        if reads.iter().filter_map(noun).any(|noun| noun == "feed_cursors") {
            // The relay is the only reader of the feed here: how far it is decides what may be purged.
            text.push_str(&format!("grant select, insert, update on published.feed_cursors to {relay};\n"));
        }
        text.push_str(&format!("reset role;\nset local role {service}_publisher;\n"));
        for noun in self.own_nouns() {
            let noun = identifier(&noun);
            text.push_str(&format!("grant select on published.{noun} to {service}_reader, {relay};\n"));
        }
        text + "reset role;\n"
    }

    /// Makes the copies and the tables of the log that are missing, empty. Returns the statements run.
    pub(crate) fn make_copies(self, session: &mut Session) -> Result<Vec<String>> {
        let owner = identifier(&format!("{}_copies", self.0));
        let wanted = self.nouns();
        let mut done = Vec::new();
        for statement in statements(COPIES, 1).into_iter().chain(statements(LOG, 1)) {
            let here = |noun: &String| wanted.contains(noun) || noun.starts_with("log_");
            let Some(noun) = noun(&statement).filter(here) else { continue };
            let what = format!("published.{}", identifier(&noun));
            // An index stands after its table, and is made with it.
            let exists: Option<String> =
                session.client.query_one("select to_regclass($1)::text", &[&what]).doing("looking for a copy")?.get(0);
            let made = done.iter().any(|made: &String| *made == format!("create table {what}"));
            if exists.is_some() && !made {
                continue;
            }
            session.run(&format!("begin; set local role {owner}; {}; commit;", statement.sql), &statement.sql)?;
            if !made {
                done.push(format!("create table {what}"));
            }
        }
        Ok(done)
    }
}

/// The noun that a statement is about.
fn noun(statement: &Statement) -> Option<String> {
    let all = words(&statement.sql);
    let at = all.iter().position(|word| word == "published")?;
    match &all[at + 1..] {
        [dot, noun, ..] if dot == "." => Some(noun.clone()),
        _ => None,
    }
}
