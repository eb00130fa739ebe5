//! `lab bench paired`: two builds of Registry in turn on one database, and whether the second one is slower.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::requests::Kind;
use super::system::{Arm, System};
use super::turn::{Turn, turn};
use crate::Failure;
use crate::data::Size;
use crate::observe::machine;
use crate::result::{Machine, PostgresInfo, Table};
use crate::stats::{Estimate, Median, paired_ratio};

/// Below so many rounds an interval may be narrow by chance.
const ROUNDS_MIN: usize = 6;
/// The lowest ratio that passes for as fast as before.
const LOWEST: f64 = 0.94;

/// How it is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Registry as it was.
    pub before: PathBuf,
    /// Registry as it is.
    pub after: PathBuf,
    /// What is asked for.
    pub kinds: Vec<Kind>,
    /// Numbers of connections.
    pub connections: Vec<usize>,
    /// The data set.
    pub size: Size,
    /// Seconds of each turn.
    pub seconds: u64,
    /// Rounds at the most.
    pub rounds: u32,
    /// Half the width of the interval that is enough, relative: 0.04 is ±4 %.
    pub within: f64,
    /// The other services as they are built for load.
    pub release: bool,
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval reaches 1 and its lower end isn't below 0.94.
    NotSlower,
    /// The whole interval is below 1.
    Slower,
    /// The interval is too wide to tell.
    Inconclusive,
}

/// One kind of request at one number of connections.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What was asked for.
    pub kind: Kind,
    /// By so many connections.
    pub connections: usize,
    /// Rounds until the interval was narrow enough.
    pub rounds: usize,
    /// Good answers in a second.
    pub before_per_s: Median,
    /// The same of the second build.
    pub after_per_s: Median,
    /// Requests per second, after ÷ before, formed in each round; none where the rounds can't show one.
    pub ratio: Option<Estimate>,
    /// The service's processor time per answer, after ÷ before: much less noisy on a machine that others use, too.
    pub cpu_ratio: Option<Estimate>,
    /// Answers that weren't good, before and after.
    pub failed: [u64; 2],
    /// What it shows.
    pub verdict: Verdict,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// RFC 3339.
    pub at: String,
    /// On what.
    pub machine: Machine,
    /// With which server.
    pub postgres: PostgresInfo,
    /// The first build.
    pub before: PathBuf,
    /// The second one.
    pub after: PathBuf,
    /// APIs in the data set.
    pub apis: u64,
    /// Seconds of each turn.
    pub seconds: u64,
    /// Half the width of an interval that is narrow enough.
    pub within: f64,
    /// The comparisons.
    pub rows: Vec<Row>,
}

impl Outcome {
    /// Whether no row is slower or inconclusive.
    pub fn is_good(&self) -> bool {
        self.rows.iter().all(|row| row.verdict == Verdict::NotSlower)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ratio = |of: Option<Estimate>| {
            of.map_or_else(|| "-".to_owned(), |of| format!("{:.3} [{:.3}, {:.3}]", of.ratio, of.low, of.high))
        };
        let row = |row: &Row| {
            let [before, after] = row.failed;
            [
                row.kind.name().to_owned(),
                row.connections.to_string(),
                row.rounds.to_string(),
                format!("{:.0}", row.before_per_s.median),
                format!("{:.0}", row.after_per_s.median),
                ratio(row.ratio),
                ratio(row.cpu_ratio),
                format!("{before}, {after}"),
                row.verdict.text().to_owned(),
            ]
        };
        let numbers = [
            "conns",
            "rounds",
            "before/s",
            "after/s",
            "requests/s, after ÷ before",
            "processor, after ÷ before",
            "failed",
        ];
        let table = Table::new(&[""], &numbers, &["verdict"])
            .titled(format!(
                "Registry {} (after) compared with {} (before): {} APIs, turns of {} s, PostgreSQL {}, {} processors.\n",
                self.after.display(),
                self.before.display(),
                self.apis,
                self.seconds,
                self.postgres.version,
                self.machine.cpus
            ))
            .rows(self.rows.iter().map(row))
            .note(format!(
                "Ratios with their 95 % intervals. Not slower: the interval's upper end is at least 1, its lower end at least {LOWEST}."
            ));
        write!(f, "{table}")
    }
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Self::NotSlower => "not slower",
            Self::Slower => "slower",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// One comparison while it is measured: the turns of each round, before and after.
struct Cell {
    kind: Kind,
    connections: usize,
    rounds: Vec<[Turn; 2]>,
}

/// Starts a system, measures, and takes it down.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    for binary in [&plan.before, &plan.after] {
        if !binary.is_file() {
            return Err(Failure::usage(format!("{} is no program: build Registry first.", binary.display())));
        }
    }
    let system = System::start(plan.size, plan.release)?;
    let arms =
        [system.registry_from("before", plan.before.clone())?, system.registry_from("after", plan.after.clone())?];
    let cell = |kind, connections| Cell { kind, connections, rounds: Vec::new() };
    let mut cells: Vec<Cell> =
        plan.kinds.iter().flat_map(|&kind| plan.connections.iter().map(move |&n| cell(kind, n))).collect();
    eprintln!("Warming up …");
    for (arm, kind) in arms.iter().flat_map(|arm| plan.kinds.iter().map(move |kind| (arm, *kind))) {
        turn(&system, arm, kind, 16, Duration::from_secs(2))?;
    }
    for round in 1..=plan.rounds {
        let open = cells.iter().filter(|cell| !cell.is_done(plan.within)).count();
        if open == 0 {
            break;
        }
        eprintln!("Round {round} of at most {} ({open} of {} intervals are too wide) …", plan.rounds, cells.len());
        for cell in cells.iter_mut().filter(|cell| !cell.is_done(plan.within)) {
            cell.measure(&system, &arms, plan.seconds)?;
        }
    }
    Ok(Outcome {
        at: crate::measure::kept::now(),
        machine: machine(),
        postgres: system.deployment.postgres_info()?,
        before: plan.before.clone(),
        after: plan.after.clone(),
        apis: plan.size.apis,
        seconds: plan.seconds,
        within: plan.within,
        rows: cells.iter().map(Cell::row).collect(),
    })
}

