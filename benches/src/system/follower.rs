//! What a process logs, shown while it runs.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// Shows on standard error what is added to a log.
#[derive(Debug)]
pub struct Follower {
    name: &'static str,
    log: PathBuf,
    shown: u64,
}

impl Follower {
    /// From its present end on.
    pub fn new(name: &'static str, log: PathBuf) -> Self {
        let shown = fs::metadata(&log).map_or(0, |data| data.len());
        Self { name, log, shown }
    }

    /// Shows the whole lines that came since.
    pub fn show(&mut self) {
        let Ok(mut file) = File::open(&self.log) else {
            return;
        };
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::Start(self.shown)).and_then(|_| file.read_to_end(&mut bytes)).is_err() {
            return;
        }
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return;
        };
        self.shown += end as u64 + 1;
        for line in String::from_utf8_lossy(&bytes[..end]).lines() {
            eprintln!("{:>14} | {line}", self.name);
        }
    }
}
