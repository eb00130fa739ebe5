//! Whether what must hold held, at a glance.

use std::fmt;

use super::method::{OBSERVING_MAX, observing};
use crate::result::{Matrix, ResultFile, TargetInfo};

/// Share of the measurements that must count, in percent.
const COUNT_MIN: usize = 90;

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// None: within its limit, but not as it ought to be.
    pub good: Option<bool>,
    /// What was found.
    pub text: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.good {
            Some(true) => "✓ ",
            Some(false) => "! ",
            None => "",
        };
        write!(f, "{sign}{}", self.text)
    }
}

/// All of them.
pub(super) fn marks(result: &ResultFile, matrix: &Matrix) -> Vec<Mark> {
    let broken: i64 = result.correctness.values().sum();
    let tests = |wanted| result.selftest.iter().filter(|test| test.pass == Some(wanted)).count();
    let (passed, failed) = (tests(true), tests(false));
    let (all, left_out) = (result.counted().count(), matrix.suspect.len());
    let enough = (all - left_out) * 100 >= all * COUNT_MIN;
    let audited = match (result.correctness.len(), broken) {
        (0, _) => "the data was not audited".into(),
        (audits, 0) => format!("{audits} audits, 0 violations"),
        (audits, _) => format!("{audits} audits, {broken} violations: see Correctness"),
    };
    let of_itself = match (passed, failed) {
        (0, 0) => "the lab's own tests were not run here".into(),
        _ => format!("{passed} of the lab's own tests passed, {failed} failed"),
    };
    let count = match left_out {
        0 => format!("all {all} measurements count"),
        _ => format!("{} of {all} measurements count (at least {COUNT_MIN} % must)", all - left_out),
    };
    let mark = |good, text| Mark { good: Some(good), text };
    // What must hold in somebody's own database isn't known.
    let sql = result.target.as_ref().is_some_and(TargetInfo::is_sql);
    let mut marks: Vec<Mark> =
        (!sql).then(|| mark(broken == 0 && !result.correctness.is_empty(), audited)).into_iter().collect();
    marks.extend([
        mark(failed == 0 && passed > 0, of_itself),
        Mark { good: (left_out == 0 || !enough).then_some(enough), text: count },
    ]);
    marks.extend(observing(result).map(|(mean, _)| {
        mark(mean <= OBSERVING_MAX, format!("the lab's own observing took {:.1} % of a core", mean * 100.0))
    }));
    marks
}
