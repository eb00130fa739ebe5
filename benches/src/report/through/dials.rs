//! Sensitivity curves: one small picture for each dial, a line for each service.

use std::fmt::Write;

use crate::experiments::pressure::predict::{Unknown, predict};
use crate::experiments::pressure::{Curve, Dials};
use crate::report::{bystander, capital, escape};
use crate::result::{Entry, Metric, ResultFile};

/// The scale ends at 2^7.
const DOUBLINGS: f64 = 7.0;

/// All dials, with their numbers.
pub fn section(of: &Dials, result: &ResultFile) -> String {
    let mut out = format!(
        "<section id=\"dials\"><h2>Who feels which pressure</h2><p>All services at work, and one kind of pressure at three levels: the 95th \
         percentile compared with no pressure, {} replicates. The bystander shares nothing with anybody but the server.</p><div class=\"dots\">\n",
        of.replicates
    );
    let mut dials: Vec<(&str, &str)> = of.curves.iter().map(|curve| (&*curve.dial, &*curve.unit)).collect();
    dials.dedup();
    for (dial, unit) in &dials {
        let curves: Vec<&Curve> = of.curves.iter().filter(|curve| curve.dial == *dial).collect();
        let _ = write!(
            out,
            "<figure>{}<figcaption>{} ({})</figcaption></figure>",
            draw(&curves),
            escape(dial),
            escape(unit)
        );
    }
    out.push_str("</div><p class=\"legend\">");
    let first = dials.first().map_or("", |(dial, _)| dial);
    for curve in of.curves.iter().filter(|curve| curve.dial == first) {
        let (victim, name) = (escape(&curve.victim), escape(&capital(&curve.victim)));
        let _ = write!(out, "<span class=\"key fill-{victim}\">{name}</span>");
    }
    out.push_str("</p><details><summary>In numbers</summary><div class=\"scroll\"><table><tr><th>dial</th><th>who</th><th colspan=\"3\">light → heavy: p95 ratio (95 % interval), failed</th></tr>\n");
    for curve in &of.curves {
        let _ = write!(
            out,
            "<tr><td>{}</td><th scope=\"row\">{}</th>",
            escape(&curve.dial),
            escape(&capital(&curve.victim))
        );
        for level in &curve.levels {
            let ratio = level.p95.map_or_else(
                || "not resolved".to_owned(),
                |of| format!("×{:.2} ({:.2}–{:.2})", of.ratio, of.low, of.high),
            );
            let _ = write!(out, "<td class=\"n\">{}: {ratio}, {:.1} %</td>", level.level, level.failed * 100.0);
        }
        out.push_str("</tr>\n");
    }
    out + "</table></div></details>" + &pairs(of, result) + "</section>\n"
}

/// Every pair's median as the dials predict it, beside the measured one.
fn pairs(dials: &Dials, result: &ResultFile) -> String {
    let measured = |entry: &&Entry| entry.metric == Metric::P50 && entry.aggressor != "all";
    let entries = result.matrix.iter().flat_map(|matrix| &matrix.entries);
    let (mut rows, mut silent, mut off) = (String::new(), 0, 0);
    for entry in entries.filter(measured) {
        let pressure = bystander::beside(result, &entry.aggressor);
        let range = match predict(dials, &entry.victim, pressure) {
            Ok(range) => range,
            Err(Unknown::NoPressure) => {
                silent += 1;
                continue;
            }
            Err(Unknown::OffTheDials) => {
                off += 1;
                continue;
            }
        };
        let (says, verdict) = match entry.estimate.filter(|_| entry.resolved) {
            Some(of) if of.low <= *range.end() && *range.start() <= of.high => {
                (format!("×{:.2} ({:.2}–{:.2})", of.ratio, of.low, of.high), "agree")
            }
            Some(of) => (format!("×{:.2} ({:.2}–{:.2})", of.ratio, of.low, of.high), "differ"),
            None => ("not resolved".to_owned(), "can't be told"),
        };
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{} beside {}</th><td class=\"n\">×{:.2}–{:.2}</td><td class=\"n\">{says}</td><td>{verdict}</td></tr>",
            escape(&capital(&entry.victim)),
            escape(&capital(&entry.aggressor)),
            range.start(),
            range.end()
        );
    }
    let unknown = format!(
        "{silent} pairs can't be predicted, for the bystander wasn't shown to suffer beside that aggressor, and {off} because no dial \
         presses so much on it or has the victim's curve."
    );
    let table = if rows.is_empty() {
        String::new()
    } else {
        format!(
            "<div class=\"scroll\"><table><tr><th>median</th><th>predicted</th><th>measured (95 % interval)</th><th></th></tr>{rows}</table></div>"
        )
    };
    format!(
        "<h3>Predicted and measured pairs</h3><p>The dial's setting that hurts the bystander as much as an aggressor does says what the \
         victim should suffer beside it (Bubble-Up). {unknown}</p>{table}"
    )
}

fn draw(curves: &[&Curve]) -> String {
    let y = |ratio: f64| 110.0 - ratio.max(1e-3).log2().clamp(-1.0, DOUBLINGS) / DOUBLINGS * 90.0;
    let mut out = format!(
        "<svg viewBox=\"0 0 200 130\" role=\"img\"><line x1=\"30\" y1=\"{0:.0}\" x2=\"190\" y2=\"{0:.0}\" class=\"axis\"/>\
         <text x=\"26\" y=\"{1:.0}\" text-anchor=\"end\">×1</text><text x=\"26\" y=\"{2:.0}\" text-anchor=\"end\">×16</text>",
        y(1.0),
        y(1.0) + 3.0,
        y(16.0) + 3.0
    );
    for curve in curves {
        let points: Vec<(f64, f64)> = curve
            .levels
            .iter()
            .enumerate()
            .filter_map(|(place, level)| Some((50.0 + 55.0 * place as f64, y(level.p95?.ratio))))
            .collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.0},{y:.1}")).collect();
        let (victim, name) = (escape(&curve.victim), escape(&capital(&curve.victim)));
        let _ = write!(out, "<polyline class=\"series line-{victim}\" points=\"{}\"/>", line.join(" "));
        for (x, y) in points {
            let _ = write!(
                out,
                "<circle cx=\"{x:.0}\" cy=\"{y:.1}\" r=\"3\" class=\"fill-{victim}\"><title>{name}</title></circle>",
            );
        }
    }
    out + "</svg>"
}
