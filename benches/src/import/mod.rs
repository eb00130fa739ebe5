//! `lab import`: a catalogue of APIs into the running services, through the public HTTP contract alone.

pub mod catalogue;
mod importer;
pub mod mapping;
mod organisation;
mod people;
mod plans;
mod summary;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use behaviour::{Patience, Services};
use indicatif::{ProgressBar, ProgressStyle};

use crate::settle::settling;
use crate::{Failure, Place};
use catalogue::Row;
use importer::Importer;
use mapping::Tenant;
use people::Seed;
use plans::Plans;
pub use summary::{Refused, Summary};

/// For the first requests: a service that doesn't answer within two seconds isn't running.
const NOT_MET: Patience = Patience { busy: Duration::from_secs(120), absent: Duration::from_secs(2) };
/// For all others: a restart takes less than this.
const MET: Patience = Patience { absent: Duration::from_secs(20), ..NOT_MET };

/// Imports rows. `threads` organisations are worked on at a time: enough to keep two cores busy with password hashes,
/// too few to slow others down.
pub fn run(rows: &[Row], target: &Place, seed: &str, threads: usize) -> Result<Summary, Failure> {
    for needed in ["account", "profile", "registry"] {
        target.url(needed)?;
    }
    let mut services = Services { patience: NOT_MET, ..Services::new(target.services.iter().collect()) };
    services.client = settling(services.client, &target.parts);
    let plans = Plans::fetch(&services)?;
    services.patience = MET;
    let billed = target.services.contains_key("billing");
    let importer = Importer { services, billed, plans, seed: Seed::new(seed) };
    let progress = progress(rows.len());
    let work = Work {
        tenants: Mutex::new(mapping::tenants(rows).into()),
        summary: Mutex::default(),
        gone: Mutex::default(),
        stop: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| work.go_on(&importer, &progress));
        }
    });
    progress.finish_and_clear();
    let gone = work.gone.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut summary = work.summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.refused.sort();
    match gone {
        Some(why) => Err(Failure::could_not_run(format!(
            "{why}; {} imported and {} present already until then: run it again to go on.",
            summary.imported, summary.present
        ))),
        None => Ok(summary),
    }
}

/// What the threads share.
struct Work {
    tenants: Mutex<VecDeque<Tenant>>,
    summary: Mutex<Summary>,
    gone: Mutex<Option<String>>,
    stop: AtomicBool,
}

impl Work {
    fn go_on(&self, importer: &Importer, progress: &ProgressBar) {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(tenant) = locked(&self.tenants).pop_front() else {
                return;
            };
            let result = importer.import(&tenant, |api, outcome| {
                locked(&self.summary).add(&api.name, outcome);
                progress.inc(1);
            });
            if let Err(why) = result {
                self.stop.store(true, Ordering::Relaxed);
                locked(&self.gone).get_or_insert(why);
            }
        }
    }
}

/// What is behind the lock stays whole even if another thread panicked: each change is one assignment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On standard error, and only where that is a terminal.
fn progress(rows: usize) -> ProgressBar {
    let bar = ProgressBar::new(rows as u64);
    let template = "{wide_bar} {human_pos} of {human_len} APIs, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
