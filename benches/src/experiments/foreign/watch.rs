//! What a target lets be seen: its databases (B2), its processes on this machine (B3), or nothing.

use std::collections::BTreeMap;

use crate::Failure;
use crate::observe::{CpuClock, Observer};
use crate::result::{LedgerResult, RoleCost};
use crate::target::TargetFile;

/// Everything seen during a cell.
#[derive(Default)]
pub struct Seen {
    pub roles: BTreeMap<String, RoleCost>,
    pub ledger: LedgerResult,
    pub observer_cpu: f64,
    pub driver_cpu: f64,
}

/// Watches one cell: an observer for each database, with the services of its logins.
pub struct Watch {
    observers: Vec<(Observer, BTreeMap<String, String>)>,
    clock: CpuClock,
}

impl Watch {
    /// Starts.
    pub fn start(target: &TargetFile) -> Result<Self, Failure> {
        let processes: Vec<(String, u32)> = target.processes.iter().map(|(name, id)| (name.clone(), *id)).collect();
        let observers = target.postgres.iter().enumerate().map(|(number, of)| {
            // The processes are watched once, with the first database.
            let watched = if number == 0 { processes.as_slice() } else { &[] };
            Ok((Observer::start(&of.url, watched)?, of.roles.clone()))
        });
        Ok(Self { observers: observers.collect::<Result<_, Failure>>()?, clock: CpuClock::start(&processes) })
    }

    /// Ends and adds up.
    pub fn finish(self) -> Result<Seen, Failure> {
        let machine = self.clock.read();
        let mut all = Seen::default();
        let (mut watching_s, mut threads_s) = (0.0, 0.0);
        for (observer, roles) in self.observers {
            let seen = observer.finish()?;
            watching_s += seen.observer_threads_s + seen.observer_backends_s;
            threads_s += seen.observer_threads_s;
            let name = |role: String| roles.get(&role).cloned().unwrap_or(role);
            for (role, cost) in seen.roles {
                let mut service = name(role);
                while all.roles.contains_key(&service) {
                    // One service in two databases: the second one's costs stay apart.
                    service.push_str(" (another database)");
                }
                all.roles.insert(service, cost);
            }
            add(&mut all.ledger, seen.ledger, &name);
        }
        all.observer_cpu = watching_s / machine.seconds;
        all.driver_cpu = machine.own - threads_s / machine.seconds;
        Ok(all)
    }
}

fn add(to: &mut LedgerResult, from: LedgerResult, name: &dyn Fn(String) -> String) {
    to.entries.extend(from.entries.into_iter().map(|mut entry| {
        entry.waiting = name(entry.waiting);
        entry.direct = name(entry.direct);
        entry.root = name(entry.root);
        entry
    }));
    to.apportioned.extend(from.apportioned.into_iter().map(|mut line| {
        line.waiting = name(line.waiting);
        line.blamed = name(line.blamed);
        line
    }));
    let renamed =
        |of: BTreeMap<String, BTreeMap<String, f64>>| of.into_iter().map(|(role, classes)| (name(role), classes));
    to.activity.extend(renamed(from.activity));
    if to.timeline.is_empty() {
        let seconds = from.timeline.into_iter();
        to.timeline = seconds.map(|second| renamed(second).collect()).collect();
    } else {
        for (second, more) in to.timeline.iter_mut().zip(from.timeline) {
            second.extend(renamed(more));
        }
    }
    to.short_wait_remainder_s += from.short_wait_remainder_s;
    to.samples += from.samples;
}
