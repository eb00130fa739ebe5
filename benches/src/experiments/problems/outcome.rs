//! What known problems cost here, and what their remedies gain.

use serde::{Deserialize, Serialize};

use crate::result::text::{interval_or_none, key_figure, p_value};
use crate::result::{Outcome, Table};
use crate::stats::{Estimate, holm, paired_ratio};

/// Level of every claim, after Holm over all of them.
const SIGNIFICANT: f64 = 0.05;

/// What they cost, and what their remedies gain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Problems {
    /// Strongest first.
    pub problems: Vec<Problem>,
}

/// One known problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Problem {
    /// Such as `ddl-queue`.
    pub id: String,
    /// In a few words.
    pub title: String,
    /// The finding, with `{problem}`, `{remedy}` and `{control}` for the figures.
    pub says: String,
    /// Of the figures.
    pub unit: Unit,
    /// Without the problem.
    pub control: ProblemArm,
    /// With it.
    pub problem: ProblemArm,
    /// With its remedy.
    pub remedy: ProblemArm,
    /// Problem ÷ control of the same replicate; null where there is no spread to judge by.
    pub harm: Option<Estimate>,
    /// Holm-adjusted over the harms and gains of all problems.
    pub harm_p: Option<f64>,
    /// Problem ÷ remedy, likewise.
    pub gain: Option<Estimate>,
    /// Likewise.
    pub gain_p: Option<f64>,
}

/// One arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProblemArm {
    /// Its name in the scenario.
    pub name: String,
    /// One figure for each replicate.
    pub values: Vec<f64>,
}

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// A time.
    Milliseconds,
    /// Buffers of each statement.
    Buffers,
    /// Part of all requests.
    Share,
}

impl Problem {
    /// With the ratios of its replicates; the p-values are adjusted once all problems are known.
    #[must_use]
    pub fn new(id: &str, title: &str, says: &str, unit: Unit, [control, problem, remedy]: [ProblemArm; 3]) -> Self {
        let against = |other: &ProblemArm| {
            let pairs: Vec<(f64, f64)> = other.values.iter().copied().zip(problem.values.iter().copied()).collect();
            paired_ratio(&pairs)
        };
        let (harm, gain) = (against(&control), against(&remedy));
        let (id, title, says) = (id.to_owned(), title.to_owned(), says.to_owned());
        Self { id, title, says, unit, control, problem, remedy, harm, harm_p: None, gain, gain_p: None }
    }

    /// Whether the problem was shown to harm.
    #[must_use]
    pub fn harms(&self) -> bool {
        significant(self.harm, self.harm_p)
    }

    /// Whether the remedy was shown to help.
    #[must_use]
    pub fn remedied(&self) -> bool {
        significant(self.gain, self.gain_p)
    }

    /// The finding in a sentence, with the intervals; the figure of the harm itself is between `**`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let figure = |arm: &ProblemArm| self.unit.of(&arm.values);
        let filled = self
            .says
            .replace("{problem}", &key_figure(&figure(&self.problem)))
            .replace("{remedy}", &figure(&self.remedy))
            .replace("{control}", &figure(&self.control));
        match (self.harms(), self.remedied()) {
            (true, true) => filled,
            (true, false) => format!("{filled} The remedy's gain is not significant here."),
            (false, _) => format!("{filled} The harm is not significant here."),
        }
    }
}

fn significant(of: Option<Estimate>, p: Option<f64>) -> bool {
    of.is_some_and(|of| of.ratio > 1.0) && p.is_some_and(|p| p < SIGNIFICANT)
}

