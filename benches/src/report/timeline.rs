//! What the sessions did second by second, and how soon changes take effect elsewhere.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::html::{key, px, section, tabs};
use super::labels::wait_class;
use crate::design::Cell;

use crate::result::{Delay, ResultFile};

/// Wait classes in the order they are stacked; anything else is `other`.
const CLASSES: [&str; 6] = ["cpu", "lock", "lwlock", "io", "wal", "client"];

/// Active sessions second by second while all services are under load, by wait class and by service.
pub fn timeline(result: &ResultFile) -> Markup {
    let seconds: Vec<&BTreeMap<String, BTreeMap<String, f64>>> =
        result.counted().filter(|cell| cell.cell == Cell::All).flat_map(|cell| &cell.ledger.timeline).collect();
    if seconds.is_empty() {
        return Markup::default();
    }
    let by_class: Vec<BTreeMap<&str, f64>> = seconds
        .iter()
        .map(|second| {
            let mut sums = BTreeMap::new();
            for (class, sessions) in second.values().flatten() {
                let lower = class.to_lowercase();
                let known = CLASSES.iter().find(|name| **name == lower);
                *sums.entry(*known.unwrap_or(&"other")).or_default() += sessions;
            }
            sums
        })
        .collect();
    let by_service: Vec<BTreeMap<&str, f64>> = seconds
        .iter()
        .map(|second| {
            let sum = |classes: &BTreeMap<String, f64>| classes.values().sum();
            second.iter().map(|(name, of)| (name.as_str(), sum(of))).collect()
        })
        .collect();
    let tab = |seconds: &[BTreeMap<&str, f64>]| html! { div.tab { (stack(seconds)) } };
    let below = html! {
        p.legend { "Active sessions with all services under load, one column a second, the replicates one after another." }
    };
    let both = [("by wait class", tab(&by_class)), ("by service", tab(&by_service))];
    tabs("timeline", "Second by second", 0, &both, &below)
}

fn stack(seconds: &[BTreeMap<&str, f64>]) -> Markup {
    let most = seconds.iter().map(|second| second.values().sum::<f64>()).fold(1e-9, f64::max);
    let mut names: Vec<&str> = seconds.iter().flat_map(|second| second.keys().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let width = 384.0 / seconds.len() as f64;
    let mut bars = Vec::new();
    for (place, second) in seconds.iter().enumerate() {
        let (x, mut y) = (32.0 + place as f64 * width, 140.0);
        for name in &names {
            let height = second.get(name).unwrap_or(&0.0) / most * 130.0;
            y -= height;
            bars.push((x, y, height, name));
        }
    }
    html! {
        svg.wide viewBox="0 0 420 150" role="img" {
            text x="26" y="14" text-anchor="end" { (px(most)) }
            text x="26" y="140" text-anchor="end" { "0" }
            @for (x, y, height, name) in bars {
                rect x=(px(x)) y=(px(y)) width=(px((width - 0.5).max(0.5))) height=(px(height)) class={ "fill-" (name) } {}
            }
        }
        p.legend { @for name in &names { (key(&format!("fill-{name}"), &wait_class(name))) } }
    }
}

const FREEZE: &str = "A freeze by Billing, committed → Registry's first 402";
const RENAME: &str = "A rename, answered by Profile → shown by Registry";

/// How soon changes take effect elsewhere.
pub fn freshness(result: &ResultFile) -> Markup {
    let Some(of) = &result.freshness else {
        return Markup::default();
    };
    let line = |what: &str, delay: &Option<Delay>| {
        html! {
            @if let Some(Delay { p50_ms, p95_ms, p99_ms, tries }) = delay {
                li {
                    (what) ": median " (px(*p50_ms)) " ms, "
                    @if let Some(p95_ms) = p95_ms { "p95 " (px(*p95_ms)) " ms, " }
                    "p99 " (px(*p99_ms)) " ms (" (tries) " tries)"
                }
            }
        }
    };
    let body = html! {
        ul {
            (line(FREEZE, &of.freeze))
            (line(RENAME, &of.rename))
            @if let Some(loaded) = &of.under_load {
                (line(&format!("{FREEZE}, all services under load"), &loaded.freeze))
                (line(&format!("{RENAME}, all services under load"), &loaded.rename))
            }
        }
        p.legend { "Nothing else under load unless said; the time of the request that asks is included." }
    };
    section("freshness", "How soon a change is seen elsewhere", &body)
}
