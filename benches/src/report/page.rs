//! The page around the sections.

use std::fmt::Write;
use std::path::Path;

use super::headline::{SENTENCES, headline};
use super::{beside, bystander, capital, cells, closure, cost, escape, heatmap, ledger, ratio, stress, together};
use crate::result::{Metric, ResultFile};

/// The look of every page.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The whole file, with what stands beside the result in its folder.
pub fn page(result: &ResultFile, folder: &Path) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Who harms whom: {id}</title>\n<style>{STYLE}</style></head>\n<body><main>\n\
         <h1>Five services, one database: who harms whom</h1>\n<p class=\"meta\">{}</p>\n",
        meta(result),
        id = escape(&result.run.id),
    );
    for (index, sentence) in headline(result).into_iter().enumerate() {
        let class = match index {
            0 => "lead",
            _ if index < SENTENCES => "second",
            _ => "small",
        };
        let _ = writeln!(out, "<p class=\"{class}\">{}</p>", escape(&sentence));
    }
    out.push_str(&badges(result));
    out.push_str(&stress::section(result));
    let steady = result.run.preset.claims_ratios();
    if steady {
        out.push_str(&heatmap::section(result));
        out.push_str(&bystander::section(result));
    }
    out.push_str(&ledger::section(result));
    if steady {
        out.push_str(&closure::section(result));
    }
    out.push_str(&together::timeline(result));
    out.push_str(&cost::section(result));
    out.push_str(&together::freshness(result));
    out.push_str(&cells::section(result, folder));
    out.push_str(&beside::section(result, folder));
    out.push_str(&super::changes::section());
    out.push_str(&method(result));
    out.push_str("</main></body></html>\n");
    out
}

fn meta(result: &ResultFile) -> String {
    let rates: Vec<String> = result
        .services
        .iter()
        .map(|service| format!("{} {:.0}/s", capital(&service.name), service.rate_per_s))
        .collect();
    let postgres = result.postgres.as_ref().map(|info| format!("PostgreSQL {} · ", info.version)).unwrap_or_default();
    escape(&format!(
        "{} · {:?} · {} processors, {} · {postgres}{} APIs · {}",
        result.run.started_at,
        result.run.preset,
        result.machine.cpus,
        result.machine.model,
        result.run.data_apis,
        rates.join(", ")
    ))
}

/// What stands behind the numbers, at a glance.
fn badges(result: &ResultFile) -> String {
    let broken: i64 = result.correctness.values().sum();
    let tests = |wanted| {
        let of = result.selftest.iter();
        of.filter(|test| test.pass == Some(wanted)).count()
    };
    let (passed, failed) = (tests(true), tests(false));
    let doubted = result.counted().filter(|cell| !cell.doubts.is_empty());
    let (doubted, blocks) = (doubted.count(), result.counted().count());
    let badge = |good: bool, text: String| {
        let (class, mark) = if good { ("good", "✓") } else { ("bad", "!") };
        format!("<span class=\"badge {class}\">{mark} {}</span> ", escape(&text))
    };
    let mut out = String::from("<p class=\"badges\">");
    let audits = result.correctness.len();
    out.push_str(&badge(broken == 0 && audits > 0, format!("{audits} audits, {broken} violations")));
    out.push_str(&badge(
        failed == 0 && passed > 0,
        match (passed, failed) {
            (0, 0) => "the lab's own tests were not run here".into(),
            _ => format!("{passed} of the lab's own tests passed, {failed} failed"),
        },
    ));
    let quiet = doubted * 10 <= blocks;
    out.push_str(&badge(quiet, format!("{doubted} of {blocks} measurements doubted")));
    let (mean, _) = watched(result);
    out.push_str(&badge(mean <= WATCHING_MAX, format!("the lab's own watching took {:.1} % of a core", mean * 100.0)));
    out + "</p>\n"
}

/// What watching may cost, share of one core.
const WATCHING_MAX: f64 = 0.03;

/// Mean and highest share of a core that watching took, where somebody watched.
fn watched(result: &ResultFile) -> (f64, f64) {
    let shares: Vec<f64> = result.counted().map(|cell| cell.observer_cpu).filter(|share| *share > 0.0).collect();
    let most = shares.iter().copied().fold(0.0, f64::max);
    (shares.iter().sum::<f64>() / shares.len().max(1) as f64, most)
}

/// What watching cost the processors, and where it was tried, the answers.
fn watching(result: &ResultFile) -> String {
    let (mean, most) = watched(result);
    let mut out =
        format!("<p>Watching took {:.1} % of a core on average, {:.1} % at the most.</p>", mean * 100.0, most * 100.0);
    let medians = result.matrix.iter().flat_map(|matrix| &matrix.unwatched);
    for entry in medians.filter(|entry| entry.metric == Metric::P50 && entry.resolved) {
        if let Some(estimate) = entry.estimate {
            let _ = write!(
                out,
                "<p>{} with nobody watching: median {} of the watched one (95 % interval {}–{}).</p>",
                escape(&capital(&entry.victim)),
                ratio(estimate.ratio),
                ratio(estimate.low),
                ratio(estimate.high)
            );
        }
    }
    out
}

fn method(result: &ResultFile) -> String {
    let mut out = String::from(
        "<section><h2>How it was measured</h2><ul>\
         <li>Open loop: every request is sent at its intended moment, and its time counts from there, so a stall can't hide the requests behind it. A failure counts as slow as the time-out.</li>\
         <li>Rates are the same in every cell; each replicate runs every cell once in random order, and begins from the same data with services restarted. The same arrivals, rows and bodies stand in every arm.</li>\
         <li>The replicate is the unit: paired t on log ratios, adjusted after Holm over the ordered pairs. What the data can't carry is not printed.</li>\
         <li>Driver, services and Postgres share this machine. Ratios, shares and causes carry over to others roughly, absolute numbers don't.</li></ul>\n",
    );
    out.push_str(&watching(result));
    let _ = write!(
        out,
        "<h3>The lab's own tests</h3><p>{}</p>",
        result.selftest_at.as_ref().map_or_else(String::new, |at| escape(&format!("On this machine, {at}.")))
    );
    if result.selftest.is_empty() {
        out.push_str("<p>Not run with this result: <code>lab selftest</code>.</p>");
    } else {
        out.push_str("<ul>");
        for test in &result.selftest {
            let mark = match test.pass {
                Some(true) => "✓",
                Some(false) => "✗",
                None => "–",
            };
            let _ = write!(out, "<li>{mark} {}: {}</li>", escape(&test.id), escape(&test.found));
        }
        out.push_str("</ul>");
    }
    let _ = write!(
        out,
        "<details><summary>Settings</summary><p>Seed {}, workload {}, batching {}. <code>lab {}</code></p><ul>",
        result.run.seed,
        escape(result.run.workload_hash.get(..12).unwrap_or("–")),
        result.run.batch_max,
        escape(&result.run.command)
    );
    for (name, value) in result.postgres.iter().flat_map(|info| &info.settings) {
        let _ = write!(out, "<li>{} = {}</li>", escape(name), escape(value));
    }
    out + "</ul></details></section>\n"
}
