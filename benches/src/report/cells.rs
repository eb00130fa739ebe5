//! One page a pair: each replicate's median and 95th percentile alone and together, how every quantile moves, and where the
//! extra time went.

use std::fmt::Write;
use std::path::Path;

use super::through::ladder;
use super::{capital, closure, curve, escape};
use crate::design::Cell;
use crate::experiments::ladder::Ladders;
use crate::result::{ALONE, Arm, Arms, CellResult, Closure, ResultFile, arms, attachments};

/// Every pair, folded away until asked for.
pub fn section(result: &ResultFile, folder: &Path) -> String {
    let mut pairs: Vec<&Cell> =
        result.counted().map(|cell| &cell.cell).filter(|cell| matches!(cell, Cell::Pair { .. })).collect();
    pairs.sort();
    pairs.dedup();
    let arms = arms(&result.cells).unwrap_or_default();
    let ladders: Option<Ladders> = attachments::read(folder, attachments::LADDER);
    let mut out = String::from(
        "<section><h2>Every pair</h2><p>Dots: each line is one replicate, alone on the left, together on the right. Curve: together ÷ alone at \
         every quantile, with the 95 % band of the replicates.</p>\n",
    );
    for pair in pairs {
        let Cell::Pair { first, second } = pair else {
            continue;
        };
        let _ = write!(out, "<details><summary>{} and {}</summary>", escape(&capital(first)), escape(&capital(second)));
        for (victim, other) in [(first, second), (second, first)] {
            out.push_str(&one(result, &arms, victim, other).unwrap_or_default());
            let climbed = ladders.as_ref();
            let moved = climbed.and_then(|of| ladder::of_pair(of, victim, other));
            out.push_str(&moved.unwrap_or_default());
        }
        out.push_str("</details>\n");
    }
    out + &doubts(result) + "</section>\n"
}

/// One direction.
fn one(result: &ResultFile, arms: &Arms, victim: &str, other: &str) -> Option<String> {
    let of = |company: &str| arms.get(&(victim.to_owned(), company.to_owned()));
    let (alone, together) = (of(ALONE)?, of(other)?);
    let mut out =
        format!("<h3>{} beside {}</h3><div class=\"dots\">", escape(&capital(victim)), escape(&capital(other)));
    for (q, name) in [(0.5, "median"), (0.95, "p95")] {
        let _ = write!(
            out,
            "<figure>{}<figcaption>{name}, alone → together (ms)</figcaption></figure>",
            dots(&values(alone, together, q))
        );
    }
    let _ = write!(
        out,
        "<figure>{}<figcaption>every quantile, together ÷ alone</figcaption></figure></div>",
        curve::draw(&curve::ratios(alone, together))
    );
    let matching = |of: &&Closure| of.victim == victim && of.aggressor == other;
    let found = result.matrix.iter().flat_map(|matrix| &matrix.closures).find(matching);
    Some(out + &found.map_or_else(String::new, ledger))
}

/// Where the extra time of one direction went, in a sentence and a bar.
fn ledger(of: &Closure) -> String {
    let Some(extra) = of.extra_ms else {
        return String::new();
    };
    let sentence = match (closure::parts(of), of.explained) {
        (Some(parts), _) => parts,
        (None, Some(share)) if of.holds != Some(true) => {
            format!("the ledger accounts for {:.0} % of it, so no cause is named", share * 100.0)
        }
        (None, Some(_)) => "of many small causes".into(),
        (None, None) => "chance alone could be it, so there is nothing to explain".into(),
    };
    format!(
        "<p>{:+.2} ms for each good answer on average ({:.2} to {:.2}): {}.</p>{}",
        extra.mean,
        extra.low,
        extra.high,
        escape(&sentence),
        if of.holds == Some(true) { closure::bar(of) } else { String::new() }
    )
}

/// (alone, together) in milliseconds by replicate.
fn values(alone: &Arm, together: &Arm, q: f64) -> Vec<(f64, f64)> {
    let at = |arm: &Arm, replicate: usize| Some(arm.get(&replicate)?.quantile_us(q)? as f64 / 1000.0);
    let both = |replicate: &usize| Some((at(alone, *replicate)?, at(together, *replicate)?));
    alone.keys().filter_map(both).collect()
}

fn dots(values: &[(f64, f64)]) -> String {
    let top = values.iter().flat_map(|(a, b)| [*a, *b]).fold(1e-9, f64::max) * 1.1;
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
    let doubted: Vec<&CellResult> = result.cells.iter().filter(|cell| !cell.doubts.is_empty()).collect();
    if doubted.is_empty() {
        return "<p>No block is doubted.</p>".into();
    }
    let mut out =
        format!("<details><summary>{} of {} blocks are doubted</summary><ul>", doubted.len(), result.cells.len());
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
