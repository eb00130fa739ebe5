//! A truth that is planted: a delay of known size in one column, which the comparison must find there.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::blocks::difference;
use super::figures::Figure;
use super::measured::MeasuredArm;
use crate::Failure;
use crate::stats::Difference;
use crate::system::Architecture;

/// How far from the planted size what is found may be.
const WITHIN: f64 = 0.2;

/// Where a delay can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Where {
    /// Before each call between services that call each other.
    InternalCall,
    /// Before each record that an ingester of the log applies.
    Ingester,
}

impl Where {
    const ALL: [(Self, &str); 2] = [(Self::InternalCall, "internal-call"), (Self::Ingester, "ingester")];

    /// As it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(of, _)| *of == self).map_or("", |(_, name)| name)
    }

    /// Which architecture has it.
    #[must_use]
    pub fn architecture(self) -> Architecture {
        match self {
            Self::InternalCall => Architecture::ApiCentric,
            Self::Ingester => Architecture::SelfContained,
        }
    }

    /// The figures that are longer by it, and how often it lies on their way. Registry asks Billing before it refuses a frozen
    /// organisation, and before it shows an API it asks Billing and then Profile.
    fn moves(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::InternalCall => &[("freeze-p50", 1.0), ("rename-p50", 2.0)],
            Self::Ingester => &[("freeze-p50", 1.0), ("rename-p50", 1.0)],
        }
    }
}

/// A delay of known size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plant {
    /// Where it is.
    pub at: Where,
    /// How long.
    pub ms: u64,
}

impl Plant {
    /// `internal-call=5ms`.
    ///
    /// # Errors
    /// What it can be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = text.split_once('=').and_then(|(name, ms)| {
            let (at, _) = Where::ALL.into_iter().find(|(_, of)| *of == name)?;
            let ms = ms.strip_suffix("ms")?.parse::<u64>().ok().filter(|ms| (1..=200).contains(ms))?;
            Some(Self { at, ms })
        });
        found.ok_or_else(|| "expected internal-call=5ms or ingester=50ms, with 1 to 200 ms".to_owned())
    }

    /// How long.
    pub(super) fn delay(self) -> Duration {
        Duration::from_millis(self.ms)
    }
}

/// What the comparison found of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Planted {
    /// What was planted.
    pub plant: Plant,
    /// In which column.
    pub column: String,
    /// The column of the same architecture without it.
    pub control: String,
    /// A figure that must be longer by it, by its id.
    pub figure: String,
    /// By how much.
    pub expected_ms: f64,
    /// By how much it is, with the 95 % interval of the blocks; null where they give none.
    pub found_ms: Option<Difference>,
    /// Whether the two columns are called different in this figure.
    pub differs: bool,
}

impl Planted {
    /// Whether it was found, in its column, at its size.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.differs && self.found_ms.is_some_and(|found| (found.mean / self.expected_ms - 1.0).abs() <= WITHIN)
    }
}

/// The columns of an architecture's control and of what is planted in it: its first and its last one.
pub(super) fn columns(plant: Plant, of: &[Architecture]) -> Result<[usize; 2], Failure> {
    let architecture = plant.at.architecture();
    let is = |one: &Architecture| *one == architecture;
    match (of.iter().position(is), of.iter().rposition(is)) {
        (Some(control), Some(planted)) if control < planted => Ok([control, planted]),
        _ => Err(Failure::usage(format!(
            "--plant {} needs {name} in two columns, one of them without it: --architecture {name},{name}.",
            plant.at.name(),
            name = architecture.name()
        ))),
    }
}

/// What was found of all that was planted.
pub(super) fn found(
    plants: &[Plant],
    of: &[Architecture],
    (arms, figures): (&[MeasuredArm<'_>], &[Figure]),
) -> Result<Vec<Planted>, Failure> {
    let mut all = Vec::new();
    for plant in plants {
        let [control, planted] = columns(*plant, of)?.map(|column| &arms[column]);
        for (figure, times) in plant.at.moves() {
            let compared = figures.iter().find(|of| of.id == *figure);
            let pair = compared.and_then(|of| of.pair(planted.name, control.name));
            all.push(Planted {
                plant: *plant,
                column: planted.name.to_owned(),
                control: control.name.to_owned(),
                figure: (*figure).to_owned(),
                expected_ms: times * plant.ms as f64,
                found_ms: difference(control, planted, figure)?,
                differs: pair.is_some_and(|pair| pair.differs()),
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_planted() {
        assert_eq!(Plant::parse("internal-call=5ms"), Ok(Plant { at: Where::InternalCall, ms: 5 }));
        assert_eq!(Plant::parse("ingester=50ms"), Ok(Plant { at: Where::Ingester, ms: 50 }));
        for wrong in ["ingester", "ingester=50", "ingester=0ms", "ingester=5s", "disk=5ms"] {
            assert!(Plant::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_stands_in_the_last_column_and_needs_one_without_it() {
        let [shared, http] = [Architecture::SharedDatabase, Architecture::ApiCentric];
        let plant = Plant { at: Where::InternalCall, ms: 5 };
        assert_eq!(columns(plant, &[http, shared, http]).unwrap(), [0, 2]);
        for too_few in [&[shared, http][..], &[shared, shared]] {
            assert!(columns(plant, too_few).unwrap_err().to_string().contains("two columns"));
        }
    }

    #[test]
    fn another_size_is_not_it() {
        let planted = |mean: f64, differs: bool| Planted {
            plant: Plant { at: Where::Ingester, ms: 50 },
            column: "self-contained 2".into(),
            control: "self-contained".into(),
            figure: "rename-p50".into(),
            expected_ms: 50.0,
            found_ms: Some(Difference { mean, low: mean - 1.0, high: mean + 1.0 }),
            differs,
        };
        assert!(planted(57.0, true).is_found() && planted(41.0, true).is_found());
        assert!(!planted(75.0, true).is_found() && !planted(25.0, true).is_found() && !planted(50.0, false).is_found());
    }
}
