//! Several ways of answering, driven in turn: as `paired` does it with two.

use rand::seq::SliceRandom;
use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;
use crate::design::Cell;
use crate::experiments::paired::{Plan, drive, good};
use crate::load::driver::ServiceRecord;
use crate::load::schedule::stream;
use crate::measure::plan::schedule_seed;
use crate::system::Site;

/// Seconds that each turn runs before its requests count: processes that were paused have timers behind them.
const CATCH_UP_S: u64 = 1;

/// One way of answering.
pub(super) struct Arm<'a> {
    /// What it is called.
    pub name: &'static str,
    /// Where its requests go.
    pub site: &'a dyn Site,
    /// Processes that don't run meanwhile.
    pub paused: &'a [u32],
}

impl Arm<'_> {
    /// Its requests for so long, once what went on again has caught up with what it does by itself.
    pub fn drive(&self, rate_per_s: f64, seconds: u64, seed: u64) -> Result<ServiceRecord, Failure> {
        let _paused = Paused::all(self.paused);
        drive(self.site, rate_per_s, CATCH_UP_S, seed)?;
        drive(self.site, rate_per_s, seconds, seed)
    }
}

/// The records of each arm, one for each replicate. A replicate sends the same arrivals to each, in an order drawn from the seed.
pub(super) fn in_turn<const N: usize>(plan: Plan, arms: &[Arm<'_>; N]) -> Result<[Vec<ServiceRecord>; N], Failure> {
    let mut records = [const { Vec::new() }; N];
    for replicate in 0..plan.replicates {
        let seed = schedule_seed(plan.seed, replicate, &Cell::All);
        let mut order: [usize; N] = std::array::from_fn(|arm| arm);
        order.shuffle(&mut stream(plan.seed, &format!("arms {replicate}")));
        for arm in order {
            eprintln!("{} of {}: {}", replicate + 1, plan.replicates, arms[arm].name);
            let record = arms[arm].drive(plan.rate_per_s, plan.seconds, seed)?;
            if good(&record) == 0 {
                let name = arms[arm].name;
                return Err(Failure::could_not_run(format!("{name} gave no good answer: nothing can be compared.")));
            }
            records[arm].push(record);
        }
    }
    Ok(records)
}

/// Processes that don't run while this lives: what another architecture does meanwhile is not slowed by what they do by themselves.
pub(super) struct Paused(Vec<Pid>);

impl Paused {
    /// Stops them where they are.
    pub fn all(ids: &[u32]) -> Self {
        let pids: Vec<Pid> = ids.iter().filter_map(|id| Pid::from_raw(i32::try_from(*id).ok()?)).collect();
        send(&pids, Signal::STOP);
        Self(pids)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        send(&self.0, Signal::CONT);
    }
}

/// One that has ended needs no signal.
fn send(pids: &[Pid], signal: Signal) {
    for pid in pids {
        let _ = kill_process(*pid, signal);
    }
}
