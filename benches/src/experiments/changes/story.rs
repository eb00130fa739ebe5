//! A wish and its price: what each story of `stories` returns.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::edits::Touched;
use crate::Failure;

/// One wish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// `one-more-column`.
    pub id: String,
    /// In a sentence.
    pub title: String,
    /// Files that were really edited for it, in a scratch copy.
    pub files: Vec<Touched>,
    /// Programs that are deployed anew.
    pub deployments: usize,
    /// What was really done on the scratch system.
    pub here: Vec<Step>,
    /// What it would take elsewhere: estimates.
    pub elsewhere: Vec<Estimate>,
}

impl Story {
    /// All that was timed, together.
    pub fn seconds(&self) -> f64 {
        self.here.iter().filter(|step| !step.extrapolated).filter_map(|step| step.seconds).sum()
    }
}

/// Something done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What, and what came out.
    pub what: String,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Not done, but computed from what was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extrapolated: bool,
}

/// A guess, with its reasons: nobody has measured it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// `HTTP calls`, `events and copies`.
    pub architecture: String,
    /// Files touched.
    pub files: usize,
    /// Programs deployed anew.
    pub deployments: usize,
    /// Until it is there, without the writing of the code.
    pub minutes: usize,
    /// Why so many.
    pub why: String,
}

/// An estimate; files, deployments, minutes.
pub(super) fn estimate(
    architecture: &str,
    (files, deployments, minutes): (usize, usize, usize),
    why: &str,
) -> Estimate {
    Estimate { architecture: architecture.to_owned(), files, deployments, minutes, why: why.to_owned() }
}

/// Does something and notes how long it took.
pub(super) fn timed<T>(
    steps: &mut Vec<Step>,
    work: impl FnOnce() -> Result<(T, String), Failure>,
) -> Result<T, Failure> {
    let started = Instant::now();
    let (value, what) = work()?;
    steps.push(Step { what, seconds: Some(started.elapsed().as_secs_f64()), extrapolated: false });
    Ok(value)
}
