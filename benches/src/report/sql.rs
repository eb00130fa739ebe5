//! Who waited for which statement, in a run of `lab sql`.

use std::path::Path;

use maud::{Markup, html};

use super::attachments::tables;
use super::headline::Finding;
use super::html::section;
use crate::result::{Measured, attachments};
use crate::sql::SqlOutcome;

/// What is kept in the folder of a run of `lab sql`; none where it is of another command.
#[must_use]
pub fn sql_in(folder: &Path) -> Option<Measured<SqlOutcome>> {
    attachments::read(folder, attachments::SQL)
}

/// What it found beside the matrix.
#[must_use]
pub fn findings(folder: &Path) -> Vec<Finding> {
    let of = sql_in(folder).map(|of| of.outcome.findings()).unwrap_or_default();
    of.into_iter().map(|(label, text)| Finding::new(label, text)).collect()
}

/// The section; empty where there is none.
pub fn sql(folder: &Path) -> Markup {
    html! { @if let Some(of) = sql_in(folder) { (section("statements", "Which statement waited for which", &tables(&of))) } }
}
