//! `dba record`.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use schema::record::Counted;
use schema::{Error, Result};
use serde_json::json;

use super::outcome::Outcome;
use super::place::superuser_url;

/// Records which statements each role runs while a command runs, for `dba impact
/// --statements FILE`.
///
///   dba record --out statements.json --every-database -- cargo test -p billing
///   dba impact -f migration.sql --statements statements.json
///
/// Counts with pg_stat_statements: the counters after the command minus those
/// before it. Nothing is reset. Statements that others run on the server meanwhile
/// are recorded, too; those of superusers are not. Tests that make databases of
/// their own need --every-database.
///
/// Exit codes: 0 recorded, 1 recorded, but the command failed, 2 usage error, 3
/// could not run, or nothing was recorded.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Record {
    /// URL of a member of pg_read_all_stats, or a superuser. Without it: the private cluster's.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The file to write, as JSON.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Record all databases of the server, those dropped meanwhile included.
    #[arg(long)]
    every_database: bool,
    /// The command to run.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs the command and writes what was recorded.
pub fn run(args: &Record) -> Result<Outcome> {
    let url = superuser_url(args.database_url.as_deref())?;
    let (program, rest) = args
        .command
        .split_first()
        .ok_or_else(|| Error::Usage("no command given: dba record --out FILE -- COMMAND".into()))?;
    let before = Counted::read(&url, args.every_database)?;
    let status = Command::new(program)
        .args(rest)
        .status()
        .map_err(|error| Error::Usage(format!("can't run {program}: {error}")))?;
    let recording = Counted::read(&url, args.every_database).map(|after| before.until(&after, &args.command))?;
    let statements = recording.statements.len();
    if statements == 0 {
        return Err(Error::Unavailable("nothing was recorded: no role but superusers ran a statement there meanwhile (another server? --every-database?)".into()));
    }
    let text = serde_json::to_string_pretty(&recording).unwrap_or_default();
    std::fs::write(&args.out, text + "\n")
        .map_err(|error| Error::Usage(format!("can't write {}: {error}", args.out.display())))?;
    let mut lines = vec![format!("{statements} statements recorded in {}", args.out.display())];
    if recording.evictions > 0 {
        lines.push(format!(
            "note: pg_stat_statements removed statements {} times meanwhile because it was full; raise pg_stat_statements.max",
            recording.evictions
        ));
    }
    let value = json!({ "version": 1, "file": args.out, "statements": statements, "evictions": recording.evictions });
    let finding = (!status.success()).then(|| format!("the command failed: {status}"));
    Ok(Outcome { finding, ..Outcome::new(lines.join("\n"), &value) })
}