impl Unit {
    /// Geometric mean of the replicates with its 95 % interval; no interval where they don't differ.
    fn of(self, values: &[f64]) -> String {
        let pairs: Vec<(f64, f64)> = values.iter().map(|value| (1.0, *value)).collect();
        let (mean, ends) = match paired_ratio(&pairs) {
            Some(of) => (of.ratio, Some((of.low, of.high))),
            None => (values.first().copied().unwrap_or(f64::NAN), None),
        };
        let (factor, digits, name) = match self {
            Self::Milliseconds if mean >= 1000.0 => (0.001, 2, "s"),
            Self::Milliseconds => (1.0, usize::from(mean < 10.0), "ms"),
            Self::Buffers => (1.0, usize::from(mean < 10.0), "buffers"),
            Self::Share => (100.0, 0, "%"),
        };
        let number =
            |value: f64| format!("{:.digits$}", (value * factor).min(if factor > 1.0 { 100.0 } else { f64::MAX }));
        let ends = ends.map(|(low, high)| format!(" ({}–{})", number(low), number(high)));
        format!("{} {name}{}", number(mean), ends.unwrap_or_default())
    }
}

impl Problems {
    /// All of them, with p-values adjusted after Holm over every harm and gain.
    #[must_use]
    pub fn new(mut problems: Vec<Problem>) -> Self {
        let p: Vec<f64> =
            problems.iter().flat_map(|of| [of.harm, of.gain]).map(|of| of.map_or(1.0, |of| of.p)).collect();
        for (of, adjusted) in problems.iter_mut().zip(holm(&p).chunks(2)) {
            of.harm_p = of.harm.map(|_| adjusted[0]);
            of.gain_p = of.gain.map(|_| adjusted[1]);
        }
        Self { problems }
    }
}

impl<P> Outcome<P> for Problems {
    fn tables(&self, _: &P) -> Vec<Table> {
        let row = |of: &Problem| {
            [
                of.title.clone(),
                of.unit.of(&of.control.values),
                of.unit.of(&of.problem.values),
                of.unit.of(&of.remedy.values),
                format!("{}, {}", interval_or_none(of.harm), p_value(of.harm_p)),
                format!("{}, {}", interval_or_none(of.gain), p_value(of.gain_p)),
            ]
        };
        let numbers = ["without it", "with it", "with the remedy", "harm: with ÷ without", "gain: with ÷ remedy"];
        let table = Table::new(&["problem"], &numbers, &[]).rows(self.problems.iter().map(row)).note(
            "Each is caused four or five times, together with its control and its remedy, in random order. 95 % intervals of the replicates (paired t \
             on logarithms); p after Holm over all harms and gains.",
        );
        vec![table]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(values: &[f64]) -> ProblemArm {
        ProblemArm { name: "arm".into(), values: values.to_vec() }
    }

    fn problem(control: &[f64], with: &[f64], remedy: &[f64]) -> Problem {
        let says = "It takes {problem} in place of {control}; with the remedy {remedy}.";
        let arms = [arm(control), arm(with), arm(remedy)];
        Problems::new(vec![Problem::new("x", "x", says, Unit::Milliseconds, arms)]).problems.remove(0)
    }

    #[test]
    fn a_finding_has_intervals_and_a_harm_that_is_none_says_so() {
        let found = problem(&[1.0, 1.1, 0.9, 1.0], &[1200.0, 1210.0, 1190.0, 1205.0], &[100.0, 101.0, 102.0, 99.0]);
        assert!(found.harms() && found.remedied());
        let said = found.sentence();
        assert!(said.starts_with("It takes **1.20 s** (1.19–1.21) in place of 1.0 ms (0.9–1.1)"), "{said}");
        assert!(said.ends_with("with the remedy 100 ms (98–103)."), "{said}");
        let nothing = problem(&[1.0, 1.1, 0.9, 1.0], &[1.1, 0.9, 1.0, 1.0], &[1.0, 0.9, 1.1, 1.0]);
        assert!(!nothing.harms() && nothing.sentence().ends_with("The harm is not significant here."));
    }

    #[test]
    fn an_improvement_is_no_harm() {
        let found = problem(&[10.0, 11.0, 9.0, 10.0], &[1.0, 1.1, 0.9, 1.0], &[1.0, 1.1, 0.9, 1.0]);
        assert!(!found.harms());
    }

    #[test]
    fn a_constant_control_has_no_interval() {
        assert_eq!(Unit::Buffers.of(&[2.0, 2.0, 2.0]), "2.0 buffers");
        assert_eq!(Unit::Share.of(&[0.05, 0.05]), "5 %");
    }
}
