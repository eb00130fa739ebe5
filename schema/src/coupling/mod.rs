//! `dba coupling`: which service depends on which, down to the column.
//!
//! No table's name is built in. The service of an object comes from a map, from roles' names or from schemas ([`owners`]); which columns a statement uses
//! is asked of Postgres ([`resolve`]), for statements that the server has counted or that are in files ([`statements`]).

use std::collections::BTreeSet;

use postgres::Client;

use crate::error::{Doing, Result};
use crate::progress::Progress;

mod builder;
mod catalogue;
mod definitions;
pub mod diff;
pub mod gate;
pub mod json;
mod lineage;
mod lists;
mod metrics;
pub mod owners;
pub(crate) mod parameters;
pub mod rates;
mod relation;
pub mod render;
pub mod report;
pub mod resolve;
mod resolved;
pub(crate) mod sql;
pub mod statements;
pub(crate) mod tree;
mod trees;

pub use json::JsonKeys;
pub use owners::Owners;
pub use report::Report;

use resolve::Resolver;
use statements::Statement;

/// What to analyse.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which objects and roles belong to which service.
    pub owners: Owners,
    /// Keys of JSON columns that count as columns.
    pub json: JsonKeys,
    /// Statements from files.
    pub declared: Vec<Statement>,
    /// Those that the server has counted, too.
    pub run: bool,
    /// URL of the same database for a superuser: statements are resolved over a connection of its own, and faster.
    pub url: Option<String>,
}

/// Analyses the database. Changes nothing: statements are resolved in transactions that are rolled back, and never run.
///
/// The connection's role must see the others' statements and schemas, and be allowed temporary objects: a superuser, best.
pub fn look(client: &mut Client, options: &Options) -> Result<Report> {
    let catalogue = catalogue::Catalogue::of_roles(client, &options.owners)?;
    let mut statements = options.declared.clone();
    let mut window = None;
    if options.run
        && let Some((run, counted)) = statements::from_pg_stat_statements(client)?
    {
        statements.extend(run);
        window = Some(counted);
    }
    let (database, server): (String, i32) = client
        .query_one("select current_database()::text, current_setting('server_version_num')::int / 10000", &[])
        .map(|row| (row.get(0), row.get(1)))
        .doing("asking for the server's version")?;
    let mut resolver = Resolver::new(client)?;
    // Role by role: each has a search path.
    statements.sort_by(|a, b| a.role.cmp(&b.role));
    let known = statements.iter().filter(|one| catalogue.roles.contains_key(&one.role));
    let asked = resolver.asked(known.map(|one| (one.role.as_str(), one.sql.as_str())))?;
    let rest = |client: &mut Client| catalogue.read(client, &options.owners);
    let catalogue = resolver.ahead(options.url.as_deref(), asked, rest)?;
    let mut weaver = builder::ReportBuilder::new(&catalogue, &options.json, window.is_some());
    let mut progress = Progress::new("statements resolved", statements.len());
    for statement in &statements {
        if let Some(service) = catalogue.roles.get(&statement.role) {
            let resolved = resolver.resolve(&statement.role, &statement.sql)?;
            weaver.statement(service, statement, &resolved);
        }
        progress.step();
    }
    let seconds = window.as_ref().map_or(0.0, |window| window.seconds);
    let mut report = weaver.finish(seconds);
    let relations = catalogue.relations.values();
    let owning: BTreeSet<_> = relations.map(|relation| relation.service.clone()).collect();
    metrics::fill(&mut report, &catalogue.roles, &owning);
    Ok(Report { version: report::VERSION, database, server, window, ..report })
}
