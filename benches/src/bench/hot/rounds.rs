//! What every round showed, and what all of them show together.

use std::collections::BTreeMap;

use super::KEYS;
use super::figures::{Cell, Pgbench};
use super::system::{Arm, Cpu};
use super::turn::Turn;
use super::yardstick::Throughput;
use crate::stats::Median;

/// All rounds, by arm and connections; and pgbench's by keys and clients.
#[derive(Default)]
pub struct Rounds {
    arms: BTreeMap<(usize, usize), Vec<Turn>>,
    pgbench: BTreeMap<(u32, usize), Vec<Throughput>>,
}

/// The median of one figure of all rounds.
pub fn median<T>(of: &[T], value: impl Fn(&T) -> f64) -> Median {
    Median::of(of.iter().map(value))
}

impl Rounds {
    /// An arm has had its turn in this round.
    pub fn served(&mut self, arm: usize, connections: usize, seen: Turn) {
        self.arms.entry((arm, connections)).or_default().push(seen);
    }

    /// pgbench has had its turn in this round.
    pub fn yardstick(&mut self, keys: u32, clients: usize, seen: Throughput) {
        self.pgbench.entry((keys, clients)).or_default().push(seen);
    }

    /// The turns of an arm.
    pub fn of(&self, arm: usize, connections: usize) -> &[Turn] {
        self.arms.get(&(arm, connections)).map_or(&[], Vec::as_slice)
    }

    /// pgbench in a round.
    fn same(&self, keys: u32, clients: usize, round: usize) -> f64 {
        let seen = self.pgbench.get(&(keys, clients)).and_then(|seen| seen.get(round));
        seen.map_or(f64::NAN, |seen| seen.per_s)
    }

    /// The best of pgbench in a round, at any number of clients.
    fn best(&self, keys: u32, round: usize) -> f64 {
        let of_keys = self.pgbench.iter().filter(|((of, _), _)| *of == keys);
        of_keys.filter_map(|(_, seen)| seen.get(round)).map(|seen| seen.per_s).fold(f64::NAN, f64::max)
    }

    /// The yardstick's figures.
    pub fn pgbench(&self) -> Vec<Pgbench> {
        let one = |(&(keys, clients), seen): (&(u32, usize), &Vec<Throughput>)| Pgbench {
            clients,
            keys,
            per_second: median(seen, |seen| seen.per_s),
            mean_ms: median(seen, |seen| seen.mean_ms).median,
        };
        self.pgbench.iter().map(one).collect()
    }

    /// The arms' figures.
    pub fn cells(&self, arms: &[Arm]) -> Vec<Cell> {
        let one = |&(arm, connections)| self.cell(arm, arms[arm].name.clone(), connections);
        self.arms.keys().map(one).collect()
    }

    fn cell(&self, arm: usize, name: String, connections: usize) -> Cell {
        let turns = self.of(arm, connections);
        // Each ratio is formed inside its round.
        let to = |yardstick: &dyn Fn(usize) -> f64| {
            Median::of(turns.iter().enumerate().map(|(round, turn)| turn.per_s / yardstick(round)))
        };
        let to_pgbench = to(&|round| self.same(1, connections, round));
        let to_best = to(&|round| self.best(1, round));
        let to_many = to(&|round| self.same(KEYS, connections, round)).median;
        let to_best_of_many = to(&|round| self.best(KEYS, round)).median;
        let first = self.arms.get(&(0, connections)).filter(|_| arm > 0);
        let of_first =
            first.map(|first| Median::of(first.iter().zip(turns).map(|(first, own)| first.per_s / own.per_s)));
        let per_s = median(turns, |turn| turn.per_s);
        Cell {
            arm: name,
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
            p50_ms: median(turns, |turn| turn.p50_ms).median,
            p99_ms: median(turns, |turn| turn.p99_ms).median,
            cpu_us: Cpu {
                postgres: median(turns, |turn| turn.cpu.postgres).median,
                service: median(turns, |turn| turn.cpu.service).median,
                driver: median(turns, |turn| turn.cpu.driver).median,
            },
            failed: turns.iter().map(|turn| turn.failed).sum(),
        }
    }
}
