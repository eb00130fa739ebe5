//! The report: one HTML file without network, and the same matrix as text.

mod beside;
mod bystander;
mod cells;
mod changes;
mod closure;
mod compare_page;
mod compare_text;
mod cost;
mod curve;
mod headline;
mod heatmap;
mod ledger;
mod page;
mod sankey;
mod stress;
mod text;
mod through;
mod together;
mod traits;
mod words;

use std::path::Path;

use crate::Failure;
use crate::compare::Comparison;
use crate::result::{Entry, Matrix, Metric, ResultFile};

pub use compare_text::text as comparison_text;
pub use headline::headline;
pub(crate) use heatmap::{LEGEND, carries, grid};
pub(crate) use page::STYLE;
pub use text::text;

/// Writes `report.html`, with what else was measured and stands in its folder.
pub fn write(result: &ResultFile, file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(Path::new(""));
    std::fs::write(file, page::page(result, folder))
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

/// Writes the page of a comparison; `results` are those that were compared, for their matrices.
///
/// # Errors
/// When it can't be written.
pub fn write_comparison(found: &Comparison, results: &[ResultFile], file: &Path) -> Result<(), Failure> {
    std::fs::write(file, compare_page::page(found, results))
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

/// What can be said of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Beyond chance after adjustment, and beyond what identical systems show today.
    Harmed,
    /// Beyond chance, the good way.
    Better,
    /// The whole interval lies within what identical systems show today: no effect shown, which isn't "no effect".
    NothingShown,
    /// The interval allows for an effect and for none.
    Open,
    /// The data can't carry the number.
    NotResolved,
}

fn verdict(entry: &Entry, matrix: &Matrix) -> Verdict {
    let Some(estimate) = entry.estimate.filter(|_| entry.resolved) else {
        return Verdict::NotResolved;
    };
    let sure = entry.p_adjusted.map_or_else(|| estimate.p < 0.05, |p| p < 0.05);
    let detectable = matrix.detectable.get(&entry.metric).copied();
    match detectable {
        Some(mde) if estimate.high <= mde && estimate.low >= 1.0 / mde => Verdict::NothingShown,
        _ if sure && estimate.ratio > 1.0 => Verdict::Harmed,
        _ if sure => Verdict::Better,
        _ => Verdict::Open,
    }
}

/// Entry of one pair and metric.
fn entry<'a>(matrix: &'a Matrix, victim: &str, aggressor: &str, metric: Metric) -> Option<&'a Entry> {
    matrix.entries.iter().find(|entry| entry.victim == victim && entry.aggressor == aggressor && entry.metric == metric)
}

/// The services, in the result's order.
fn services(result: &ResultFile) -> Vec<&str> {
    result.services.iter().map(|service| service.name.as_str()).collect()
}

/// What a metric is called, and what one of its ratios means.
fn title(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::OneIn20 => ("1 in 20", "share of answers slower than the slowest twentieth alone"),
        Metric::P50 => ("median", "median response time"),
        Metric::P95 => ("p95", "95th percentile of the response time"),
        Metric::OneIn100 => ("1 in 100", "share of answers slower than the slowest hundredth alone"),
        Metric::P99 => ("p99", "99th percentile of the response time"),
    }
}

/// A ratio for people: two decimals below 10, one above.
fn ratio(value: f64) -> String {
    if value < 10.0 { format!("×{value:.2}") } else { format!("×{value:.1}") }
}

/// With a capital; the lab's own logins by what they do.
fn capital(name: &str) -> String {
    let mut letters = name.strip_prefix("lab_").unwrap_or(name).chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// For element content and attribute values.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
