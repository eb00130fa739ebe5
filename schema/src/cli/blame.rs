//! `dba blame`.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use schema::blame::Entry;
use schema::blame::watch::{Now, Watched, cause, watch};
use schema::{Error, Result};

use super::args::Format;

/// Who blocks whom, right now, on any Postgres from 14 on. Changes nothing; costs some percent of a core, and says how much.
///
/// Something hangs:        dba blame --for 60s
/// On another server:      dba blame --database-url postgresql://me@host/db --for 10s
/// For a script:           dba blame --for 60s --format json
///
/// `waits for` is whom the server names; `because of` is who stands at the end of the chain, often somebody else: on a hot row each waiter waits
/// for the one before it, and behind a DDL statement everybody waits for it while an idle transaction holds it up. Causes: row (changed by an open
/// transaction), tupleQueue (for a hot row), relation (a table lock), behindDdl (in the queue of a table lock), advisory, extend,
/// virtualTransaction. Without pg_monitor it sees who waits, but not since when.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Blame {
    /// URL of any database of the server, best of a member of pg_monitor. Without it: the private cluster.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// How long to watch: 10s, 500ms, 5m.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration)]
    time: Duration,
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no time: 10s, 500ms, 5m"))?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" | "" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        unit => Err(format!("`{unit}` is no unit: ms, s, m")),
    }
}

/// Watches and tells.
pub(in crate::cli) fn run(args: &Blame, format: Format) -> Result<()> {
    if args.time.is_zero() {
        return Err(Error::Usage("nothing is seen in no time: --for 10s".into()));
    }
    let url = match &args.database_url {
        Some(url) => url.clone(),
        None => super::private(None)?.0.url().to_owned(),
    };
    let live = std::io::stderr().is_terminal();
    let watched = watch(
        &url,
        args.time,
        |now| {
            if live {
                now.iter().for_each(|line| eprintln!("{}", moment(line)));
            }
        },
        || false,
    )?;
    let value = serde_json::to_value(&watched).unwrap_or_default();
    super::print(format, &told(&watched), &value);
    Ok(())
}

fn moment(now: &Now) -> String {
    let who = |(role, application): &(String, String)| {
        if application.is_empty() { role.clone() } else { format!("{role} ({application})") }
    };
    format!(
        "{:>7.1} s  {} waits for {}, because of {}: {}",
        now.seconds,
        who(&now.waiting),
        who(&now.direct),
        who(&now.root),
        now.cause
    )
}

fn told(watched: &Watched) -> String {
    let mut lines = Vec::new();
    for (title, entries) in [("role", &watched.by_role), ("application", &watched.by_application)] {
        if !entries.is_empty() {
            lines.push(format!("by {title}:  seconds  waits  who waits  waits for  because of  cause"));
            lines.extend(entries.iter().map(line));
        }
    }
    if lines.is_empty() {
        lines.push("nobody waited".into());
    }
    lines.extend(
        watched.statements.iter().map(|one| format!("at the root: {} ({}): {}", one.role, one.state, one.statement)),
    );
    lines.extend(watched.blind.iter().map(|blind| format!("note: {blind}")));
    lines.push(format!(
        "watched {:.1} s in {} samples, at {:.1} % of a core",
        watched.seconds, watched.samples, watched.own_cost_percent
    ));
    lines.join("\n")
}

fn line(entry: &Entry) -> String {
    format!(
        "{:>10.2}±{:.2}  {}  {}  {}  {}  {}",
        entry.seconds,
        entry.sd_seconds,
        entry.waits,
        entry.waiting,
        entry.direct,
        entry.root,
        cause(entry.cause)
    )
}
