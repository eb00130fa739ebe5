//! The page around the sections.

use std::path::Path;

use maud::{Markup, PreEscaped, html};

use super::headline::{Headline, headline};
use super::html::page as frame;
use super::method::{self, OBSERVING_MAX};
use super::{
    attachments, causes, changes, closure, control_workload, cost, heatmap, ledger, pairs, problems, sql, stress,
    timeline, traits,
};
use crate::result::text::capital;
use crate::result::{ResultFile, TargetInfo};

/// The whole file, with what else is kept in the result's folder.
pub fn page(result: &ResultFile, folder: &Path) -> String {
    let steady = result.run.preset.claims_ratios();
    let ours = is_ours(result);
    let mut of = headline(result, problems::problems_in(folder).map(|of| of.outcome).as_ref());
    of.findings.extend(sql::sql_in(folder).and_then(|of| of.outcome.longest()));
    // Of somebody else's system there is only what was measured of it.
    let sections = html! {
        (stress::growth(result))
        @if steady { (heatmap::heatmap(result)) }
        (sql::sql(folder))
        (problems::problems(result, folder))
        @if steady { (control_workload::control_workload(result)) }
        (ledger::ledger(result))
        @if steady { (closure::closure(result)) }
        (timeline::timeline(result))
        (cost::cost(result))
        (timeline::freshness(result))
        (pairs::pairs(result, folder))
        // What else is kept there was measured of our own system.
        @if ours {
            (traits::traits(result, folder)) (causes::causes(result, folder)) (attachments::attachments(folder)) (changes::changes())
        }
        (method::method(result))
    };
    let sections = sections.into_string();
    let title = title(result);
    let body = html! {
        h1 { (title) }
        p.meta { (meta(result)) }
        (sentences(&of))
        (badges(result))
        (contents(&sections))
        (PreEscaped(&sections))
    };
    frame(&title, "", &body)
}

fn is_ours(result: &ResultFile) -> bool {
    result.target.as_ref().is_none_or(|target| !target.foreign)
}

fn is_sql(result: &ResultFile) -> bool {
    result.target.as_ref().is_some_and(TargetInfo::is_sql)
}

/// Whose system it is, by the name that its team gave it.
fn title(result: &ResultFile) -> String {
    match &result.target {
        Some(target) if target.foreign => format!("{}: who slows whom", target.label),
        Some(target) if !target.shares_a_database() => format!("Five services, {}: who slows whom", target.label),
        _ => "Five services, one database: who slows whom".into(),
    }
}

fn sentences(of: &Headline) -> Markup {
    html! {
        @for (place, sentence) in of.findings.iter().enumerate() {
            p class=(if place == 0 { "lead" } else { "second" }) { (sentence) }
        }
        @for sentence in &of.notes { p.small { (sentence) } }
    }
}

/// Links to the sections that are there, by their headings.
fn contents(sections: &str) -> Markup {
    let found = sections.split("<section").skip(1).filter_map(|section| {
        let id = section.split_once("id=\"")?.1.split('"').next()?;
        let title = section.split_once("<h2>")?.1.split("</h2>").next()?;
        Some((id, title))
    });
    html! { nav.contents { @for (id, title) in found { a href={ "#" (id) } { (PreEscaped(title)) } " " } } }
}

fn meta(result: &ResultFile) -> String {
    let rates: Vec<String> = result
        .services
        .iter()
        .map(|service| format!("{} {:.0}/s", capital(&service.name), service.rate_per_s))
        .collect();
    let postgres = result.postgres.as_ref().map(|info| format!("PostgreSQL {} · ", info.version)).unwrap_or_default();
    // Where somebody else's system runs isn't known.
    let what = if is_ours(result) || is_sql(result) { "" } else { "driven from " };
    let data = if is_sql(result) { String::new() } else { format!("{} APIs · ", result.run.data_apis) };
    format!(
        "{} · {} · {what}{} processors, {} · {postgres}{data}requests: {}",
        result.run.started_at,
        result.run.preset.name(),
        result.machine.cpus,
        result.machine.model,
        rates.join(", ")
    )
}

/// What stands behind the numbers, at a glance.
fn badges(result: &ResultFile) -> Markup {
    let broken: i64 = result.correctness.values().sum();
    let tests = |wanted| result.selftest.iter().filter(|test| test.pass == Some(wanted)).count();
    let (passed, failed) = (tests(true), tests(false));
    let left_out = result.matrix.as_ref().map_or(0, |matrix| matrix.suspect.len());
    let (cells, audits) = (result.counted().count(), result.correctness.len());
    let of_itself = match (passed, failed) {
        (0, 0) => "the lab's own tests were not run here".into(),
        _ => format!("{passed} of the lab's own tests passed, {failed} failed"),
    };
    // What must hold in somebody's own database isn't known.
    let audited =
        (!is_sql(result)).then(|| (broken == 0 && audits > 0, format!("{audits} audits, {broken} violations")));
    let mut badges: Vec<(bool, String)> = audited.into_iter().collect();
    badges.extend([
        (failed == 0 && passed > 0, of_itself),
        (left_out * 10 <= cells, format!("{} of {cells} measurements count", cells - left_out)),
    ]);
    badges.extend(method::observing(result).map(|(mean, _)| {
        (mean <= OBSERVING_MAX, format!("the lab's own observing took {:.1} % of a core", mean * 100.0))
    }));
    let ceiling = result.selftest.iter().find(|test| test.id == "ceiling");
    html! {
        p.badges {
            @for (good, text) in badges {
                span class=(if good { "badge good" } else { "badge bad" }) { (if good { "✓ " } else { "! " }) (text) }
                " "
            }
        }
        @if let Some(of) = ceiling { p.small { "The driver's own ceiling on this machine: " (of.found) "." } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{black_box, demo, reference};

    fn shown(result: &ResultFile) -> String {
        page(result, Path::new("/nowhere"))
    }

    #[test]
    fn a_black_box_shows_only_what_was_measured() {
        let page = shown(&black_box());
        assert!(page.contains("<title>Team Heron: who slows whom</title>"), "its name");
        for absent in
            ["Five services", "-0.0", "CPU s", "WAL kB", "observed", "Coupling", "batching", "restarted", "traits"]
        {
            assert!(!page.contains(absent), "{absent}");
        }
        for there in ["median ms", "requests/s", "Every pair", "How it was measured"] {
            assert!(page.contains(there), "{there}");
        }
        let ours = shown(&reference());
        for there in ["Five services", "CPU s", "WAL kB", "Coupling", "restarted"] {
            assert!(ours.contains(there), "{there}");
        }
    }

    #[test]
    fn the_contents_lead_to_every_section() {
        let page = shown(&reference());
        let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(links.len() > 10, "{links:?}");
        for id in &links {
            assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
        }
        assert_eq!(links.len(), page.matches("<section").count());
    }

    #[test]
    fn names_of_programs_are_not_in_prose() {
        let page = shown(&reference());
        for word in ["Cpu", "oneIn20", "OneIn20", "runQueue", "dataIo", "Lwlock"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn a_matrix_that_would_be_mostly_empty_is_not_printed() {
        let page = shown(&demo());
        assert!(page.contains("--preset standard (2.5 hours)"), "how long a run has enough for the p95");
        let heat = page.split("id=\"matrix\"").nth(1).unwrap().split("</section>").next().unwrap();
        let empty = heat.matches("<td class=\"insufficient-data\"").count();
        let full = heat.matches("<small>").count();
        assert!(full >= 10 && empty * 2 < full, "{empty} of {full}");
    }
}
