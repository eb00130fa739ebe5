//! Known problems of a shared database that this run caused, each with its control and its remedy.

use std::path::Path;

use maud::{Markup, html};

use super::attachments::tables;
use super::html::section;
use crate::experiments::problems::{Problems, scenarios};
use crate::result::{Measured, ResultFile, TargetInfo, attachments};

/// Those that a run caused, where they are kept in its folder.
#[must_use]
pub fn problems_in(folder: &Path) -> Option<Measured<Problems>> {
    attachments::read(folder, attachments::PROBLEMS)
}

/// A table of all; nothing where none were caused, but a word where there are none to be caused.
pub fn problems(result: &ResultFile, folder: &Path) -> Markup {
    let Some(of) = problems_in(folder) else {
        let elsewhere = result.target.as_ref().filter(|target| !target.foreign && !target.shares_a_database());
        let not_run = |target: &TargetInfo| {
            let body =
                html! { p { "Not run: they are problems of a shared database, and this is " (target.label) "." } };
            section("problems", "Known problems", &body)
        };
        return elsewhere.map(not_run).unwrap_or_default();
    };
    let known = scenarios();
    let names: Vec<&str> = of.outcome.problems.iter().filter_map(|one| known.get(one.id.as_str()).copied()).collect();
    let body = html! {
        (tables(&of))
        p.legend {
            "They are caused by SQL of the lab's own logins; nothing of it is in the product. The scenarios " (names.join(", "))
            " show the same with more arms: " code { "lab scenario run " (names.join(" ")) } "."
        }
    };
    section("problems", "Known problems", &body)
}
