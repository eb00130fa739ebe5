//! One picture a pair: each replicate's median and 95th percentile, alone and together.

use std::fmt::Write;

use super::{capital, escape};
use crate::experiment::Cell;
use crate::result::{CENSORED_US, CellResult, ResultFile, ServiceResult};

/// Every pair, folded away until asked for.
pub fn section(result: &ResultFile) -> String {
    let mut pairs: Vec<&Cell> = result
        .counted()
        .map(|cell| &cell.cell)
        .filter(|cell| matches!(cell, Cell::Pair { .. }))
        .collect();
    pairs.sort();
    pairs.dedup();
    let mut out = String::from(
        "<section><h2>Every pair</h2><p>Each line is one replicate: alone on the left, together on the right.</p>\n",
    );
    for pair in pairs {
        let Cell::Pair { first, second } = pair else {
            continue;
        };
        let _ = write!(
            out,
            "<details><summary>{} and {}</summary><div class=\"dots\">",
            escape(&capital(first)),
            escape(&capital(second))
        );
        for (victim, other) in [(first, second), (second, first)] {
            for (q, name) in [(0.5, "median"), (0.95, "p95")] {
                let _ = write!(
                    out,
                    "<figure>{}<figcaption>{} of {}, alone → beside {} (ms)</figcaption></figure>",
                    dots(&values(result, pair, victim, q)),
                    name,
                    escape(&capital(victim)),
                    escape(&capital(other))
                );
            }
        }
        out.push_str("</div></details>\n");
    }
    out + &doubts(result) + "</section>\n"
}

/// (alone, together) in milliseconds by replicate.
fn values(result: &ResultFile, pair: &Cell, victim: &str, q: f64) -> Vec<(f64, f64)> {
    let quantile = |cell: &CellResult| -> Option<f64> {
        let of: &ServiceResult = cell
            .services
            .iter()
            .find(|service| service.name == victim)?;
        Some(of.responses(CENSORED_US).ok()?.quantile_us(q)? as f64 / 1000.0)
    };
    let alone = Cell::Alone {
        service: victim.to_owned(),
    };
    let of = |wanted: &Cell, replicate: usize| {
        result
            .counted()
            .find(|cell| cell.cell == *wanted && cell.replicate == replicate)
            .and_then(quantile)
    };
    let replicates = result
        .counted()
        .map(|cell| cell.replicate + 1)
        .max()
        .unwrap_or(0);
    (0..replicates)
        .filter_map(|replicate| Some((of(&alone, replicate)?, of(pair, replicate)?)))
        .collect()
}

fn dots(values: &[(f64, f64)]) -> String {
    let top = values
        .iter()
        .flat_map(|(a, b)| [*a, *b])
        .fold(1e-9, f64::max)
        * 1.1;
    let y = |value: f64| 110.0 - value / top * 100.0;
    let mut out = format!(
        "<svg viewBox=\"0 0 200 130\" role=\"img\"><line x1=\"30\" y1=\"110\" x2=\"190\" y2=\"110\" class=\"axis\"/>\
         <text x=\"26\" y=\"14\" text-anchor=\"end\">{:.1}</text><text x=\"26\" y=\"113\" text-anchor=\"end\">0</text>\
         <text x=\"60\" y=\"126\" text-anchor=\"middle\">alone</text><text x=\"160\" y=\"126\" text-anchor=\"middle\">together</text>",
        top / 1.1
    );
    for (alone, together) in values {
        let (a, b) = (y(*alone), y(*together));
        let _ = write!(
            out,
            "<line x1=\"60\" y1=\"{a:.1}\" x2=\"160\" y2=\"{b:.1}\" class=\"link\"/><circle cx=\"60\" cy=\"{a:.1}\" r=\"3\"/>\
             <circle cx=\"160\" cy=\"{b:.1}\" r=\"3\"/>"
        );
    }
    out + "</svg>"
}

fn doubts(result: &ResultFile) -> String {
    let doubted: Vec<&CellResult> = result
        .cells
        .iter()
        .filter(|cell| !cell.doubts.is_empty())
        .collect();
    if doubted.is_empty() {
        return "<p>No block is doubted.</p>".into();
    }
    let mut out = format!(
        "<details><summary>{} of {} blocks are doubted</summary><ul>",
        doubted.len(),
        result.cells.len()
    );
    for cell in doubted {
        let _ = write!(
            out,
            "<li>replicate {}, {}: {}</li>",
            cell.replicate + 1,
            escape(&cell.cell.name()),
            escape(&cell.doubts.join("; "))
        );
    }
    out + "</ul></details>"
}
