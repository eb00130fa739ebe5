//! `lab changes`: what a schema change of one service costs the others, with the published views in between and without them.
//!
//! A catalogue of realistic changes ([`catalogue`]) is evaluated by `dba impact` against every statement that the five services run ([`evaluate`]), and, where that is
//! asked for, really made under them ([`verify`]). The statements, with values, are those of one walk over every operation ([`scratch`]).

pub mod catalogue;
pub mod edits;
pub mod evaluate;
mod log;
pub mod outcome;
pub mod scratch;
pub mod stories;
pub mod story;
mod text;
pub mod verify;
mod walk;
mod without;

use std::path::Path;

use crate::Failure;
use catalogue::Change;
use outcome::{Agreement, Report};
use scratch::Scratch;

/// What to do besides evaluating.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Make each change under the running services, too, and compare.
    pub verify: bool,
    /// Measure how long others wait behind each change.
    pub queue: bool,
    /// Price the three wishes.
    pub stories: bool,
}

/// Evaluates the changes on a system made for it. `say` hears of the progress.
pub fn run(changes: &[Change], options: Options, say: impl Fn(&str)) -> Result<Report, Failure> {
    say("Starting Postgres and the services …");
    let scratch = Scratch::start()?;
    say("Walking over every operation of five services, for their statements …");
    let evaluator = evaluate::Evaluator::new(&scratch)?;
    let mut evaluated = Vec::new();
    for change in changes {
        say(&format!("Evaluating {} …", change.name));
        evaluated.push(evaluator.evaluate(change, options.queue)?);
    }
    let mut agreement = None;
    if options.verify {
        let mut tried = Vec::new();
        for (change, evaluated) in changes.iter().zip(&evaluated) {
            say(&format!("Making {} …", change.name));
            tried.push((evaluated, verify::really(&scratch, change)?));
        }
        agreement = Some(Agreement::of(&tried));
    }
    let mut stories = Vec::new();
    if options.stories {
        say("Granting three wishes …");
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        stories = stories::price(&scratch, root)?;
    }
    Ok(Report::of(evaluator.statements(), evaluated, agreement, stories))
}
