//! `dba impact`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use schema::coupling::statements::{from_files, from_pg_stat_statements};
use schema::impact::{self, Change, On, Options, QueueOptions, Reason, Statement};
use schema::record::Recording;
use schema::releases::Releases;
use schema::session::Session;
use schema::{Error, Result};

use super::outcome::Outcome;
use super::{interrupt, place::superuser_url};

mod markdown;
mod text;

/// The effect of a change of the database on every service that uses it, tried
/// before the change is made.
///
///   dba impact 'alter table billing.invoices rename column paid_at to settled_at'
///   dba impact -f migration.sql --as billing_owner --statements statements.json
///   dba impact 'alter table registry.apis alter column name set not null' --queue
///   dba impact --base main --head HEAD --migrate 'make migrate' --workload 'make test'
///
/// On a clone, each statement of each service is prepared as its own role; the
/// change runs in a transaction; each statement is planned again, where it was
/// prepared before the change and freshly prepared; all is rolled back and the
/// clone dropped. Locks, rewrites, scans and errors are those that Postgres itself
/// reports.
///
/// Verdicts, from harmless to broken:
///   SAFE           no effect
///   SLOWER         the planner estimates a higher cost (--slower-from), or no index helps any more
///   BLOCKS n ms    waits for the change's locks, or in the queue behind it (--queue)
///   UNKNOWN        could not be judged, with the reason; --allow-unknown accepts it
///   LOSES-GRANT    refused with 42501 after the change
///   BREAKS-CACHED  fails on connections that prepared it before the change, until they are closed
///   BREAKS         fails, returns columns that its reader was not written for, or returns or writes other rows
///   REFUSED        Postgres refuses the change itself: nothing was judged
///
/// Statements come from --statements, else from pg_stat_statements. On the clone
/// they are also executed before and after, with their values or with some of rows
/// that are there; what can't be executed is UNKNOWN. A warning is printed where the
/// server has removed statements, or where a service logs in and none of its
/// statements is known.
///
/// The clone is a copy of the database's files if no session is connected, else
/// what pg_dump reads: it needs the disk space of the database and the time to read
/// it. --on live needs no space, but other sessions wait for the change's locks
/// until all statements are judged, and a rewrite that is rolled back has still
/// written the whole table and its WAL.
///
/// Exit codes: 0 all SAFE or SLOWER, 1 a worse verdict, or Postgres refuses the
/// change, 2 usage error or bad input, 3 could not run, or no statement could be
/// judged.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Impact {
    /// The change: one or more statements.
    #[arg(value_name = "SQL", required_unless_present_any = ["file", "base"], conflicts_with = "file")]
    sql: Option<String>,
    /// A file with the change.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// In CI: the release that runs now, a commit of the repository of this folder; its statements are judged on the schema of --head.
    #[arg(long, value_name = "REF", requires_all = ["head", "migrate", "workload"], conflicts_with_all = ["sql", "file", "role", "statements", "on", "queue", "transaction"])]
    base: Option<String>,
    /// With --base: the next release.
    #[arg(long, value_name = "REF", requires = "base")]
    head: Option<String>,
    /// With --base: a command for a shell that brings the database up to date that DATABASE_URL names; run in both releases.
    #[arg(long, value_name = "CMD", requires = "base")]
    migrate: Option<String>,
    /// With --base: a command, run in the old release, that sends what services send to that database, as their own logins.
    #[arg(long, value_name = "CMD", requires = "base")]
    workload: Option<String>,
    /// The role that makes the change, and owns what it creates. Without it: the connecting role.
    #[arg(long = "as", value_name = "ROLE")]
    role: Option<String>,
    /// URL of a superuser in the database. Without it: the private cluster's.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// A recording (.json), a file of SQL, or a folder of SQL files; may be given several times. In SQL, `-- role: NAME` or the file's name gives the role.
    #[arg(long, value_name = "FILE|DIR")]
    statements: Vec<PathBuf>,
    /// Service of a role whose name doesn't begin with a schema's name: app7=sales; may be given several times.
    #[arg(long, value_name = "ROLE=SERVICE")]
    service: Vec<String>,
    /// Where to try the change.
    #[arg(long, value_enum, default_value = "clone")]
    on: Where,
    /// With --on live: accept that other sessions may have to wait.
    #[arg(long)]
    accept_locks: bool,
    /// Measure how long each service waits while an open transaction makes the change wait, and the change makes the services wait.
    #[arg(long)]
    queue: bool,
    /// With --queue: how long that transaction stays open.
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    hold_ms: u64,
    /// With --queue: how long the change waits, unless it sets its own lock_timeout.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    lock_timeout_ms: u64,
    /// With --queue: statements per second of each service.
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    rate: f64,
    /// Copy the structure only: needs pg_dump, and shows no plans, rewrites and scans of real tables.
    #[arg(long)]
    without_data: bool,
    /// Copy the structure and so many rows of each table, with all rows that these refer to: for a large database; needs pg_dump. What other rows may decide
    /// is UNKNOWN, and nothing is said about plans.
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["without_data", "base"], value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Clients read columns by name and as text: a changed type doesn't break them.
    #[arg(long)]
    untyped_clients: bool,
    /// Accept that statements could not be judged for this reason; may be given several times: utility, not-planned, not-executed, body, dynamic-sql, values, other-rows, sample.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    allow_unknown: Vec<Reason>,
    /// How the change is run: as one transaction (the default, unless the file says otherwise), or each statement committed, as psql does it.
    #[arg(long, value_enum)]
    transaction: Option<Transaction>,
    /// SLOWER from this ratio of estimated costs.
    #[arg(long, value_name = "RATIO", default_value_t = 1.5)]
    slower_from: f64,
    /// BLOCKS from this many milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    blocks_from_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// On a clone of the database, which is dropped afterwards.
    Clone,
    /// In the database itself, in a transaction that is rolled back.
    Live,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transaction {
    Whole,
    PerStatement,
}

