//! The report: one HTML file without network, and the same figures as text.

mod architectures;
mod attachments;
mod causes;
mod changes;
mod closure;
mod comparison;
mod contents;
mod control_workload;
mod cost;
mod curve;
mod headline;
mod heatmap;
mod html;
mod labels;
mod ledger;
mod marks;
mod method;
mod page;
mod pairs;
mod problems;
mod resolve;
mod sankey;
mod sql;
mod stress;
#[cfg(test)]
mod testing;
mod text;
mod timeline;
mod traits;
mod waterfall;

use std::path::Path;

use crate::Failure;
use crate::compare::Comparison;
use crate::result::ResultFile;

pub use architectures::write as write_architectures;
pub use comparison::text as comparison_text;
pub use headline::{Finding, Headline, headline};
pub use marks::Mark;
pub use problems::problems_in;
pub use sql::{findings as sql_findings, sql_in};
pub use text::text;

/// Writes `report.html`, with what else was measured and is kept in its folder.
///
/// # Errors
/// When it can't be written.
pub fn write(result: &ResultFile, file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(Path::new(""));
    write_page(file, &page::page(result, folder))
}

/// Writes the page of a comparison; `results` are those that were compared, for their matrices.
///
/// # Errors
/// When it can't be written.
pub fn write_comparison(found: &Comparison, results: &[ResultFile], file: &Path) -> Result<(), Failure> {
    write_page(file, &comparison::page(found, results))
}

fn write_page(file: &Path, page: &str) -> Result<(), Failure> {
    std::fs::write(file, page)
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}
