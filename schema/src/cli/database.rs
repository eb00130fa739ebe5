//! `dba bootstrap`, `apply`, `schema` and `after-restore`: our database, from nothing to running.

use std::path::PathBuf;

use clap::Args;
use schema::bootstrap::{BootstrapOptions, run as bootstrap_run};
use schema::session::Session;
use schema::table::table;
use schema::{ADMINISTRATOR, ApplyOptions, DATABASE, OwnDatabase, Report, Result, encoding};
use serde_json::json;

use super::outcome::Outcome;
use super::place::{administrator, temporary, with_passwords};

#[derive(Debug, Args)]
pub struct Bootstrap {
    /// A superuser's URL; without it, the private cluster's.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// For managed servers, where nobody gets a superuser: list what can't be enforced there, and go on.
    #[arg(long)]
    managed: bool,
    /// Where passwords are kept that the environment (`GOVRNANZA_PASSWORD_<LOGIN>`) doesn't give; mode 0600.
    #[arg(long, env = "GOVRNANZA_PASSWORDS")]
    passwords: Option<PathBuf>,
    /// The database of this service alone, `govrnanza_<service>`, instead of the one that all share.
    #[arg(long, value_name = "SERVICE", value_parser = OwnDatabase::of)]
    own: Option<OwnDatabase>,
}

#[derive(Debug, Args)]
pub struct Apply {
    /// URL of govrnanza_admin in the database; without it, of the server that DATABASE_URL names; without that, in the private cluster.
    #[arg(long, env = "DATABASE_ADMIN_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Drop the foreign keys between services, and make none.
    #[arg(long)]
    without_cross_keys: bool,
    /// How long a statement may wait for a lock; every later reader of the table waits behind it.
    #[arg(long, default_value_t = 250, value_name = "MS")]
    lock_timeout_ms: u32,
    /// How often to retry after a lock time-out.
    #[arg(long, default_value_t = 40, value_name = "N")]
    tries: u32,
    /// Where passwords are kept that the environment (`GOVRNANZA_PASSWORD_<LOGIN>`) doesn't give; mode 0600.
    #[arg(long, env = "GOVRNANZA_PASSWORDS")]
    passwords: Option<PathBuf>,
    /// The database of this service alone: its tables, and tables in `published` for what it reads of the others.
    #[arg(long, value_name = "SERVICE", value_parser = OwnDatabase::of, conflicts_with = "without_cross_keys")]
    own: Option<OwnDatabase>,
}

#[derive(Debug, Args)]
pub struct Schema {
    /// Any URL that may read the catalogue; without it, an ephemeral cluster is started, filled and removed again.
    #[arg(long)]
    database_url: Option<String>,
    /// The folder of the workspace.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Write nothing; exit code 1 if a file differs.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Args)]
pub struct AfterRestore {
    /// URL of govrnanza_admin in the database; without it, of the server that DATABASE_URL names; without that, in the private cluster.
    #[arg(long, env = "DATABASE_ADMIN_URL", hide_env_values = true)]
    database_url: Option<String>,
}

pub fn bootstrap(args: &Bootstrap) -> Result<Outcome> {
    let (url, passwords) =
        with_passwords(args.database_url.as_deref(), args.passwords.as_deref(), |cluster, _| cluster.url().to_owned())?;
    let mut options = BootstrapOptions { managed: args.managed, ..BootstrapOptions::default() };
    if let Some(own) = args.own {
        options = BootstrapOptions { database: own.name(), roles: own.roles(), ..options };
    }
    let own_flag = args.own.map(|own| format!(" --own {}", own.service())).unwrap_or_default();
    let unenforced = bootstrap_run(&url, &passwords, &options)?;
    let collation = encoding::suitable(&mut Session::connect_to(&url, &options.database)?)?;
    let mut lines = vec![format!(
        "the database {} ({collation}) and its administrator {ADMINISTRATOR} exist; next: dba apply{own_flag}",
        options.database
    )];
    lines.extend(unenforced.iter().map(|statement| format!("not enforced here: {statement}")));
    Ok(Outcome::new(lines.join("\n"), &json!({ "unenforced": unenforced })))
}

pub fn apply(args: &Apply) -> Result<Outcome> {
    let declared = args.own.map_or_else(ApplyOptions::default, ApplyOptions::alone);
    let database = args.own.map_or_else(|| DATABASE.to_owned(), OwnDatabase::name);
    let (url, passwords) = administrator(args.database_url.as_deref(), args.passwords.as_deref(), &database)?;
    let options = ApplyOptions {
        without_cross_keys: declared.without_cross_keys || args.without_cross_keys,
        passwords: Some(passwords),
        lock_timeout_ms: args.lock_timeout_ms,
        tries: args.tries,
        ..declared
    };
    let report = schema::apply(&url, &options)?;
    let finding = report.findings.first().map(|first| {
        format!("applied, except for {} finding(s) that only a superuser can fix: {first}", report.findings.len())
    });
    Ok(Outcome { finding, ..Outcome::new(text(&report), &report) })
}

fn text(report: &Report) -> String {
    if report.is_empty() {
        return "nothing to do: the database is as declared".to_owned();
    }
    let parts = [
        ("migration", &report.migrations),
        ("left as it was", &report.left),
        ("key", &report.keys),
        ("view", &report.views),
        ("right", &report.rights),
        ("password", &report.passwords),
        ("finding", &report.findings),
    ];
    table(&[], parts.iter().flat_map(|(what, items)| items.iter().map(|item| vec![(*what).to_owned(), item.clone()])))
}

pub fn after_restore(args: &AfterRestore) -> Result<Outcome> {
    let (url, _) = administrator(args.database_url.as_deref(), None, DATABASE)?;
    let feeds = schema::after_restore(&url)?;
    let rows = feeds.iter().map(|feed| vec![feed.feed.clone(), feed.read.to_string(), feed.unread.to_string()]);
    Ok(Outcome::new(table(&["feed", ">read", ">still to be read"], rows), &json!({ "feeds": feeds })))
}

pub fn schema(args: &Schema) -> Result<Outcome> {
    let changed = match &args.database_url {
        Some(url) => schema::generate::rewrite(url, &args.root, args.check)?,
        None => {
            let (cluster, passwords) = temporary()?;
            schema::generate::rewrite(&cluster.admin_url(&passwords, DATABASE), &args.root, args.check)?
        }
    };
    let finding = changed.first().filter(|_| args.check);
    let finding = finding.map(|file| format!("{file} differs from the tables: run `dba schema`"));
    let text = if args.check { String::new() } else { changed.join("\n") };
    Ok(Outcome { finding, ..Outcome::new(text, &json!({ "changed": changed })) })
}
