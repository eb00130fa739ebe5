//! Every pair: each replicate's median and 95th percentile alone and together, how every quantile moves, and where the extra
//! time went.

use std::path::Path;

use maud::{Markup, html};

use super::causes::ladder;
use super::html::{details, px, section};
use super::{closure, curve};
use crate::design::Cell;
use crate::experiments::ladder::Ladders;
use crate::result::text::{capital, others};
use crate::result::{ALONE, Arm, Arms, CellResult, Closure, Measured, ResultFile, Suspect, arms, attachments};

/// Every pair, folded away until asked for.
pub fn pairs(result: &ResultFile, folder: &Path) -> Markup {
    let mut pairs: Vec<(&str, &str)> = result
        .counted()
        .filter_map(|cell| match &cell.cell {
            Cell::Pair { first, second } => Some((first.as_str(), second.as_str())),
            _ => None,
        })
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let arms = arms(&result.cells).unwrap_or_default();
    let ladders: Option<Measured<Ladders>> = attachments::read(folder, attachments::LADDER);
    let both = |first: &str, second: &str| {
        html! {
            @for (service, other) in [(first, second), (second, first)] {
                (one(result, &arms, service, other).unwrap_or_default())
                @if let Some(of) = &ladders { (ladder::of_pair(&of.outcome, service, other).unwrap_or_default()) }
            }
        }
    };
    let names = result.service_names();
    let all = result.counted().any(|cell| cell.cell == Cell::All);
    let title = if pairs.is_empty() { "Every service" } else { "Every pair" };
    let body = html! {
        p {
            "Dots: each line is one replicate, alone on the left, together on the right. Curve: together ÷ alone at every quantile, \
             with the 95 % band of the replicates."
        }
        @for service in names.iter().filter(|_| all) {
            (details(
                format!("{} and all others", capital(service)),
                &one(result, &arms, service, "all").unwrap_or_default(),
            ))
        }
        @for (first, second) in pairs {
            (details(format!("{} and {}", capital(first), capital(second)), &both(first, second)))
        }
        (warnings(result))
    };
    section("pairs", title, &body)
}

/// One direction.
fn one(result: &ResultFile, arms: &Arms, service: &str, other: &str) -> Option<Markup> {
    let of = |others: &str| arms.get(&(service.to_owned(), others.to_owned()));
    let (alone, together) = (of(ALONE)?, of(other)?);
    let found = result.matrix.as_ref().and_then(|matrix| matrix.closure(service, other));
    Some(html! {
        h3 { (capital(service)) " while " (others(other)) " runs" }
        p.legend { (load(result, service, other)) }
        div.dots {
            @for (q, name) in [(0.5, "median"), (0.95, "p95")] {
                figure { (dots(&values(alone, together, q))) figcaption { (name) ", alone → together (ms)" } }
            }
            figure { (curve::draw(&curve::ratios(alone, together))) figcaption { "every quantile, together ÷ alone" } }
        }
        @if let Some(of) = found { (extra_time(of)) }
    })
}

/// Which load the figures belong to.
fn load(result: &ResultFile, service: &str, other: &str) -> String {
    let rate = |name: &str| result.services.iter().find(|of| of.name == name).map(|of| of.rate_per_s);
    let own = rate(service).unwrap_or(0.0);
    let together: f64 =
        result.services.iter().filter(|of| other == "all" || of.name == other).map(|of| of.rate_per_s).sum();
    let theirs = if other == "all" { together - own } else { together };
    format!(
        "{} at {own:.0} requests/s, alone and together; {} at {theirs:.0} requests/s.",
        capital(service),
        others(other)
    )
}

/// Where the extra time of one direction went, in a sentence and a bar.
fn extra_time(of: &Closure) -> Markup {
    let Some(extra) = of.extra_ms else {
        return Markup::default();
    };
    let holds = of.holds == Some(true);
    let sentence = match (closure::parts(of), of.explained) {
        (Some(parts), _) => parts,
        (None, Some(share)) if !holds => {
            format!("the ledger accounts for {:.0} % of it, so no cause is named", share * 100.0)
        }
        (None, Some(_)) => "many small causes".into(),
        (None, None) => "not significant, so there is nothing to explain".into(),
    };
    html! {
        p {
            (format!("{:+.2} ms for each good answer on average ({:.2} to {:.2}): ", extra.mean, extra.low, extra.high))
            (sentence) "."
        }
        @if holds { (closure::bar(of)) }
    }
}

/// (alone, together) in milliseconds by replicate.
fn values(alone: &Arm, together: &Arm, q: f64) -> Vec<(f64, f64)> {
    let at = |arm: &Arm, replicate: usize| Some(arm.get(&replicate)?.quantile_us(q)? as f64 / 1000.0);
    let both = |replicate: &usize| Some((at(alone, *replicate)?, at(together, *replicate)?));
    alone.keys().filter_map(both).collect()
}

fn dots(values: &[(f64, f64)]) -> Markup {
    let top = values.iter().flat_map(|(a, b)| [*a, *b]).fold(1e-9, f64::max) * 1.1;
    let y = |value: f64| px(110.0 - value / top * 100.0);
    html! {
        svg viewBox="0 0 200 130" role="img" {
            line.axis x1="30" y1="110" x2="190" y2="110" {}
            text x="26" y="14" text-anchor="end" { (px(top / 1.1)) }
            text x="26" y="113" text-anchor="end" { "0" }
            text x="60" y="126" text-anchor="middle" { "alone" }
            text x="160" y="126" text-anchor="middle" { "together" }
            @for (alone, together) in values {
                line.link x1="60" y1=(y(*alone)) x2="160" y2=(y(*together)) {}
                circle cx="60" cy=(y(*alone)) r="3" {}
                circle cx="160" cy=(y(*together)) r="3" {}
            }
        }
    }
}

/// What disturbed the measurements, of those that count and of those that don't.
fn warnings(result: &ResultFile) -> Markup {
    let disturbed: Vec<&CellResult> = result.counted().filter(|cell| !cell.warnings.is_empty()).collect();
    if disturbed.is_empty() {
        return html! { p { "Nothing disturbed a measurement that counts." } };
    }
    let suspect: &[Suspect] = result.matrix.as_ref().map_or(&[], |matrix| &matrix.suspect);
    let is_out = |cell: &CellResult| suspect.iter().any(|of| of.cell == cell.cell && of.replicate == cell.replicate);
    let list = html! {
        ul {
            @for cell in &disturbed {
                @for warning in &cell.warnings {
                    li {
                        "Replicate " (cell.replicate + 1) ", " (cell.cell.name()) ": " (warning.to_string())
                        @if is_out(cell) { " – left out" }
                    }
                }
            }
        }
    };
    details(format!("What disturbed {} of {} measurements", disturbed.len(), result.counted().count()), &list)
}