fn reason(text: &str) -> std::result::Result<Reason, String> {
    let all = Reason::ALL.map(|one| one.to_string());
    let found = Reason::ALL.into_iter().find(|one| one.to_string() == text);
    found.ok_or_else(|| format!("expected one of {}", all.join(", ")))
}

/// Tries the change and reports.
pub fn run(args: &Impact) -> Result<Outcome> {
    if let (Some(base), Some(head), Some(migrate), Some(workload)) =
        (&args.base, &args.head, &args.migrate, &args.workload)
    {
        let here = std::env::current_dir()
            .map_err(|error| Error::Unavailable(format!("the folder we are in can't be read: {error}")))?;
        return of_releases(args, &Releases { repository: &here, base, head, migrate, workload });
    }
    let (change, notes) = change(args)?;
    let options = options(args)?;
    if options.on == On::Live && options.sample.is_some() {
        return Err(Error::Usage(
            "--sample makes a clone of some rows, and --on live uses none: leave one of them out".into(),
        ));
    }
    if options.on == On::Live && !args.accept_locks {
        return Err(Error::Usage(
            "--on live takes the change's locks in the database itself, and a rewrite that is rolled back has still written the whole table and its WAL: add --accept-locks to accept that".into(),
        ));
    }
    let url = superuser_url(args.database_url.as_deref())?;
    let (statements, evictions) = statements(args, &url)?;
    interrupt::drop_copies();
    let mut impact = impact::analyse(&url, &change, &statements, &options)?;
    impact.note_evictions(evictions);
    impact.warnings.extend(notes);
    if let Some(refused) = &impact.refused
        && impact.place.transaction
        && refused.failure.sqlstate == "55P04"
    {
        impact.warnings.push(
            "it was tried as one transaction: a new value of an enum can only be used once it is committed; if each statement is committed, as psql does it, add --transaction per-statement".into(),
        );
    }
    Ok(outcome(&impact))
}

