//! For teams who compare: each trait of a good service, our figure, where it comes from, the remedy inside this
//! architecture, and the way out of it. `docs/COMPARE.md` says the same at length.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::{capital, escape};
use crate::bench::normalisation;
use crate::experiments::failure::FailureMatrix;
use crate::result::{Metric, ResultFile, attachments};

/// What each service publishes, by its owner.
const VIEWS: [(&str, &str); 5] = [
    ("account", include_str!("../../../schema/views/account.sql")),
    ("profile", include_str!("../../../schema/views/profile.sql")),
    ("registry", include_str!("../../../schema/views/registry.sql")),
    ("billing", include_str!("../../../schema/views/billing.sql")),
    ("notification", include_str!("../../../schema/views/notification.sql")),
];

const GRANTS: &str = include_str!("../../../db-roles.sql");

const NOT_YET: &str = "not measured beside this run";

struct Trait {
    name: &'static str,
    figure: String,
    source: &'static str,
    remedy: &'static str,
    way_out: &'static str,
}

/// The table.
pub fn section(result: &ResultFile, folder: &Path) -> String {
    let mut out = String::from(
        "<section id=\"traits\"><h2>For teams who compare</h2><p>Each trait of a good service, what was measured of ours, and what to do \
         about it: inside this architecture, or out of it.</p><div class=\"scroll\"><table>\
         <tr><th>trait</th><th>measured</th><th>comes from</th><th>remedy here</th><th>the way out</th></tr>\n",
    );
    for one in traits(result, folder) {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(one.name),
            escape(&one.figure),
            escape(one.source),
            escape(one.remedy),
            escape(one.way_out)
        );
    }
    out + "</table></div></section>\n"
}

fn traits(result: &ResultFile, folder: &Path) -> [Trait; 6] {
    let failures: Option<FailureMatrix> = attachments::read(folder, attachments::FAILURE);
    let foreign = "tables that another service's role may write";
    let writable = result.correctness.get(foreign);
    let (grants, pairs) = edges();
    [
        Trait {
            name: "Encapsulates one domain",
            figure: match writable {
                Some(count) => format!(
                    "{count} tables that another service may write; {grants} grants on others' views, across {pairs} pairs of services"
                ),
                None => {
                    format!("{grants} grants on others' views, across {pairs} pairs of services")
                }
            },
            source: "lab run, db-roles.sql",
            remedy: "one grant line with its reason for each view; a changed meaning is a second view",
            way_out: "each published view becomes an event or an endpoint of its owner",
        },
        Trait {
            name: "Independent unit",
            figure: failures.as_ref().and_then(others_while_stopped).unwrap_or_else(|| NOT_YET.into()),
            source: "lab failure",
            remedy: "no service calls another; each starts, stops and migrates alone",
            way_out: "nothing to do: it is so",
        },
        Trait {
            name: "Loosely coupled",
            figure: worst_company(result),
            source: "lab run",
            remedy: "connection and statement limits per role, smaller transactions, the scenarios' remedies",
            way_out: "cut the edge with the most harm first: its reader gets a copy fed from the feed",
        },
        Trait {
            name: "Decentralised data",
            figure: failures.as_ref().and_then(common_fate).unwrap_or_else(|| NOT_YET.into()) + &tax(folder),
            source: "lab failure, lab bench normalisation, lab ladder",
            remedy: "a standby that takes over; one common fate stays",
            way_out: "a database for each service whose edges are cut; the ladder says what that buys",
        },
        Trait {
            name: "Controlled failures",
            figure: failures.as_ref().map_or_else(|| NOT_YET.into(), soundness),
            source: "lab failure",
            remedy: "time-outs, limits and 503 with Retry-After at every border",
            way_out: "nothing to do for the caller; a copy adds staleness that must be shown",
        },
        Trait {
            name: "Stateless",
            figure: failures.as_ref().and_then(comes_back).unwrap_or_else(|| NOT_YET.into()),
            source: "lab failure",
            remedy: "all state is in the database, keys and idempotency answers too",
            way_out: "nothing to do: it is so",
        },
    ]
}

