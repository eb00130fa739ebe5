//! Tables, by migration: each as the owner of its service, with diesel's history in schema `dba`.

use diesel::connection::SimpleConnection as _;
use diesel::migration::{Migration, MigrationMetadata, MigrationName, MigrationVersion};
use diesel::pg::Pg;
use diesel::{Connection as _, PgConnection};
use diesel_migrations::MigrationHarness as _;

use crate::embedded::{ADMINISTRATOR, Script, VIEWS};
use crate::error::{Error, Result};
use crate::session::{Session, address, identifier};
use crate::state::{State, statements};

/// A migration as diesel's harness runs it.
struct Owned<'a> {
    script: &'a Script,
    /// Run before and after it, as the administrator, in its transaction.
    around: Option<&'a Around>,
}

/// Views of a service that depend on what a migration alters: dropped before it, created again after it, with their rights.
struct Around {
    before: String,
    after: String,
}

struct InTransaction;

impl MigrationMetadata for InTransaction {
    fn run_in_transaction(&self) -> bool {
        true
    }
}

struct Name(&'static str);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl MigrationName for Name {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from(self.0.split('_').next().unwrap_or_default().replace('-', ""))
    }
}

impl Owned<'_> {
    fn run_as_owner(
        &self,
        sql: &str,
        conn: &mut dyn diesel::connection::BoxableConnection<Pg>,
    ) -> diesel::migration::Result<()> {
        let owner = identifier(&format!("{}_owner", self.script.service()));
        let (before, after) = self.around.map_or(("", ""), |around| (around.before.as_str(), around.after.as_str()));
        Ok(conn.batch_execute(&format!("{before}\nset local role {owner};\n{sql}\n;reset role;\n{after}"))?)
    }
}

impl Migration<Pg> for Owned<'_> {
    fn run(&self, conn: &mut dyn diesel::connection::BoxableConnection<Pg>) -> diesel::migration::Result<()> {
        self.run_as_owner(self.script.up, conn)
    }

    fn revert(&self, conn: &mut dyn diesel::connection::BoxableConnection<Pg>) -> diesel::migration::Result<()> {
        self.run_as_owner(self.script.down, conn)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        &InTransaction
    }

    fn name(&self) -> &dyn MigrationName {
        // Leaked once per migration and run: a handful of bytes, for a trait that wants a reference to a value that holds the name.
        Box::leak(Box::new(Name(self.script.name)))
    }
}

/// The connection that migrations run on. diesel doesn't qualify its bookkeeping table: `search_path = dba`, here alone.
pub struct Migrator {
    conn: PgConnection,
}

impl Migrator {
    /// Connects as the administrator; a statement that waits longer than this for a lock gives up.
    pub fn connect(admin_url: &str, lock_timeout_ms: u32) -> Result<Self> {
        let unreachable = |error: &dyn std::fmt::Display| Error::Unavailable(format!("can't reach Postgres: {error}"));
        let words = address(admin_url)?.or("connect_timeout", "10").words();
        let mut conn = PgConnection::establish(&words).map_err(|error| unreachable(&error))?;
        conn.batch_execute(&format!(
            "set search_path = dba; set lock_timeout = {lock_timeout_ms}; set client_min_messages = warning"
        ))
        .map_err(|error| unreachable(&error))?;
        Ok(Self { conn })
    }

    /// Migrations that were not yet run, oldest first.
    pub fn pending(&mut self, scripts: &'static [Script]) -> Result<Vec<&'static Script>> {
        let ran = self.conn.applied_migrations().map_err(|error| failed("history", error.as_ref()))?;
        let ran: Vec<String> = ran.iter().map(ToString::to_string).collect();
        Ok(scripts.iter().filter(|script| !ran.contains(&script.version())).collect())
    }

    /// Runs one. Where a view depends on what it alters, the service's views are dropped and created again in the same transaction.
    pub fn run(&mut self, script: &Script, session: &mut Session, managed: &[String]) -> Result<()> {
        match self.forward(script, None) {
            Err(Error::Migration { message, .. }) if in_the_way(&message) => {
                let around = around(script.service(), session, managed)?;
                self.forward(script, Some(&around))
            }
            done => done,
        }
    }

    fn forward(&mut self, script: &Script, around: Option<&Around>) -> Result<()> {
        let owned = Owned { script, around };
        self.conn.run_migration(&owned).map(drop).map_err(|error| failed(script.name, error.as_ref()))
    }

    /// Undoes one, by its `down.sql`.
    pub fn revert(&mut self, script: &Script) -> Result<()> {
        let owned = Owned { script, around: None };
        self.conn.revert_migration(&owned).map(drop).map_err(|error| failed(script.name, error.as_ref()))
    }
}

fn failed(name: &str, error: &(dyn std::error::Error + Send + Sync)) -> Error {
    Error::Migration { name: name.to_owned(), message: error.to_string() }
}

fn in_the_way(message: &str) -> bool {
    message.contains("used by a view or rule") || message.contains("because other objects depend on it")
}

/// Dropping all views of a service is simpler than finding those in the way, and other sessions don't see it either.
fn around(service: &str, session: &mut Session, managed: &[String]) -> Result<Around> {
    let publisher = identifier(&format!("{service}_publisher"));
    let views = session.texts(&format!(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'v' and c.relowner = to_regrole('{publisher}')"
    ))?;
    let state = State::read(session, managed, ADMINISTRATOR)?;
    let rights = state.given().filter(|right| views.contains(&right.object));
    let declared = VIEWS.iter().find(|(name, _)| *name == service).map(|(_, sql)| *sql).unwrap_or_default();
    let before = format!("set local role {publisher}; drop view {}; reset role;", views.join(", "));
    let after =
        format!("set local role {publisher};\n{declared}\n;reset role;\n{}", statements("grant", rights).join("\n"));
    Ok(Around { before, after })
}
