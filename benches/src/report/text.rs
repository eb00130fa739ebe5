//! The matrix in a terminal.

use std::fmt::Write;

use super::{Verdict, bystander, entry, headline, ratio, services, title, verdict};
use crate::result::{Metric, ResultFile};

/// Headline and the matrices that this much data can carry.
#[must_use]
pub fn text(result: &ResultFile) -> String {
    let mut out = String::new();
    for sentence in headline(result) {
        let _ = writeln!(out, "{sentence}");
    }
    for metric in Metric::ALL {
        out.push_str(&matrix(result, metric).unwrap_or_default());
    }
    let claims = result.run.preset.claims_ratios();
    if let Some(sentence) = bystander::sentence(result).filter(|_| claims) {
        let _ = writeln!(out, "\n{sentence}");
    }
    let doubted = result
        .cells
        .iter()
        .filter(|cell| !cell.doubts.is_empty())
        .count();
    let _ = writeln!(
        out,
        "\n{doubted} of {} blocks are doubted (see the report).",
        result.cells.len()
    );
    out
}

fn matrix(result: &ResultFile, metric: Metric) -> Option<String> {
    let of = result.matrix.as_ref()?;
    let resolved = of
        .entries
        .iter()
        .any(|entry| entry.metric == metric && entry.resolved);
    if !resolved {
        return None;
    }
    let names = services(result);
    let mut out = format!(
        "\n{}: {} (rows suffer, columns act; * beyond chance)\n",
        title(metric).0,
        title(metric).1
    );
    let columns: Vec<&str> = names.iter().copied().chain(["all"]).collect();
    let _ = write!(out, "{:14}", "");
    columns.iter().for_each(|column| {
        let _ = write!(out, "{column:>14}");
    });
    out.push('\n');
    for victim in &names {
        let _ = write!(out, "{victim:14}");
        for aggressor in &columns {
            let cell = entry(of, victim, aggressor, metric).map_or_else(
                || "·".to_owned(),
                |entry| match (verdict(entry, of), entry.estimate) {
                    (Verdict::NotResolved, _) | (_, None) => "not resolved".into(),
                    (Verdict::Harmed | Verdict::Better, Some(estimate)) => {
                        format!("{} *", ratio(estimate.ratio))
                    }
                    (_, Some(estimate)) => format!("{}  ", ratio(estimate.ratio)),
                },
            );
            let _ = write!(out, "{cell:>14}");
        }
        out.push('\n');
    }
    Some(out)
}
