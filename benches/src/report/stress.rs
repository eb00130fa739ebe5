//! Above capacity: how fast unanswered requests pile up.

use std::fmt::Write;

use super::{capital, escape};
use crate::result::{Growth, ResultFile};

/// One row a service and company; nothing below capacity, where there is nothing to tell.
pub fn section(result: &ResultFile) -> String {
    if result.run.preset.claims_ratios() {
        return String::new();
    }
    let mut out = String::from(
        "<section><h2>How fast requests pile up</h2><p>Above capacity no latency is steady: it grows for as long as the load lasts. What can be said \
         is how many more requests stand without an answer after each second.</p>\
         <div class=\"scroll\"><table><tr><th>service</th><th>in the company of</th><th>requests/s</th><th>more unanswered each second</th><th>least to most</th></tr>\n",
    );
    let mut rows: Vec<&Growth> = result.matrix.iter().flat_map(|matrix| &matrix.growth).collect();
    rows.sort_by_key(|of| (of.service.as_str(), of.beside == "all"));
    for of in rows {
        let rate = result.services.iter().find(|info| info.name == of.service);
        let company = match of.beside.as_str() {
            "alone" => "nobody",
            "all" => "everybody",
            other => other,
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{:.0}</td><td class=\"n\">{}</td><td class=\"n\">{} to {}</td></tr>",
            escape(&capital(&of.service)),
            escape(company),
            rate.map_or(0.0, |info| info.rate_per_s),
            signed(of.per_s),
            signed(of.range_per_s[0]),
            signed(of.range_per_s[1]),
        );
    }
    out + "</table></div></section>\n"
}

/// A whole number with its sign; nothing is +0, never −0.
fn signed(value: f64) -> String {
    format!("{:+.0}", value.round() + 0.0)
}
