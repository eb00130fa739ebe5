//! What is compared: a figure of every architecture.

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

/// One figure of every architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Figure {
    /// Its name in files.
    pub id: String,
    /// As people call it.
    pub title: String,
    /// Of its values.
    pub unit: String,
    /// Whether it is one of the few that decide.
    pub decides: bool,
    /// Whether more of it is better.
    pub more_is_better: bool,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_run: Option<String>,
    /// In the order of the columns.
    pub arms: Vec<ArmFigure>,
    /// Each two of them, where blocks can be compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<Pair>,
}

/// One architecture's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArmFigure {
    /// Which.
    pub architecture: String,
    /// Median of the blocks', or a count; null where nothing was measured.
    pub value: Option<f64>,
    /// The median's 95 % interval; all blocks where they are fewer than six; null for a count.
    pub interval: Option<[f64; 2]>,
    /// Blocks, or what a count is of.
    pub n: u64,
}

/// Two architectures compared, block by block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pair {
    /// Numerator.
    pub of: String,
    /// Denominator.
    pub than: String,
    /// `of ÷ than`; null where the blocks give none.
    pub estimate: Option<Estimate>,
    /// Its p-value, adjusted after Holm for all pairs of all figures.
    pub adjusted_p: Option<f64>,
}

impl Pair {
    /// Whether both differ beyond what chance allows.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.adjusted_p.is_some_and(|p| p <= 0.05)
    }
}

impl Figure {
    /// The pair of two architectures, turned so that `of` is above.
    #[must_use]
    pub fn pair(&self, of: &str, than: &str) -> Option<Pair> {
        self.pairs.iter().find_map(|pair| match (pair.of == of, pair.than == of) {
            (true, _) if pair.than == than => Some(pair.clone()),
            (_, true) if pair.of == than => {
                let turned =
                    |e: Estimate| Estimate { ratio: e.ratio.recip(), low: e.high.recip(), high: e.low.recip(), ..e };
                Some(Pair {
                    of: of.to_owned(),
                    than: than.to_owned(),
                    estimate: pair.estimate.map(turned),
                    adjusted_p: pair.adjusted_p,
                })
            }
            _ => None,
        })
    }

    /// The architecture that is better than each other one beyond what chance allows.
    #[must_use]
    pub fn best(&self) -> Option<&str> {
        self.first(true)
    }

    /// The one that is worse than each other one.
    #[must_use]
    pub fn worst(&self) -> Option<&str> {
        self.first(false)
    }

    fn first(&self, best: bool) -> Option<&str> {
        // Above 1 is more; whether that is good depends on the figure.
        let wanted = |estimate: Estimate| (estimate.ratio > 1.0) == (self.more_is_better == best);
        let beats = |one: &str, other: &str| {
            self.pair(one, other).is_some_and(|pair| pair.differs() && pair.estimate.is_some_and(wanted))
        };
        let names = || self.arms.iter().map(|arm| arm.architecture.as_str());
        names().find(|one| names().filter(|other| other != one).all(|other| beats(one, other)) && self.arms.len() > 1)
    }
}
