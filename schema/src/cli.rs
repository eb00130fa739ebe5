//! The command line: commands, output and exit codes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod blame;
mod cluster;
mod coupling;
mod database;
mod impact;
mod interrupt;
mod markdown;
mod outcome;
mod place;
mod ratios;
mod record;
mod roles;
mod watch;

use outcome::{Format, print_line};

/// Who may do what in a PostgreSQL database, who depends on whom, and what a change
/// would break.
///
/// On any database, named by DATABASE_URL or --database-url:
///   What would this change break?       dba impact 'alter table …'
///   Who may do what, as a file:         dba roles init > roles.sql
///   What differs from that file?        dba roles check --roles roles.sql
///   Who reads whose columns?            dba coupling
///   Who blocks whom, now?               dba blame --for 60s
///   The same as a live page:            dba watch
///
/// On Govrnanza's own, whose tables, views and roles are built in:
///   A first time:  dba cluster start && dba bootstrap && dba apply
///   After a change of migrations, views, keys or db-roles.sql:  dba apply
///
/// Exit codes: 0 done, 1 a finding (something isn't as declared), 2 usage error or
/// bad input, 3 could not run.
#[derive(Debug, Parser)]
#[command(name = "dba", version, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How to print results.
    #[arg(long, global = true, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start, stop or look at the private Postgres. With DATABASE_URL set no private one is needed.
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// Make the database and its administrator, and do what only a superuser can: once, as superuser.
    Bootstrap(database::Bootstrap),
    /// Make roles, tables, keys, views and rights as declared: as govrnanza_admin, whenever a declaration changed. Idempotent, and safe while the services run.
    Apply(database::Apply),
    // No doc comments on these: they would replace the long texts of their own.
    Roles(roles::Roles),
    Blame(blame::Blame),
    Watch(watch::Watch),
    Coupling(coupling::Coupling),
    Impact(impact::Impact),
    Record(record::Record),
    // How fast these are: for those who change them.
    #[command(hide = true)]
    Ratios(ratios::Ratios),
    /// Rewrite `services/<service>/src/schema.rs` from the database.
    Schema(database::Schema),
    /// Make the feeds readable after the database was restored from a dump into another cluster: once, before the services start.
    AfterRestore(database::AfterRestore),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Cluster(args) => cluster::run(args),
        Command::Bootstrap(args) => database::bootstrap(args),
        Command::Apply(args) => database::apply(args),
        Command::Roles(args) => roles::run(args),
        Command::Blame(args) => blame::run(args),
        Command::Watch(args) => watch::run(args, matches!(cli.format, Format::Json)),
        Command::Coupling(args) => coupling::run(args),
        Command::Impact(args) => impact::run(args),
        Command::Record(args) => record::run(args),
        Command::Ratios(args) => ratios::run(args),
        Command::Schema(args) => database::schema(args),
        Command::AfterRestore(args) => database::after_restore(args),
    };
    let ended = done.and_then(|outcome| {
        match cli.format {
            Format::Text if outcome.text.is_empty() => {}
            Format::Text => print_line(&outcome.text),
            Format::Json if outcome.json.is_empty() => {}
            Format::Json => print_line(&outcome.json),
            Format::Markdown => {
                let own = outcome.markdown.clone();
                print_line(markdown::fitted(&own.unwrap_or_else(|| markdown::block(&outcome.text))));
            }
        }
        if outcome.server.is_some() {
            interrupt::wait()?;
        }
        outcome.finding.map_or(Ok(()), |finding| Err(schema::Error::Finding(finding)))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dba: {error}");
            ExitCode::from(error.code())
        }
    }
}
