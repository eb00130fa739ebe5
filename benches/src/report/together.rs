//! What happened inside: what the sessions did second by second, and how soon changes take effect elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{capital, escape};
use crate::design::Cell;
use crate::result::{Delay, ResultFile};

/// Wait classes in the order they are stacked; anything else is `other`.
const CLASSES: [&str; 6] = ["cpu", "lock", "lwlock", "io", "wal", "client"];

/// Active sessions second by second while everybody is at work, by wait class and by service.
pub fn timeline(result: &ResultFile) -> String {
    let seconds: Vec<&BTreeMap<String, BTreeMap<String, f64>>> =
        result.counted().filter(|cell| cell.cell == Cell::All).flat_map(|cell| &cell.ledger.timeline).collect();
    if seconds.is_empty() {
        return String::new();
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
    format!(
        "<section class=\"tabs\"><h2>Second by second</h2><input type=\"radio\" name=\"time\" id=\"t0\" checked><label for=\"t0\">by wait class</label>\
         <input type=\"radio\" name=\"time\" id=\"t1\"><label for=\"t1\">by service</label>\
         <div class=\"tab\">{}</div><div class=\"tab\">{}</div>\
         <p class=\"legend\">Active sessions with everybody at work, one column a second, the replicates one after another.</p></section>\n",
        stack(&by_class),
        stack(&by_service)
    )
}

fn stack(seconds: &[BTreeMap<&str, f64>]) -> String {
    let most = seconds.iter().map(|second| second.values().sum::<f64>()).fold(1e-9, f64::max);
    let mut names: Vec<&str> = seconds.iter().flat_map(|second| second.keys().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let width = 384.0 / seconds.len() as f64;
    let mut out = format!(
        "<svg class=\"wide\" viewBox=\"0 0 420 150\" role=\"img\"><text x=\"26\" y=\"14\" text-anchor=\"end\">{most:.1}</text>\
         <text x=\"26\" y=\"140\" text-anchor=\"end\">0</text>"
    );
    for (index, second) in seconds.iter().enumerate() {
        let mut y = 140.0;
        for name in &names {
            let height = second.get(name).unwrap_or(&0.0) / most * 130.0;
            y -= height;
            let _ = write!(
                out,
                "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" class=\"fill-{name}\"/>",
                32.0 + index as f64 * width,
                (width - 0.5).max(0.5)
            );
        }
    }
    out.push_str("</svg><p class=\"legend\">");
    for name in &names {
        let _ = write!(out, "<span class=\"key fill-{name}\">{}</span> ", escape(&capital(name)));
    }
    out + "</p>"
}

/// How soon changes take effect elsewhere.
pub fn freshness(result: &ResultFile) -> String {
    let Some(of) = &result.freshness else {
        return String::new();
    };
    let line = |what: &str, delay: &Option<Delay>| {
        delay.map_or(String::new(), |delay| {
            format!(
                "<li>{what}: median {:.1} ms, p99 {:.1} ms ({} tries)</li>",
                delay.p50_ms, delay.p99_ms, delay.tries
            )
        })
    };
    format!(
        "<section><h2>How soon a change is seen elsewhere</h2><ul>{}{}</ul><p class=\"legend\">Nobody else at work; the request that asks is part of it.</p></section>\n",
        line("A freeze by Billing, committed → Registry's first 402", &of.freeze),
        line("A rename, answered by Profile → shown by Registry", &of.rename)
    )
}
