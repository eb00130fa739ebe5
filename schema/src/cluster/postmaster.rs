//! The server process, read from `postmaster.pid`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::error::{Doing, Error, Result};

const TICK: Duration = Duration::from_millis(10);

/// A line each: pid, data folder, start, port, socket folder, address, shared memory, status.
#[derive(Debug, Clone)]
pub struct Postmaster {
    /// The server's process.
    pub pid: i32,
    /// Where it listens.
    pub port: u16,
    /// `starting`, `ready`, `stopping`, `standby`.
    pub status: String,
}

impl Postmaster {
    /// The content of the file, whether or not the process still exists.
    #[must_use]
    pub fn read(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        Some(Self {
            pid: lines.first()?.parse().ok()?,
            port: lines.get(3).and_then(|port| port.parse().ok()).unwrap_or_default(),
            status: lines.get(7).map(|status| (*status).to_owned()).unwrap_or_default(),
        })
    }

    /// The same, if the process lives.
    #[must_use]
    pub fn alive(data: &Path) -> Option<Self> {
        Self::read(data).filter(|found| lives(found.pid))
    }

    /// Waits until the server of this folder takes connections. `child` is it, if we started it.
    pub fn wait_ready(data: &Path, mut child: Option<&mut Child>, log: &Path) -> Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(ended) = child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                return Err(Error::Unavailable(format!("postgres ended at once ({ended}): {}", last_words(log))));
            }
            if let Some(found) = Self::alive(data).filter(|found| found.status == "ready") {
                return Ok(found);
            }
            sleep(TICK);
        }
        Err(Error::Unavailable(format!("postgres in {} isn't ready after 60 s: {}", data.display(), last_words(log))))
    }

    /// SIGINT (clients are cut off, the disk is left clean), and SIGQUIT to a server that doesn't end within ten seconds.
    pub fn stop(data: &Path, mut child: Option<Child>) -> Result<()> {
        let Some(found) = Self::alive(data) else {
            return Ok(());
        };
        for (signal, seconds) in [(Signal::INT, 10), (Signal::QUIT, 10)] {
            send(found.pid, signal)?;
            let deadline = Instant::now() + Duration::from_secs(seconds);
            while Instant::now() < deadline {
                let gone = match child.as_mut() {
                    // A child of ours stays a zombie, and seems alive, until we wait for it.
                    Some(child) => child.try_wait().is_ok_and(|ended| ended.is_some()),
                    None => Self::alive(data).is_none_or(|now| now.pid != found.pid),
                };
                if gone {
                    return Ok(());
                }
                sleep(TICK);
            }
        }
        Err(Error::Unavailable(format!("postgres (pid {}) didn't stop within 20 s", found.pid)))
    }
}

/// Does this process exist? Another user's does, too.
#[must_use]
pub fn lives(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Sends a signal.
pub fn send(pid: i32, signal: Signal) -> Result<()> {
    match Pid::from_raw(pid) {
        Some(pid) => kill_process(pid, signal).map_err(std::io::Error::from).doing("stopping postgres"),
        None => Ok(()),
    }
}

/// The last line of a log that says why.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let line = text.lines().rev().find(|line| line.contains("FATAL") || line.contains("PANIC"));
    let line = line.or_else(|| text.lines().last()).unwrap_or("nothing was logged");
    format!("{line} (log: {})", PathBuf::from(log).display())
}
