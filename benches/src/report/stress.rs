//! Above capacity: how fast unanswered requests pile up.

use maud::{Markup, html};

use super::html::{plain_table, section};
use crate::result::text::{capital, others};
use crate::result::{Growth, ResultFile, Table};

/// One row a service and combination; nothing below capacity, where there is nothing to tell.
pub fn growth(result: &ResultFile) -> Markup {
    if result.run.preset.claims_ratios() {
        return Markup::default();
    }
    let mut growth: Vec<&Growth> = result.matrix.iter().flat_map(|matrix| &matrix.growth).collect();
    growth.sort_by_key(|of| (of.service.as_str(), of.while_running == "all"));
    let row = |of: &&Growth| {
        let rate = result.services.iter().find(|info| info.name == of.service).map_or(0.0, |info| info.rate_per_s);
        let [low, high] = of.range_per_s.map(signed);
        [
            capital(&of.service),
            others(&of.while_running),
            format!("{rate:.0}"),
            signed(of.per_s),
            format!("{low} to {high}"),
        ]
    };
    let numbers = ["requests/s", "more unanswered each second", "lowest to highest"];
    let table = Table::new(&["service", "while running"], &numbers, &[]).rows(growth.iter().map(row));
    let body = html! {
        p {
            "Above capacity no latency is steady: it grows for as long as the load lasts. What can be said is how many more \
             requests are without an answer after each second."
        }
        (plain_table(&table))
    };
    section("stress", "How fast requests pile up", &body)
}

/// A whole number with its sign; nothing is +0, never −0.
fn signed(value: f64) -> String {
    format!("{:+.0}", value.round() + 0.0)
}
