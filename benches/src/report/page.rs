//! The page around the sections.

use std::path::Path;

use maud::{Markup, html};

use super::headline::{SENTENCES, headline};
use super::html::page as frame;
use super::method::{self, OBSERVING_MAX};
use super::{
    attachments, causes, changes, closure, control_workload, cost, heatmap, ledger, pairs, stress, timeline, traits,
};
use crate::result::ResultFile;
use crate::result::text::capital;

/// The whole file, with what else is kept in the result's folder.
pub fn page(result: &ResultFile, folder: &Path) -> String {
    let steady = result.run.preset.claims_ratios();
    let ours = result.target.as_ref().is_none_or(|target| !target.foreign);
    let body = html! {
        h1 { "Five services, one database: who slows whom" }
        p.meta { (meta(result)) }
        @for (place, sentence) in headline(result).into_iter().enumerate() {
            p class=(match place { 0 => "lead", _ if place < SENTENCES => "second", _ => "small" }) { (sentence) }
        }
        (badges(result))
        (stress::growth(result))
        @if steady { (heatmap::heatmap(result)) (control_workload::control_workload(result)) }
        (ledger::ledger(result))
        @if steady { (closure::closure(result)) }
        (timeline::timeline(result))
        (cost::cost(result))
        (timeline::freshness(result))
        (pairs::pairs(result, folder))
        // What else is kept there was measured of our own system.
        @if ours { (traits::traits(result, folder)) (causes::causes(result, folder)) (attachments::attachments(folder)) }
        (changes::changes())
        (method::method(result))
    };
    frame(&format!("Who slows whom: {}", result.run.id), "", &body)
}

fn meta(result: &ResultFile) -> String {
    let rates: Vec<String> = result
        .services
        .iter()
        .map(|service| format!("{} {:.0}/s", capital(&service.name), service.rate_per_s))
        .collect();
    let postgres = result.postgres.as_ref().map(|info| format!("PostgreSQL {} · ", info.version)).unwrap_or_default();
    format!(
        "{} · {:?} · {} processors, {} · {postgres}{} APIs · {}",
        result.run.started_at,
        result.run.preset,
        result.machine.cpus,
        result.machine.model,
        result.run.data_apis,
        rates.join(", ")
    )
}

/// What stands behind the numbers, at a glance.
fn badges(result: &ResultFile) -> Markup {
    let broken: i64 = result.correctness.values().sum();
    let tests = |wanted| result.selftest.iter().filter(|test| test.pass == Some(wanted)).count();
    let (passed, failed) = (tests(true), tests(false));
    let suspect = result.counted().filter(|cell| !cell.warnings.is_empty()).count();
    let (cells, audits) = (result.counted().count(), result.correctness.len());
    let (mean, _) = method::observing(result);
    let of_itself = match (passed, failed) {
        (0, 0) => "the lab's own tests were not run here".into(),
        _ => format!("{passed} of the lab's own tests passed, {failed} failed"),
    };
    let badges = [
        (broken == 0 && audits > 0, format!("{audits} audits, {broken} violations")),
        (failed == 0 && passed > 0, of_itself),
        (suspect * 10 <= cells, format!("{suspect} of {cells} measurements suspect")),
        (mean <= OBSERVING_MAX, format!("the lab's own observing took {:.1} % of a core", mean * 100.0)),
    ];
    html! {
        p.badges {
            @for (good, text) in badges {
                span class=(if good { "badge good" } else { "badge bad" }) { (if good { "✓ " } else { "! " }) (text) }
                " "
            }
        }
    }
}
