//! `lab bench read`, `list`, `create`, `mixed` and what builds on them: Registry under load beside pgbench with the same statements.

mod closed;
pub mod decisions;
mod figures;
pub mod growth;
mod load;
pub mod overload;
mod proc;
pub mod rivals;
mod scripts;
mod stage;
mod yardstick;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Failure;
use crate::bench::spread::Spread;
use crate::data::Size;
use crate::observe::cpu::machine;
use figures::{Cell, CpuUs, Memory, Pgbench};
use stage::{Arm, SEED, Stage};
use yardstick::{Throughput, Yardstick};

pub use figures::Outcome;
pub use load::Kind;

/// Keys in the yardstick's statement of many.
const KEYS: u32 = 32;

/// What every service is measured against.
const YARDSTICK: &str = "pgbench -M prepared, the service's statement";

/// How it is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is asked for.
    pub kind: Kind,
    /// The data set.
    pub size: Size,
    /// Rounds; in each every cell runs once.
    pub rounds: u32,
    /// Seconds of each cell.
    pub seconds: u64,
    /// Numbers of connections, and of pgbench's clients.
    pub connections: Vec<usize>,
    /// `BATCH_MAX` of each arm.
    pub batch_max: Vec<u32>,
    /// Services as they are built for load.
    pub release: bool,
}

/// What one cell of one round showed.
#[derive(Clone, Debug)]
struct Turn {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu: CpuUs,
    failed: u64,
}

/// All rounds, by arm and connections; and pgbench's by keys and clients.
#[derive(Default)]
struct Rounds {
    arms: BTreeMap<(usize, usize), Vec<Turn>>,
    pgbench: BTreeMap<(u32, usize), Vec<Throughput>>,
}

/// A data set of so many APIs.
pub fn size(apis: u64) -> Size {
    let organisations = (apis / 100).clamp(10, 1_000);
    Size { apis, organisations }
}

/// Starts a system, measures, and takes it down.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    let stage = Stage::start(plan.size, plan.release)?;
    measure(&stage, plan, registries(&stage, plan)?)
}

/// One Registry for each `BATCH_MAX`; for what shares nothing anyway, one.
fn registries(stage: &Stage, plan: &Plan) -> Result<Vec<Arm>, Failure> {
    let one = |max: u32| {
        let name = if max == 1 { "registry, no batching".to_owned() } else { format!("registry, batches {max}") };
        stage.registry(&name, &[("BATCH_MAX", max.to_string())])
    };
    let shares = matches!(plan.kind, Kind::Read | Kind::Mixed);
    let most = if shares { plan.batch_max.len() } else { 1 };
    plan.batch_max.iter().take(most).map(|max| one(*max)).collect()
}

/// Measures these arms on this stage.
fn measure(stage: &Stage, plan: &Plan, arms: Vec<Arm>) -> Result<Outcome, Failure> {
    let kind = plan.kind;
    let first = arms.first().ok_or_else(|| Failure::usage("There is nothing to measure."))?;
    yardstick::check(stage, first, kind)?;
    let scripts = scripts::scripts(kind, stage.size, SEED);
    let login = yardstick::login(kind);
    let alone = Yardstick::of(stage, "alone", login, &scripts)?;
    let many = [scripts::many(KEYS, stage.size, SEED)];
    let many = match kind {
        Kind::Read => Some(Yardstick::of(stage, "many", login, &many)?),
        _ => None,
    };
    eprintln!("Warming up …");
    for arm in &arms {
        turn(stage, arm, kind, 16, Duration::from_secs(1))?;
    }
    let mut rounds = Rounds::default();
    for round in 0..plan.rounds {
        eprintln!("Round {} of {} …", round + 1, plan.rounds);
        for &connections in &plan.connections {
            // The yardstick is one of them; another one begins in each round.
            for step in 0..=arms.len() {
                let index = (step + round as usize) % (arms.len() + 1);
                if let Some(arm) = arms.get(index) {
                    let seen = turn(stage, arm, kind, connections, Duration::from_secs(plan.seconds))?;
                    rounds.served(index, connections, seen);
                } else {
                    rounds.yard(1, connections, alone.run(connections, plan.seconds)?);
                    if let Some(many) = &many {
                        rounds.yard(KEYS, connections, many.run(connections, plan.seconds)?);
                    }
                }
            }
        }
    }
    Ok(Outcome {
        at: chrono::Utc::now().to_rfc3339(),
        kind,
        yardstick: YARDSTICK,
        apis: stage.size.apis,
        organisations: stage.size.organisations,
        rounds: plan.rounds,
        seconds: plan.seconds,
        optimised: plan.release,
        machine: machine(),
        postgres: stage.server()?,
        pgbench: rounds.pgbench(),
        cells: rounds.cells(&arms),
        memory: arms.iter().map(held).collect(),
    })
}

fn held(arm: &Arm) -> Memory {
    Memory { arm: arm.name.clone(), settings: arm.settings.clone(), rest_mib: arm.rest_mib, peak_mib: arm.peak_mib() }
}

