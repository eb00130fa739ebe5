//! `dba blame`.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use schema::blame::Entry;
use schema::blame::watch::{Now, Watched, cause, watch};
use schema::table::table;
use schema::{Error, Result};

use super::outcome::Outcome;
use super::place::{private, superuser_url};

/// Who blocks whom, right now, on any Postgres from 14 on. Changes nothing; uses
/// a few percent of a core, and prints how much.
///
/// Something hangs:        dba blame --for 60s
/// On another server:      dba blame --database-url postgresql://me@host/db --for 10s
/// For a script:           dba blame --for 60s --format json
///
/// The direct blocker is the one that the server names; the root blocker is at the
/// end of the chain, and often another one: on a hot row each waiter waits for the
/// one before it, and behind a DDL statement everybody waits for it while an idle
/// transaction keeps it waiting. Causes: row (changed by an open transaction),
/// tupleQueue (the queue for a hot row), relation (a table lock), behindDdl (in the
/// queue for a table lock), advisory, extend, virtualTransaction. Without
/// the rights of pg_monitor it sees who waits, but not since when.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Blame {
    /// URL of any database of the server, preferably as a member of pg_monitor. Without it: the private cluster.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// How long to watch: 10s, 500ms, 5m.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration)]
    time: Duration,
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| format!("expected a time such as 10s, 500ms, 5m, got `{text}`"))?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" | "" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        unit => Err(format!("unknown unit `{unit}`: expected ms, s or m")),
    }
}

/// Watches, and prints the waits of each second to a terminal meanwhile.
pub fn run(args: &Blame) -> Result<Outcome> {
    if args.time.is_zero() {
        return Err(Error::Usage("--for: want more than 0".into()));
    }
    let url = match &args.database_url {
        Some(_) => superuser_url(args.database_url.as_deref())?,
        None => private(None)?.0.url().to_owned(),
    };
    let live = std::io::stderr().is_terminal();
    let print = |now: &[Now]| {
        if live {
            now.iter().for_each(|one| eprintln!("{}", moment(one)));
        }
    };
    let watched = watch(&url, args.time, print, || false)?;
    Ok(Outcome::new(text(&watched), &watched))
}

fn moment(now: &Now) -> String {
    let who = |(role, application): &(String, String)| {
        if application.is_empty() { role.clone() } else { format!("{role} ({application})") }
    };
    format!(
        "{:>7.1} s  {} waits; direct blocker: {}; root blocker: {}; cause: {}",
        now.seconds,
        who(&now.waiting),
        who(&now.direct),
        who(&now.root),
        now.cause
    )
}

fn text(watched: &Watched) -> String {
    let mut lines = Vec::new();
    for (title, entries) in [("role", &watched.by_role), ("application", &watched.by_application)] {
        if !entries.is_empty() {
            let headings = [">seconds", ">±", ">waits", "waiting", "direct blocker", "root blocker", "cause"];
            lines.push(format!("by {title}:\n{}\n", table(&headings, entries.iter().map(row))));
        }
    }
    if lines.is_empty() {
        lines.push("nobody waited".into());
    }
    let statements = &watched.statements;
    lines.extend(
        statements.iter().map(|one| format!("root blocker {} ({}) ran: {}", one.role, one.state, one.statement)),
    );
    lines.extend(watched.blind.iter().map(|blind| format!("note: {blind}")));
    lines.push(format!(
        "watched {:.1} s in {} samples, which cost {:.1} % of a core",
        watched.seconds, watched.samples, watched.own_cost_percent
    ));
    lines.join("\n")
}

fn row(entry: &Entry) -> Vec<String> {
    let (waiting, direct, root) = (entry.waiting.clone(), entry.direct.clone(), entry.root.clone());
    let seconds = [format!("{:.2}", entry.seconds), format!("{:.2}", entry.sd_seconds), entry.waits.to_string()];
    [seconds.to_vec(), vec![waiting, direct, root, cause(entry.cause)]].concat()
}
