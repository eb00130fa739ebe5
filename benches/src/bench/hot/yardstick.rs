//! pgbench with the statements that the service sends.

use std::path::PathBuf;
use std::process::Command;

use serde::Serialize;

use super::scripts::Script;
use super::system::System;
use crate::Failure;
use crate::observe::process::program;

/// One run's figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Throughput {
    /// Statements in a second, times the keys that each looks up.
    pub per_s: f64,
    /// Mean milliseconds of a statement.
    pub mean_ms: f64,
}

/// Scripts, written down, and the login that runs them.
pub struct Yardstick {
    program: PathBuf,
    files: Vec<(PathBuf, u32)>,
    keys: u32,
    url: String,
}

impl Yardstick {
    /// Of these scripts; with the rights and the settings of the service's own sessions.
    pub fn of(system: &System, name: &str, login: &str, scripts: &[Script]) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for (index, script) in scripts.iter().enumerate() {
            let file = system.folder().join(format!("{name}-{index}.sql"));
            std::fs::write(&file, &script.text)
                .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))?;
            files.push((file, script.weight));
        }
        let server = u32::try_from(system.postmaster).ok().and_then(program);
        let own = server.map(|server| server.with_file_name("pgbench"));
        Ok(Self {
            program: own.filter(|program| program.is_file()).unwrap_or_else(|| "pgbench".into()),
            files,
            keys: scripts.first().map_or(1, |script| script.keys),
            url: system.deployment.login_url(login)?,
        })
    }

    /// Runs it for so many whole seconds; once more and longer where not one statement was done in them, as happens when
    /// a busy machine takes that long to connect: pgbench's clock begins before that, its rate after.
    pub fn run(&self, clients: usize, seconds: u64) -> Result<Throughput, Failure> {
        match self.attempt(clients, seconds)? {
            Some(seen) => Ok(seen),
            None => self
                .attempt(clients, seconds * 5)?
                .ok_or_else(|| Failure::could_not_run("pgbench got no statement done in the time it had.")),
        }
    }

    /// Nothing where it says no rate.
    fn attempt(&self, clients: usize, seconds: u64) -> Result<Option<Throughput>, Failure> {
        let could_not = |what: String| Failure::could_not_run(format!("pgbench {what}."));
        // One more for many sessions to connect in.
        let length = seconds + u64::from(clients > 32);
        let (threads, length) = (clients.min(2).to_string(), length.to_string());
        let mut command = Command::new(&self.program);
        command
            .args(["-n", "-M", "prepared", "-c", &clients.to_string()])
            .args(["-j", &threads, "-T", &length])
            .env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan");
        for (file, weight) in &self.files {
            command.arg("-f").arg(format!("{}@{weight}", file.display()));
        }
        let done = command.arg(&self.url).output();
        let done = done.map_err(|error| could_not(format!("can't be run: {error}")))?;
        if !done.status.success() {
            let errors = String::from_utf8_lossy(&done.stderr);
            let error = errors.lines().find(|line| line.contains("ERROR"));
            return Err(could_not(format!("failed: {}", error.unwrap_or(&errors))));
        }
        let text = String::from_utf8_lossy(&done.stdout);
        let number = |start: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(start))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        let said = number("tps = ").zip(number("latency average = "));
        Ok(said.map(|(tps, mean_ms)| Throughput { per_s: tps * f64::from(self.keys), mean_ms }))
    }
}