/// One cell.
fn turn(stage: &Stage, arm: &Arm, kind: Kind, connections: usize, length: Duration) -> Result<Turn, Failure> {
    let mut requests = load::Requests::new(stage.data(), kind, stage.salt());
    let (mut before, mut after) = (stage::Cpu::default(), stage::Cpu::default());
    let seen = closed::run(
        arm.address,
        connections,
        Duration::from_millis(300),
        length,
        &mut |out| requests.next(out),
        (&mut || before = stage.cpu(arm), &mut || after = stage.cpu(arm)),
    )
    .map_err(|error| Failure::could_not_run(format!("The driver can't run: {error}.")))?;
    let each = |seconds: f64| seconds * 1e6 / seen.latency.count().max(1) as f64;
    Ok(Turn {
        per_s: seen.good_per_s(),
        p50_ms: seen.ms(0.5),
        p99_ms: seen.ms(0.99),
        cpu: CpuUs {
            postgres: each(after.postgres - before.postgres),
            service: each(after.service - before.service),
            driver: each(seen.driver_cpu_s),
        },
        failed: seen.failed(),
    })
}

impl Rounds {
    /// An arm has had its turn in this round.
    fn served(&mut self, arm: usize, connections: usize, seen: Turn) {
        self.arms.entry((arm, connections)).or_default().push(seen);
    }

    /// pgbench has had its turn in this round.
    fn yard(&mut self, keys: u32, clients: usize, seen: Throughput) {
        self.pgbench.entry((keys, clients)).or_default().push(seen);
    }

    /// The best of pgbench in a round, at any number of clients.
    fn best(&self, keys: u32, round: usize) -> f64 {
        let of_keys = self.pgbench.iter().filter(|((of, _), _)| *of == keys);
        of_keys.filter_map(|(_, seen)| seen.get(round)).map(|seen| seen.per_s).fold(f64::NAN, f64::max)
    }

    fn pgbench(&self) -> Vec<Pgbench> {
        let one = |(&(keys, clients), seen): (&(u32, usize), &Vec<Throughput>)| Pgbench {
            clients,
            keys,
            per_second: spread(seen, |seen| seen.per_s),
            mean_ms: spread(seen, |seen| seen.mean_ms).median,
        };
        self.pgbench.iter().map(one).collect()
    }

    fn cells(&self, arms: &[Arm]) -> Vec<Cell> {
        let one = |(&(arm, connections), turns): (&(usize, usize), &Vec<Turn>)| {
            let against = |yardstick: &dyn Fn(usize) -> f64| {
                let turns = turns.iter().enumerate();
                let ratios: Vec<f64> = turns.map(|(round, turn)| turn.per_s / yardstick(round)).collect();
                Spread::of(&ratios)
            };
            let same = |keys| {
                let seen = self.pgbench.get(&(keys, connections));
                move |round: usize| {
                    let seen = seen.and_then(|seen| seen.get(round));
                    seen.map_or(f64::NAN, |seen| seen.per_s)
                }
            };
            let to_pgbench = against(&same(1));
            let to_best = against(&|round| self.best(1, round));
            let to_many = against(&same(KEYS)).median;
            let to_best_of_many = against(&|round| self.best(KEYS, round)).median;
            let first = self.arms.get(&(0, connections)).filter(|_| arm > 0);
            let of_first = first.map(|first| {
                let both = first.iter().zip(turns);
                let ratios: Vec<f64> = both.map(|(first, own)| first.per_s / own.per_s).collect();
                Spread::of(&ratios)
            });
            let per_s = spread(turns, |turn| turn.per_s);
            Cell {
                arm: arms[arm].name.clone(),
                connections,
                requests_per_second: per_s.median,
                requests_per_second_interval: per_s,
                ratio_to_pgbench: to_pgbench.median,
                ratio_to_pgbench_interval: to_pgbench,
                ratio_to_pgbench_best: to_best.median,
                ratio_to_pgbench_best_interval: to_best,
                ratio_to_pgbench_batched: (to_many > 0.0).then_some(to_many),
                ratio_to_pgbench_batched_best: (to_best_of_many > 0.0).then_some(to_best_of_many),
                ratio_of_first: of_first.map(|ratio| ratio.median),
                ratio_of_first_interval: of_first,
                p50_ms: spread(turns, |turn| turn.p50_ms).median,
                p99_ms: spread(turns, |turn| turn.p99_ms).median,
                cpu_us: CpuUs {
                    postgres: spread(turns, |turn| turn.cpu.postgres).median,
                    service: spread(turns, |turn| turn.cpu.service).median,
                    driver: spread(turns, |turn| turn.cpu.driver).median,
                },
                failed: turns.iter().map(|turn| turn.failed).sum(),
            }
        };
        self.arms.iter().map(one).collect()
    }
}

fn spread<T>(of: &[T], value: impl Fn(&T) -> f64) -> Spread {
    Spread::of(&of.iter().map(value).collect::<Vec<_>>())
}
