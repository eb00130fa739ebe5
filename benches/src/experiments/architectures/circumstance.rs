//! Other circumstances under which the same is measured: a delay between all processes, other shares of writes.

use std::fmt;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::Failure;
use crate::load::driver::Method;
use crate::load::operations::sample;
use crate::load::schedule::{Endpoint, Workload, stream};

/// How many reads there are to how many writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shares {
    /// Requests that change nothing.
    pub reads: u32,
    /// The others.
    pub writes: u32,
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.reads, self.writes)
    }
}

impl Shares {
    /// `90:10`.
    ///
    /// # Errors
    /// What it can be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| (1..=1000).contains(number));
        let found = text.split_once(':').and_then(|(reads, writes)| {
            let (reads, writes) = (number(reads)?, number(writes)?);
            Some(Self { reads, writes })
        });
        found.ok_or_else(|| "expected reads:writes such as 90:10, each 1 to 1000".to_owned())
    }

    /// These requests with as many writes among them. A service that writes nothing stays as it is, so the others write more.
    pub(super) fn applied(self, to: &Workload) -> Result<Workload, Failure> {
        let weight = |wanted: &dyn Fn(&str, &[Endpoint]) -> bool| -> f64 {
            to.services.iter().filter(|(name, of)| wanted(name, &of.endpoints)).map(|(_, of)| of.weight).sum()
        };
        let writers = weight(&|name, all| all.iter().any(|one| writes(name, one))) / weight(&|_, _| true);
        let share = f64::from(self.writes) / f64::from(self.reads + self.writes) / writers;
        if !(0.0..1.0).contains(&share) {
            return Err(Failure::usage(format!(
                "--mixes {self}: only {:.0} % of the requests can be writes.",
                writers * 100.0
            )));
        }
        let mut mixed = to.clone();
        for (name, of) in &mut mixed.services {
            let sum = |those: bool| {
                let of = of.endpoints.iter().filter(|one| writes(name, one) == those);
                of.map(|one| one.share).sum::<f64>()
            };
            let [reading, writing] = [sum(false), sum(true)];
            for one in of.endpoints.iter_mut().filter(|_| reading > 0.0 && writing > 0.0) {
                one.share *= if writes(name, one) { share / writing } else { (1.0 - share) / reading };
            }
        }
        Ok(mixed)
    }
}

fn writes(service: &str, endpoint: &Endpoint) -> bool {
    sample(service, &endpoint.name).is_some_and(|of| of.method != Method::GET)
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Circumstance {
    /// Milliseconds on the way from one process to another, and back.
    Delay(f64),
    /// Another mix.
    Mix(Shares),
}

impl Circumstance {
    /// All of a plan; without a delay is how the blocks themselves are measured.
    pub fn all(plan: &Plan) -> Vec<Self> {
        let delays = plan.delays_ms.iter().filter(|ms| **ms > 0.0).map(|ms| Self::Delay(*ms));
        delays.chain(plan.mixes.iter().map(|of| Self::Mix(*of))).collect()
    }

    /// The same in the order of a round, with their places.
    pub fn shuffled(plan: &Plan, round: usize) -> Vec<(usize, Self)> {
        let mut all: Vec<(usize, Self)> = Self::all(plan).into_iter().enumerate().collect();
        all.shuffle(&mut stream(plan.seed, &format!("circumstances {round}")));
        all
    }

    /// As ids of figures end: `delay-0.5`, `mix-90:10`.
    pub fn id(self) -> String {
        match self {
            Self::Delay(ms) => format!("delay-{ms}"),
            Self::Mix(of) => format!("mix-{of}"),
        }
    }

    /// In words.
    pub fn title(self) -> String {
        match self {
            Self::Delay(ms) => format!("with {ms} ms between processes"),
            Self::Mix(of) => format!("with {} reads to {} writes", of.reads, of.writes),
        }
    }
}

/// What was measured under another circumstance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Varied {
    /// Which one, as ids of figures end.
    pub circumstance: String,
    /// Median response time of all requests.
    pub p50_ms: f64,
    /// Response time that 1 request in 20 exceeds.
    pub p95_ms: f64,
    /// Something else can have changed it by more than the effect that the lab is asked to find.
    pub left_out: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::schedule::MATRIX;

    /// Part of all requests that are writes, by weight.
    fn written(of: &Workload) -> f64 {
        let total: f64 = of.services.values().map(|of| of.weight).sum();
        let part = of.services.iter().map(|(name, of)| {
            let share = |wanted: bool| -> f64 {
                of.endpoints.iter().filter(|one| !wanted || writes(name, one)).map(|one| one.share).sum()
            };
            of.weight / total * share(true) / share(false)
        });
        part.sum()
    }

    #[test]
    fn a_mix_has_its_writes_and_the_rest_stays() {
        let matrix = Workload::parse(MATRIX).unwrap();
        for (text, wanted) in [("99:1", 0.01), ("90:10", 0.1), ("50:50", 0.5)] {
            let mixed = Shares::parse(text).unwrap().applied(&matrix).unwrap();
            assert!((written(&mixed) - wanted).abs() < 1e-9, "{text}: {}", written(&mixed));
            assert_eq!(mixed.services["billing"], matrix.services["billing"], "it writes nothing");
            let share = |of: &Workload, place: usize| of.services["registry"].endpoints[place].share;
            let ratio = |of: &Workload| share(of, 0) / share(of, 1);
            assert!((ratio(&mixed) / ratio(&matrix) - 1.0).abs() < 1e-9, "reads keep their shares");
        }
        let refused = Shares::parse("1:99").unwrap().applied(&matrix).unwrap_err().to_string();
        assert!(refused.contains("only 89 %"), "{refused}");
        assert!(["90", "0:1", "a:b"].iter().all(|wrong| Shares::parse(wrong).is_err()));
    }
}