/// Grants on others' views, and pairs of (reader, owner) they make.
fn edges() -> (usize, usize) {
    let owner = |view: &str| {
        let stands_in = |text: &str| text.contains(&format!("view published.{view} "));
        VIEWS.iter().find(|(_, text)| stands_in(text)).map(|(name, _)| *name)
    };
    let grants = GRANTS.lines().filter_map(|line| {
        let (view, rest) = line.strip_prefix("grant select on published.")?.split_once(" to ")?;
        let (reader, _) = rest.split_once("_reader")?;
        Some((reader, owner(view)?))
    });
    let foreign: Vec<_> = grants.filter(|(reader, owner)| reader != owner).collect();
    (foreign.len(), foreign.iter().collect::<BTreeSet<_>>().len())
}

fn is_service(name: &str) -> bool {
    crate::system::services::names().any(|service| service == name)
}

/// The least that any other service answered while one was stopped.
fn others_while_stopped(of: &FailureMatrix) -> Option<String> {
    let rows: Vec<_> = of.rows.iter().filter(|row| is_service(&row.broken)).collect();
    let others = rows.iter().flat_map(|row| row.services.iter().filter(|(name, _)| **name != row.broken));
    let least = others.map(|(_, answers)| answers.share()).min_by(f64::total_cmp)?;
    Some(format!(
        "{} services stopped in turn: every other one answers at least {:.2} % well meanwhile",
        rows.len(),
        least * 100.0
    ))
}

fn worst_company(result: &ResultFile) -> String {
    let Some(matrix) = &result.matrix else {
        return NOT_YET.into();
    };
    let company = matrix
        .entries
        .iter()
        .filter(|entry| entry.aggressor == "all" && entry.metric == Metric::OneIn20 && entry.resolved);
    let worst = company.filter_map(|entry| Some((entry, entry.estimate?)));
    let Some((entry, of)) = worst.max_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio)) else {
        return "not resolved by this much data".into();
    };
    format!(
        "beside all others {}'s slow answers are ×{:.2} as frequent ({:.2}–{:.2}), the most of all",
        capital(&entry.victim),
        of.ratio,
        of.low,
        of.high
    )
}

fn common_fate(of: &FailureMatrix) -> Option<String> {
    let row = of.rows.iter().find(|row| row.broken == "postgres")?;
    Some(format!(
        "while Postgres is stopped, four services or more are down {:.0} % of the time",
        row.four_down * 100.0
    ))
}

fn tax(folder: &Path) -> String {
    let outcome: Option<normalisation::Outcome> = attachments::read(folder, attachments::NORMALISATION);
    let ratio =
        outcome.and_then(|of| of.comparison.ratios.into_iter().find(|ratio| ratio.metric == "p50" && ratio.resolved));
    ratio.map_or_else(String::new, |ratio| {
        format!("; the read through views takes {} of that with local copies (median)", ratio.text())
    })
}

fn soundness(of: &FailureMatrix) -> String {
    let lost: i64 = of.rows.iter().map(|row| row.writes_lost).sum();
    let broken: i64 = of.rows.iter().map(|row| row.violations).sum();
    format!("{} parts broken in turn: {lost} acknowledged writes lost, {broken} other violations", of.rows.len())
}

/// The longest that a stopped service took to answer well again, its own start included.
fn comes_back(of: &FailureMatrix) -> Option<String> {
    let rows = of.rows.iter().filter(|row| is_service(&row.broken));
    let back = rows.map(|row| row.services.get(&row.broken)?.recovered_ms);
    let all: Vec<u64> = back.collect::<Option<_>>()?;
    let longest = all.iter().max()?;
    Some(format!(
        "a stopped service answers well at most {:.1} s after the order to start it",
        *longest as f64 / 1000.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_on_a_view_has_an_owner() {
        let lines = GRANTS.lines().filter(|line| line.starts_with("grant select on published.")).count();
        let (foreign, pairs) = edges();
        // One is a service's own: Account checks tokens as everybody does.
        assert_eq!(foreign, lines - 1);
        assert!((10..=20).contains(&pairs), "{pairs}");
    }
}
