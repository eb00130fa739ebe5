//! For teams who compare: each trait of a good service, our figure, where it comes from, the remedy inside this
//! architecture, and the migration path out of it. `docs/COMPARE.md` says the same at length.

use std::collections::BTreeSet;
use std::path::Path;

use maud::{Markup, html};

use super::headline::slow_share;
use super::html::{plain_table, section};
use crate::bench::normalisation;
use crate::experiments::failure::FailureMatrix;
use crate::experiments::paired::Plan;
use crate::result::{Measured, Metric, ResultFile, Table, attachments};

/// What each service publishes, by its owner.
const VIEWS: [(&str, &str); 5] = [
    ("account", include_str!("../../../schema/views/account.sql")),
    ("profile", include_str!("../../../schema/views/profile.sql")),
    ("registry", include_str!("../../../schema/views/registry.sql")),
    ("billing", include_str!("../../../schema/views/billing.sql")),
    ("notification", include_str!("../../../schema/views/notification.sql")),
];

const GRANTS: &str = include_str!("../../../db-roles.sql");

const NOT_YET: &str = "not measured with this run";

struct Trait {
    name: &'static str,
    figure: String,
    source: &'static str,
    remedy: &'static str,
    migration: &'static str,
}

/// The table.
pub fn traits(result: &ResultFile, folder: &Path) -> Markup {
    let row = |of: Trait| {
        [of.name.to_owned(), of.figure, of.source.to_owned(), of.remedy.to_owned(), of.migration.to_owned()]
    };
    let table = Table::new(&["trait", "measured", "measured by", "remedy here", "migration path"], &[], &[])
        .rows(six(result, folder).map(row));
    let body = html! {
        p {
            "Each trait of a good service, what was measured of ours, and what to do about it: inside this architecture, or out of it."
        }
        (plain_table(&table))
    };
    section("traits", "For teams who compare", &body)
}

fn six(result: &ResultFile, folder: &Path) -> [Trait; 6] {
    let failures: Option<Measured<FailureMatrix>> = attachments::read(folder, attachments::FAILURE);
    let failures = failures.map(|of| of.outcome);
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
            migration: "each published view becomes an event or an endpoint of its owner",
        },
        Trait {
            name: "Independent unit",
            figure: failures.as_ref().and_then(others_while_stopped).unwrap_or_else(|| NOT_YET.into()),
            source: "lab failure",
            remedy: "no service calls another; each starts, stops and migrates alone",
            migration: "nothing to do: already the case",
        },
        Trait {
            name: "Loosely coupled",
            figure: worst_slowdown(result),
            source: "lab run",
            remedy: "connection and statement limits per role, smaller transactions, the scenarios' remedies",
            migration: "cut the edge with the most interference first: its reader gets a copy fed from the change feed",
        },
        Trait {
            name: "Decentralised data",
            figure: failures.as_ref().and_then(shared_failure).unwrap_or_else(|| NOT_YET.into()) + &tax(folder),
            source: "lab failure, lab bench normalisation, lab ladder",
            remedy: "a standby that takes over; one single point of failure stays",
            migration: "a database for each service whose edges are cut; the ladder says what that gains",
        },
        Trait {
            name: "Controlled failures",
            figure: failures.as_ref().map_or_else(|| NOT_YET.into(), soundness),
            source: "lab failure",
            remedy: "time-outs, limits and 503 with Retry-After at every service",
            migration: "nothing to do for the caller; a copy adds staleness that must be shown",
        },
        Trait {
            name: "Stateless",
            figure: failures.as_ref().and_then(comes_back).unwrap_or_else(|| NOT_YET.into()),
            source: "lab failure",
            remedy: "all state is in the database, keys and idempotency answers too",
            migration: "nothing to do: already the case",
        },
    ]
}

/// Grants on others' views, and pairs of (reader, owner) they make.
fn edges() -> (usize, usize) {
    let owner = |view: &str| {
        let is_listed = |text: &str| text.contains(&format!("view published.{view} "));
        VIEWS.iter().find(|(_, text)| is_listed(text)).map(|(name, _)| *name)
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
        "{} services stopped in turn: every other one gives at least {:.2} % good answers meanwhile",
        rows.len(),
        least * 100.0
    ))
}

fn worst_slowdown(result: &ResultFile) -> String {
    let Some(matrix) = &result.matrix else {
        return NOT_YET.into();
    };
    let all = matrix
        .entries
        .iter()
        .filter(|entry| entry.while_running == "all" && entry.metric == Metric::OneIn20 && entry.enough_data);
    let worst = all.filter_map(|entry| Some((entry, entry.estimate?))).max_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio));
    worst.map_or_else(
        || "insufficient data".into(),
        |(entry, of)| format!("{}, while all others run: the most of all", slow_share(&entry.service, of)),
    )
}

fn shared_failure(of: &FailureMatrix) -> Option<String> {
    let row = of.rows.iter().find(|row| row.broken == "postgres")?;
    Some(format!(
        "while Postgres is stopped, four services or more are down {:.0} % of the time",
        row.four_down * 100.0
    ))
}

fn tax(folder: &Path) -> String {
    let kept: Option<Measured<normalisation::Outcome, Plan>> = attachments::read(folder, attachments::NORMALISATION);
    let ratio = kept.and_then(|of| {
        of.outcome.comparison.ratios.into_iter().find(|ratio| ratio.metric == "p50" && ratio.enough_data)
    });
    ratio.map_or_else(String::new, |ratio| {
        format!("; median of the read through views ÷ with local copies: {}", ratio.text())
    })
}

fn soundness(of: &FailureMatrix) -> String {
    let lost: i64 = of.rows.iter().map(|row| row.writes_lost).sum();
    let broken: i64 = of.rows.iter().map(|row| row.violations).sum();
    format!("{} parts broken in turn: {lost} acknowledged writes lost, {broken} other violations", of.rows.len())
}

/// The longest that a stopped service took until its answers were good again, its own start included.
fn comes_back(of: &FailureMatrix) -> Option<String> {
    let rows = of.rows.iter().filter(|row| is_service(&row.broken));
    let back = rows.map(|row| row.services.get(&row.broken)?.recovered_ms);
    let all: Vec<u64> = back.collect::<Option<_>>()?;
    let longest = all.iter().max()?;
    Some(format!(
        "a stopped service gives good answers at most {:.1} s after the order to start it",
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
