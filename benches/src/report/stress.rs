//! Above capacity: how fast unanswered requests pile up.

use std::fmt::Write;

use super::{capital, escape};
use crate::result::ResultFile;

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
    for of in result.matrix.iter().flat_map(|matrix| &matrix.growth) {
        let rate = result.services.iter().find(|info| info.name == of.service);
        let company = match of.beside.as_str() {
            "alone" => "nobody",
            "all" => "everybody",
            other => other,
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{:.0}</td><td class=\"n\">{:+.0}</td><td class=\"n\">{:+.0} to {:+.0}</td></tr>",
            escape(&capital(&of.service)),
            escape(company),
            rate.map_or(0.0, |info| info.rate_per_s),
            of.per_s,
            of.range_per_s[0],
            of.range_per_s[1],
        );
    }
    out + "</table></div></section>\n"
}
