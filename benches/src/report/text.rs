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
    let matrices: Vec<String> = Metric::ALL.into_iter().filter_map(|metric| matrix(result, metric)).collect();
    if !matrices.is_empty() {
        out.push_str(
            "\nTogether ÷ alone: ×2 is twice as often, or twice as long. Rows suffer, columns act; * beyond chance.\n",
        );
        out.push_str(&matrices.concat());
    }
    let claims = result.run.preset.claims_ratios();
    if let Some(sentence) = bystander::sentence(result).filter(|_| claims) {
        let _ = writeln!(out, "\n{sentence}");
    }
    out
}

fn matrix(result: &ResultFile, metric: Metric) -> Option<String> {
    let of = result.matrix.as_ref()?;
    let resolved = of.entries.iter().any(|entry| entry.metric == metric && entry.resolved);
    if !resolved {
        return None;
    }
    let names = services(result);
    let mut out = format!("\n{}: {}\n", title(metric).0, title(metric).1);
    let columns: Vec<&str> = names.iter().copied().chain(["all"]).collect();
    let _ = write!(out, "{:14}", "");
    columns.iter().for_each(|&column| {
        let name = if column == "all" { "everybody" } else { column };
        let _ = write!(out, "{name:>14}");
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
