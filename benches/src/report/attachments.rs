//! What else was measured and is kept in the same folder: the failure matrix, the composed read, the normalisation tax.
//! What is missing is named with the command that makes it.

use std::path::Path;

use maud::{Markup, html};
use serde::de::DeserializeOwned;

use super::html::{section, table};
use super::waterfall::waterfalls;
use crate::bench::normalisation;
use crate::experiments::composed;
use crate::experiments::failure::FailureMatrix;
use crate::experiments::paired::Plan;
use crate::experiments::wrong_answers::WrongAnswers;
use crate::result::{Measured, Outcome, attachments};

/// The text of a section for which another command has not measured anything yet.
pub const NOT_MEASURED: &str = "Not measured with this run";

/// All of them.
pub fn attachments(folder: &Path) -> Markup {
    let failure = |of: &Measured<FailureMatrix>| {
        html! {
            (tables(of))
            p.legend {
                "Fewer dependencies, one single point of failure: no service takes another one down, and the database takes all down. A \
                 chain of calls fails more often, a part at a time."
            }
        }
    };
    let calls = |of: &Measured<FailureMatrix>| {
        html! {
            (tables(of))
            p.legend { "A call that can be done without is left out and named in X-Degraded; where it can't, the request is refused." }
        }
    };
    let wrong = |of: &Measured<WrongAnswers>| tables(of);
    let copies = |of: &Measured<FailureMatrix>| {
        html! {
            (tables(of))
            p.legend { "Nobody waits for anybody: what is stopped answers nothing, the others answer from copies that grow old." }
        }
    };
    let normalisation = |of: &Measured<normalisation::Outcome, Plan>| {
        html! {
            (tables(of))
            p.legend { "Nothing feeds the copies here: what keeping them fresh costs comes on top, on the other side." }
        }
    };
    let composed = |of: &Measured<composed::Outcome, Plan>| html! { (waterfalls(&of.outcome.waterfalls)) (tables(of)) };
    html! {
        (found(folder, attachments::FAILURE, "When a part fails", "failure", failure))
        (found(folder, attachments::FAILURE_API_CENTRIC, "Failures where services call each other", "failure --architecture api-centric", calls))
        (found(folder, attachments::FAILURE_SELF_CONTAINED, "Failures where copies are fed from a log", "failure --architecture self-contained", copies))
        (found(folder, attachments::WRONG_ANSWERS, "Wrong answers where services call each other", "wrong-answers", wrong))
        (found(folder, attachments::COMPOSED, "One statement, three calls by hand, and the API-centric architecture", "composed", composed))
        (found(folder, attachments::NORMALISATION, "Views compared with local copies", "bench normalisation", normalisation))
    }
}

/// The section of one file in the folder; where that is missing, the command that makes it.
pub fn found<T: DeserializeOwned, P: DeserializeOwned>(
    folder: &Path,
    file: &str,
    title: &str,
    command: &str,
    show: impl Fn(&Measured<T, P>) -> Markup,
) -> Markup {
    let kept = attachments::read(folder, file);
    let missing = || html! { p { (NOT_MEASURED) ": " code { "lab " (command) " --save FOLDER" } "." } };
    section(file.trim_end_matches(".json"), title, &kept.map_or_else(missing, |of| show(&of)))
}

/// Its tables, as the terminal prints them.
pub fn tables<T: Outcome<P>, P>(of: &Measured<T, P>) -> Markup {
    html! { @for one in of.tables() { (table(&one)) } }
}
