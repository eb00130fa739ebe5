//! What is the same for all statements of one try.

use std::collections::BTreeMap;

use super::coverage;
use super::input::{Change, Options};
use super::locks::Map;
use super::probe::{self, Settings, becoming};
use super::trust;
use super::values::Named;
use crate::error::Result;
use crate::session::Session;
use crate::suggest::unknown;

/// What is needed to judge all of them.
pub(super) struct Context<'a> {
    pub(super) options: &'a Options,
    pub(super) settings: &'a BTreeMap<String, Settings>,
    pub(super) map: &'a Map,
    pub(super) pid: i32,
    /// Run before each execution, see [`FORGET`].
    pub(super) forget: &'a str,
    /// Which functions were called, see [`super::execution::CALLS`].
    pub(super) calls: &'a str,
    /// Values that the change names.
    pub(super) named: &'a Named,
}

/// SQL that makes this session forget what it has prepared for another role: a function that it may not execute would already be part of a cached plan or
/// of a cached index expression, and its right never be asked for. A new session, as services have them, knows nothing.
pub(super) const FORGET: &str = "
select 'discard plans; ' || case when current_setting('is_superuser')::boolean then concat(
    (select 'update pg_class set reltuples = reltuples where oid in (' || string_agg(oid::text, ', ') || '); '
     from (select indexrelid as oid from pg_index where indexrelid >= 16384 and (indexprs is not null or indpred is not null)
         union select partrelid from pg_partitioned_table where partexprs is not null) cached),
    (select 'update pg_constraint set conname = conname where oid = ' || min(oid) || '; ' from pg_constraint where contypid <> 0 and oid >= 16384)) else '' end";

impl Context<'_> {
    /// SQL that makes the session this role's, as far as planning is concerned.
    pub(super) fn becoming(&self, role: &str) -> String {
        let set = self.settings.get(role).into_iter().flatten();
        becoming(role, set.filter(|(name, _)| !name.ends_with("_timeout") && name != "default_transaction_read_only"))
    }

    /// The same for executing it.
    pub(super) fn executing(&self, role: &str) -> String {
        let read_only = |(name, value): &(String, String)| {
            name == "default_transaction_read_only" && ["on", "true", "1", "yes"].contains(&value.as_str())
        };
        let reads = self.settings.get(role).is_some_and(|all| all.iter().any(read_only));
        format!(
            "{}{}{}",
            self.forget,
            if reads { "set local transaction_read_only = on; " } else { "" },
            self.becoming(role)
        )
    }
}

/// What is known of the database before it is cloned.
pub(super) struct Here {
    pub(super) database: String,
    /// The role that connects.
    pub(super) login: String,
    pub(super) settings: BTreeMap<String, Settings>,
    pub(super) schemas: Vec<String>,
    pub(super) logins: Vec<String>,
    /// Whose code may run in this session, see [`trust`].
    pub(super) owners: Vec<String>,
}

impl Here {
    /// Refuses an unknown role of the change, too, before a clone is made for it.
    pub(super) fn read(url: &str, change: &Change) -> Result<Self> {
        let mut session = Session::connect_uncounted(url)?;
        if let Some(role) = &change.role {
            let known = session.texts("select rolname::text from pg_roles where rolname !~ '^pg_' order by 1")?;
            if !known.contains(role) {
                return Err(unknown("role", role, &known));
            }
        }
        let database: String = session.value("select current_database()::text")?;
        Ok(Self {
            login: session.value("select session_user::text")?,
            settings: probe::settings(&mut session.client, &database)?,
            schemas: session
                .texts("select nspname::text from pg_namespace where oid >= 16384 and nspname !~ '^pg_'")?,
            logins: session.texts(coverage::LOGINS)?,
            owners: trust::owners(&mut session)?,
            database,
        })
    }
}
