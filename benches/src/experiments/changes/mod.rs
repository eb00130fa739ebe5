//! `lab changes`: what a schema change of one service costs the others, with the published views in between and without them.
//!
//! A catalogue of realistic changes ([`catalogue`]) is weighed by `dba impact` against every statement that the five services run ([`weigh`]), and, where that is
//! asked for, really made under them ([`verify`]). The statements, with values, are those of one walk over every operation ([`scratch`]).

pub mod catalogue;
pub mod edits;
mod log;
pub mod outcome;
pub mod scratch;
pub mod stories;
mod text;
pub mod verify;
mod walk;
pub mod weigh;
mod without;

use std::path::Path;

use crate::Failure;
use catalogue::Change;
use outcome::{Agreement, Outcome};
use scratch::Scratch;

/// What to do beside weighing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Make each change under the running services, too, and compare.
    pub verify: bool,
    /// Measure how long others wait behind each change.
    pub queue: bool,
    /// Tell the three stories.
    pub stories: bool,
}

/// Weighs the changes on a system made for it. What is going on is told to `say`.
pub fn run(changes: &[Change], options: Options, say: impl Fn(&str)) -> Result<Outcome, Failure> {
    say("Starting Postgres and the services …");
    let scratch = Scratch::start()?;
    say("Walking over every operation of five services, for their statements …");
    let scales = weigh::Scales::new(&scratch)?;
    let mut weighed = Vec::new();
    for change in changes {
        say(&format!("Weighing {} …", change.name));
        weighed.push(scales.weigh(change, options.queue)?);
    }
    let mut agreement = None;
    if options.verify {
        let mut tried = Vec::new();
        for (change, weighed) in changes.iter().zip(&weighed) {
            say(&format!("Making {} …", change.name));
            tried.push((weighed, verify::really(&scratch, change)?));
        }
        agreement = Some(Agreement::of(&tried));
    }
    let mut stories = Vec::new();
    if options.stories {
        say("Granting three wishes …");
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        stories = stories::tell(&scratch, root)?;
    }
    Ok(Outcome::of(scales.statements(), weighed, agreement, stories))
}
