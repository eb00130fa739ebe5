//! The services' processes: starting them, waiting until they are ready, seeing them die, stopping them.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::patience::Patience;
use super::process::{Follower, Plan, Process};
use super::services::Service;
use crate::Failure;

/// How often everything is looked at.
pub const TICK: Duration = Duration::from_millis(100);

/// All processes that are supervised.
pub struct Supervisor {
    entries: Vec<Entry>,
    logs: bool,
}

struct Entry {
    plan: Plan,
    url: String,
    process: Option<Process>,
    follower: Option<Follower>,
}

impl Supervisor {
    /// With nothing to supervise yet; `logs`: what they log is shown.
    pub fn new(logs: bool) -> Self {
        Self { entries: Vec::new(), logs }
    }

    /// A service to supervise; its log of an earlier run is put aside.
    pub fn add(
        &mut self,
        service: &Service,
        folder: &Path,
        env: Vec<(String, String)>,
        log: PathBuf,
        url: &str,
    ) -> Result<(), Failure> {
        if log.exists() {
            let aside = std::fs::rename(&log, log.with_extension("log.old"));
            aside.map_err(|error| Failure::could_not_run(format!("{} can't be moved: {error}.", log.display())))?;
        }
        let plan = Plan { name: service.name, binary: folder.join(service.package), env, log };
        self.entries.push(Entry { plan, url: url.to_owned(), process: None, follower: None });
        Ok(())
    }

    /// How a service is started.
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.entries.iter().find(|entry| entry.plan.name == name).map(|entry| &entry.plan)
    }

    /// Starts all at once and waits until each is ready.
    pub fn start_all(&mut self, patience: &Patience) -> Result<(), Failure> {
        for entry in &mut self.entries {
            entry.start(self.logs)?;
        }
        self.entries.iter_mut().try_for_each(|entry| entry.wait_ready(patience))
    }

    /// Starts one that isn't running and waits until it is ready.
    pub fn start(&mut self, name: &str, patience: &Patience) -> Result<(), Failure> {
        let logs = self.logs;
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.plan.name == name) else {
            return Err(Failure::usage(format!("Unknown service {name}.")));
        };
        if entry.process.as_mut().is_none_or(|process| process.ended().is_some()) {
            entry.start(logs)?;
        }
        entry.wait_ready(patience)
    }

    /// Other values for some of its settings, from its next start on.
    pub fn set_environment(&mut self, name: &str, settings: Vec<(String, String)>) {
        for entry in self.entries.iter_mut().filter(|entry| entry.plan.name == name) {
            let changed = |variable: &String| settings.iter().any(|(name, _)| name == variable);
            entry.plan.env.retain(|(variable, _)| !changed(variable));
            entry.plan.env.extend(settings.iter().cloned());
        }
    }

    /// Stops one.
    pub fn stop(&mut self, name: &str) {
        let found = self.entries.iter_mut().find(|entry| entry.plan.name == name);
        drop(found.and_then(|entry| entry.process.take()));
    }

    /// Asks all, then waits for all: as long as the slowest takes.
    pub fn stop_all(&mut self) {
        let running: Vec<Process> = self.entries.iter_mut().filter_map(|entry| entry.process.take()).collect();
        running.iter().for_each(Process::ask_to_end);
        running.into_iter().for_each(Process::wait);
        self.entries.iter_mut().for_each(Entry::show_log);
    }

    /// The process id of one that runs.
    pub fn process_id(&self, name: &str) -> Option<u32> {
        let entry = self.entries.iter().find(|entry| entry.plan.name == name)?;
        entry.process.as_ref().map(Process::id)
    }

    /// Those that have died since the last look: name, how, last lines of the log.
    pub fn died(&mut self) -> Vec<(&'static str, ExitStatus, String)> {
        let mut died = Vec::new();
        for entry in &mut self.entries {
            entry.show_log();
            if let Some((status, last_lines)) = entry.end() {
                entry.process = None;
                died.push((entry.plan.name, status, last_lines));
            }
        }
        died
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop_all();
    }
}

impl Entry {
    fn start(&mut self, logs: bool) -> Result<(), Failure> {
        let (name, log) = (self.plan.name, self.plan.log.clone());
        self.follower = self.follower.take().or_else(|| logs.then(|| Follower::new(name, log)));
        self.process = Some(self.plan.start()?);
        Ok(())
    }

    fn show_log(&mut self) {
        if let Some(follower) = &mut self.follower {
            follower.show();
        }
    }

    fn end(&mut self) -> Option<(ExitStatus, String)> {
        let process = self.process.as_mut()?;
        let status = process.ended()?;
        Some((status, process.last_lines()))
    }

    fn wait_ready(&mut self, patience: &Patience) -> Result<(), Failure> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        let url = format!("{}/readyz", self.url);
        let done = process.wait_ready(self.plan.name, &url, patience, || {
            if let Some(follower) = &mut self.follower {
                follower.show();
            }
        });
        if done.is_err() && process.ended().is_some() {
            // That it died is told by this error.
            self.process = None;
        }
        done
    }
}
