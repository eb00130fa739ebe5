//! How it was measured: the rules, what observing cost, the lab's own tests, the settings.

use maud::{Markup, html};

use super::html::section;
use crate::result::text::{capital, interval, ratio};
use crate::result::{Metric, ResultFile, TargetInfo};
use crate::stats::Histogram;

/// What observing may cost, share of one core.
pub const OBSERVING_MAX: f64 = 0.03;

/// Mean and highest share of a core that observing took; none where no cell was observed.
pub fn observing(result: &ResultFile) -> Option<(f64, f64)> {
    let shares: Vec<f64> = result.counted().map(|cell| cell.observer_cpu).filter(|share| *share > 0.0).collect();
    let most = shares.iter().copied().fold(0.0, f64::max);
    (!shares.is_empty()).then(|| (shares.iter().sum::<f64>() / shares.len() as f64, most))
}

/// The section.
pub fn method(result: &ResultFile) -> Markup {
    let ours = result.target.as_ref().is_none_or(|target| !target.foreign);
    let sql = result.target.as_ref().is_some_and(TargetInfo::is_sql);
    let body = html! {
        ul {
            li {
                "Open loop: every request is sent at its intended moment, and its time counts from there, so a stall can't hide the \
                 requests behind it. A failure counts as slow as the time-out."
            }
            li {
                "Rates are the same in every cell; each replicate runs every cell once in random order"
                @if ours { ", and begins from the same data with services restarted" } @else if !sql { "; nothing is put back in between" }
                ". Arrivals, rows and bodies are the same in every cell of a replicate. How many replicates there are is fixed beforehand."
            }
            li {
                "The replicate is the unit: paired t on log ratios, adjusted after Holm over the ordered pairs, and over the services while \
                 all others run; significant means p < 0.05. A ratio without enough data is not claimed."
            }
            li {
                "What disturbed a measurement widens its interval by as much as it can have changed: the driver's lateness as it was for every \
                 request, time taken from a processor as the requests that can have met it. Left out is what can have changed a figure by more \
                 than the smallest effect that the lab is to find: " (ratio(Metric::OneIn20.asked())) " in a share, " (ratio(Metric::P50.asked())) " in a quantile."
            }
            @if sql {
                li {
                    "pgbench drives each service as its login; a transaction's time counts from when it was due by pgbench's schedule, so waiting \
                     for a free connection is part of it."
                }
            }
            @if ours || sql {
                li {
                    "Driver, services and Postgres share this machine. Ratios, shares and causes are roughly the same elsewhere, absolute \
                     numbers are not."
                }
            } @else {
                li { "A black box: where it runs, and what else uses that machine, isn't known to the lab." }
            }
        }
        (lateness(result))
        (cost_of_observing(result))
        h3 { "The lab's own tests" }
        p { @if let Some(at) = &result.selftest_at { "On this machine, " (at) "." } }
        @if result.selftest.is_empty() {
            p { "Not run with this result: " code { "lab selftest" } "." }
        } @else {
            ul {
                @for test in &result.selftest {
                    li { (match test.pass { Some(true) => "✓", Some(false) => "✗", None => "–" }) " " (test.id) ": " (test.found) }
                }
            }
        }
        (settings(result))
    };
    section("method", "How it was measured", &body)
}

/// How late the driver itself sent, over all that counts.
fn lateness(result: &ResultFile) -> Markup {
    let mut all = Histogram::new();
    let services = result.counted().flat_map(|cell| &cell.services);
    services.filter_map(|of| Histogram::decode(&of.lag).ok()).for_each(|lag| all.add(&lag));
    let ms = |q: f64| all.quantile_us(q).map_or_else(|| "–".to_owned(), |us| format!("{:.2}", us as f64 / 1000.0));
    html! { p { "The driver sent requests " (ms(0.5)) " ms late (median), " (ms(0.99)) " ms (p99); each time counts from the intended moment." } }
}

/// What observing cost the processors, and where it was tried, the answers.
fn cost_of_observing(result: &ResultFile) -> Markup {
    let Some((mean, most)) = observing(result) else {
        return Markup::default();
    };
    let unobserved = result.matrix.iter().flat_map(|matrix| &matrix.unwatched);
    let medians = unobserved.filter(|entry| entry.metric == Metric::P50 && entry.enough_data);
    html! {
        p { (format!("Observing took {:.1} % of a core on average, {:.1} % at most.", mean * 100.0, most * 100.0)) }
        @for (entry, estimate) in medians.filter_map(|entry| Some((entry, entry.estimate?))) {
            p { (capital(&entry.service)) " unobserved ÷ observed: median " (interval(estimate)) ", 95 % interval." }
        }
    }
}

fn settings(result: &ResultFile) -> Markup {
    html! {
        details {
            summary { "Settings" }
            p {
                "Seed " (result.run.seed) ", workload " (result.run.workload_hash.get(..12).unwrap_or("–"))
                @if result.postgres.is_some() { ", batching " (result.run.batch_max) }
                ". " code { "lab " (result.run.command) }
            }
            ul { @for (name, value) in result.postgres.iter().flat_map(|info| &info.settings) { li { (name) " = " (value) } } }
        }
    }
}
