//! Two releases of a repository, for CI: the statements of the one that runs now, and the migrations of the next.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::copy::Copy;
use crate::error::{Doing, Error, Result};
use crate::record::{Counted, Recording};
use crate::shell_command::ShellCommand;

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Releases<'a> {
    /// A repository of git, or a folder in it.
    pub repository: &'a Path,
    /// The release that runs now: a commit, branch or tag.
    pub base: &'a str,
    /// The next one.
    pub head: &'a str,
    /// A command for a shell that makes the schema, or brings it up to date, in the database that `DATABASE_URL` names.
    pub migrate: &'a str,
    /// A command that sends what services send to that database, as their own logins.
    pub workload: &'a str,
}

/// A database as the old release makes it, what that release sends, and the new release. Gone with the value.
#[derive(Debug)]
pub struct Built {
    /// What was recorded of the workload.
    pub recording: Recording,
    database: Copy,
    folder: TempDir,
}

impl Releases<'_> {
    /// Checks both releases out, and makes a database on the server of `url` as the old one's migrations make it; then records what its workload sends.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown reference, [`Error::Unavailable`] where a command of the old release fails or nothing is recorded.
    pub fn build(&self, url: &str) -> Result<Built> {
        let folder = tempfile::tempdir().doing("making a folder for two releases")?;
        for (name, reference) in [("base", self.base), ("head", self.head)] {
            self.check_out(reference, &folder.path().join(name))?;
        }
        let database = Copy::empty(url, "release")?;
        let old = |what: &str, shell: &str| {
            let command = ShellCommand { shell: shell.to_owned(), folder: folder.path().join("base") };
            let failed = |why: String| Error::Unavailable(format!("{what} of {}, before the change: {why}", self.base));
            command.run(database.url())?.map_err(failed)
        };
        old("--migrate", self.migrate)?;
        let before = Counted::read(database.url(), false)?;
        old("--workload", self.workload)?;
        let recording = Counted::read(database.url(), false)?;
        let recording = before.until(&recording, &[self.workload.to_owned()]);
        if recording.statements.is_empty() {
            return Err(Error::Unavailable(
                "--workload sent nothing to the database that DATABASE_URL names: statements of superusers are left out, so it must work as the services' own logins".into(),
            ));
        }
        Ok(Built { recording, database, folder })
    }

    fn check_out(&self, reference: &str, to: &Path) -> Result<()> {
        let commit = format!("{reference}^{{commit}}");
        let found = git(self.repository, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        if !found.status.success() {
            return Err(Error::Usage(format!(
                "unknown reference {reference}: git finds no such commit in {}; in CI, fetch the whole history",
                self.repository.display()
            )));
        }
        let commit = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        let to = to.to_string_lossy();
        done(git(self.repository, &["rev-parse", "--show-toplevel"])?).and_then(|top| {
            done(git(self.repository, &["clone", "--quiet", "--shared", "--no-checkout", &top, &to])?)?;
            done(git(Path::new(to.as_ref()), &["checkout", "--quiet", "--detach", &commit])?)
        })?;
        Ok(())
    }
}

impl Built {
    /// Address of the database.
    #[must_use]
    pub fn url(&self) -> &str {
        self.database.url()
    }

    /// The migrations of the new release.
    #[must_use]
    pub fn change(&self, releases: &Releases<'_>) -> ShellCommand {
        ShellCommand { shell: releases.migrate.to_owned(), folder: self.folder.path().join("head") }
    }
}

fn git(folder: &Path, words: &[&str]) -> Result<Output> {
    Command::new("git").arg("-C").arg(folder).args(words).output().doing("starting git")
}

/// What it printed.
fn done(output: Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Error::Unavailable(format!("git: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