/// Statements of the old release on the schema of the new one, in databases that are gone afterwards.
fn of_releases(args: &Impact, releases: &Releases<'_>) -> Result<Outcome> {
    let url = superuser_url(args.database_url.as_deref())?;
    interrupt::drop_copies();
    let built = releases.build(&url)?;
    let change = Change::by_command(built.change(releases));
    let mut impact = impact::analyse(built.url(), &change, &built.recording.statements, &options(args)?)?;
    impact.note_evictions(built.recording.evictions);
    impact.warnings.push(
        "who has to wait for locks of the migrations isn't judged: a command made the change, and nobody's rows are there".into(),
    );
    Ok(outcome(&impact))
}

fn outcome(impact: &impact::Impact) -> Outcome {
    let finding = match (&impact.refused, impact.exit_code()) {
        (Some(_), _) => Some("Postgres refuses the change".to_owned()),
        (None, 0) => None,
        (None, _) => Some(format!("the worst verdict is {}", impact.verdict)),
    };
    let markdown = Some(markdown::markdown(impact));
    Outcome { finding, markdown, ..Outcome::new(text::text(impact), impact) }
}

fn change(args: &Impact) -> Result<(Change, Vec<String>)> {
    let sql = match (&args.sql, &args.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) => schema::read_text(file)?,
        (None, None) => String::new(),
    };
    let (mut change, notes) = Change::of_file(&sql)?;
    if let Some(way) = args.transaction {
        change.per_statement = way == Transaction::PerStatement;
    }
    let change = match &args.role {
        Some(role) => change.by(role),
        None => change,
    };
    Ok((change, notes))
}

fn options(args: &Impact) -> Result<Options> {
    let mut services = BTreeMap::new();
    for pair in &args.service {
        let (role, service) =
            pair.split_once('=').ok_or_else(|| Error::Usage(format!("--service {pair}: expected ROLE=SERVICE")))?;
        services.insert(role.to_owned(), service.to_owned());
    }
    let positive = args.rate.is_finite() && args.rate > 0.0 && args.rate <= 10_000.0;
    if !positive {
        return Err(Error::Usage("--rate: expected a number above 0, at most 10000".into()));
    }
    // No cost is higher than NaN, so no statement would be SLOWER.
    if !(args.slower_from.is_finite() && args.slower_from > 0.0) {
        return Err(Error::Usage("--slower-from: expected a number above 0".into()));
    }
    Ok(Options {
        on: match args.on {
            Where::Clone => On::Clone,
            Where::Live => On::Live,
        },
        services,
        data: !args.without_data,
        sample: args.sample,
        typed_clients: !args.untyped_clients,
        allowed: args.allow_unknown.iter().copied().collect(),
        slower_from: args.slower_from,
        blocks_from: Duration::from_millis(args.blocks_from_ms),
        queue: args.queue.then(|| QueueOptions {
            hold: Duration::from_millis(args.hold_ms),
            lock_timeout: Duration::from_millis(args.lock_timeout_ms),
            rate: args.rate,
        }),
    })
}

/// The statements of the services, and how often pg_stat_statements removed some.
fn statements(args: &Impact, url: &str) -> Result<(Vec<Statement>, i64)> {
    let mut session = Session::connect_uncounted(url)?;
    if args.statements.is_empty() {
        let counted = from_pg_stat_statements(&mut session.client)?;
        let (seen, window) = counted.ok_or_else(|| {
            Error::Unavailable("the server counts no statements here (pg_stat_statements): give --statements".into())
        })?;
        return Ok((seen.into_iter().map(Statement::from).collect(), window.evictions));
    }
    let roles = session.texts("select rolname::text from pg_roles where not rolsuper")?;
    let (mut all, mut evictions) = (Vec::new(), 0);
    for path in &args.statements {
        if path.extension().is_some_and(|kind| kind == "json") {
            let recording = Recording::load(path)?;
            evictions += recording.evictions;
            all.extend(recording.statements);
        } else {
            all.extend(from_files(path, &roles)?.into_iter().map(Statement::from));
        }
    }
    Ok((all, evictions))
}
