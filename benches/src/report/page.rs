//! The page around the sections.

use std::path::Path;

use maud::{Markup, PreEscaped, html};

use super::contents::contents;
use super::headline::{Headline, headline};
use super::html::{page as frame, prose};
use super::{
    attachments, causes, changes, closure, control_workload, cost, heatmap, ledger, method, pairs, problems, sql,
    stress, timeline, traits,
};
use crate::result::text::capital;
use crate::result::{ResultFile, TargetInfo};

/// The whole file, with what else is kept in the result's folder.
pub fn page(result: &ResultFile, folder: &Path) -> String {
    let steady = result.run.preset.claims_ratios();
    let ours = is_ours(result);
    let mut of = headline(result, problems::problems_in(folder).map(|of| of.outcome).as_ref());
    of.findings.extend(sql::findings(folder));
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
        (badges(result, &of))
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
        @for (place, finding) in of.findings.iter().enumerate() {
            p class=(if place == 0 { "lead" } else { "second" }) { b { (finding.label) ":" } " " (prose(&finding.text)) }
        }
        @for sentence in &of.notes { p.small { (prose(sentence)) } }
    }
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
fn badges(result: &ResultFile, of: &Headline) -> Markup {
    let class = |good: Option<bool>| match good {
        Some(true) => "badge good",
        Some(false) => "badge bad",
        None => "badge",
    };
    let ceiling = result.selftest.iter().find(|test| test.id == "ceiling");
    html! {
        p.badges { @for mark in &of.marks { span class=(class(mark.good)) { (prose(&mark.to_string())) } " " } }
        @if let Some(of) = ceiling { p.small { (prose(&format!("The driver's own ceiling on this machine: {}.", of.found))) } }
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
        let mut wrong =
            ["Five services", "-0.0", "CPU s", "WAL kB", "observed", "Coupling", "batching", "restarted", "traits"]
                .to_vec();
        wrong.retain(|absent| page.contains(absent));
        let mut missing = [
            "<title>Team Heron: who slows whom</title>",
            "median ms",
            "requests/s",
            "Every pair",
            "How it was measured",
        ]
        .to_vec();
        missing.retain(|there| !page.contains(there));
        assert_eq!((wrong, missing), (vec![], vec![]));
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
    fn no_two_sections_have_nearly_the_same_title() {
        let page = shown(&reference());
        let titles = page.split("<h2>").skip(1).filter_map(|rest| rest.split("</h2>").next());
        let first_words: Vec<String> = titles.map(|title| title.split([' ', ',']).take(3).collect()).collect();
        let once: std::collections::BTreeSet<&String> = first_words.iter().collect();
        assert_eq!(once.len(), first_words.len(), "{first_words:?}");
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