impl Cell {
    /// Each arm's turn in one round; another one begins in each.
    fn measure(&mut self, system: &System, arms: &[Arm; 2], seconds: u64) -> Result<(), Failure> {
        let of = |arm| turn(system, arm, self.kind, self.connections, Duration::from_secs(seconds));
        let [before, after] = arms;
        let both = if self.rounds.len().is_multiple_of(2) {
            [of(before)?, of(after)?]
        } else {
            let after = of(after)?;
            [of(before)?, after]
        };
        self.rounds.push(both);
        Ok(())
    }

    fn ratio(&self, value: fn(&Turn) -> f64) -> Option<Estimate> {
        let pairs: Vec<(f64, f64)> = self.rounds.iter().map(|[before, after]| (value(before), value(after))).collect();
        paired_ratio(&pairs)
    }

    fn is_done(&self, within: f64) -> bool {
        let is_narrow = |of: Estimate| of.high <= of.ratio * (1.0 + within);
        self.rounds.len() >= ROUNDS_MIN && self.ratio(|turn| turn.per_s).is_some_and(is_narrow)
    }

    fn row(&self) -> Row {
        let ratio = self.ratio(|turn| turn.per_s);
        Row {
            kind: self.kind,
            connections: self.connections,
            rounds: self.rounds.len(),
            before_per_s: Median::of(self.rounds.iter().map(|[before, _]| before.per_s)),
            after_per_s: Median::of(self.rounds.iter().map(|[_, after]| after.per_s)),
            ratio,
            cpu_ratio: self.ratio(|turn| turn.cpu.service),
            failed: [0, 1].map(|arm| self.rounds.iter().map(|round| round[arm].failed).sum()),
            verdict: verdict(ratio),
        }
    }
}

fn verdict(ratio: Option<Estimate>) -> Verdict {
    match ratio {
        Some(ratio) if ratio.high < 1.0 => Verdict::Slower,
        Some(ratio) if ratio.low >= LOWEST => Verdict::NotSlower,
        _ => Verdict::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_reaches_one_and_not_far_below_is_not_slower() {
        let of = |low: f64, high: f64| {
            verdict(Some(Estimate { ratio: (low * high).sqrt(), low, high, p: 0.5, replicates: 8 }))
        };
        assert_eq!(of(0.95, 1.01), Verdict::NotSlower);
        assert_eq!(of(1.1, 1.15), Verdict::NotSlower, "faster");
        assert_eq!(of(0.95, 0.99), Verdict::Slower);
        assert_eq!(of(0.935, 1.005), Verdict::Inconclusive, "may be 6.5 % slower");
        assert_eq!(verdict(None), Verdict::Inconclusive);
    }
}
