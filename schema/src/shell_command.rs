//! Commands of others that work on a database.

use std::io::stderr;
use std::path::PathBuf;
use std::process::Command;

use crate::error::{Doing, Result};

/// A command for a shell, in a folder, that works on the database that `DATABASE_URL` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellCommand {
    /// The command.
    pub shell: String,
    /// Where it runs.
    pub folder: PathBuf,
}

impl ShellCommand {
    /// Runs it; what it prints goes to standard error. `Err` of the inner result: in words, how it failed.
    ///
    /// # Errors
    /// Where no shell can be started.
    pub fn run(&self, url: &str) -> Result<std::result::Result<(), String>> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.shell]).current_dir(&self.folder).env("DATABASE_URL", url).stdout(stderr());
        let status = shell.status().doing("starting sh")?;
        Ok(if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", self.shell)) })
    }
}
