//! `--try`: a remedy and how it is undone. What is defined must afterwards be what it was before.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use schema::copy::Definitions;
use schema::roles::statements;

use super::place::Place;
use super::place::note::{self, Note};
use crate::Failure;

mod effect;

pub use effect::{Effect, Tried, effects};

/// A server that reads its settings anew needs a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// Differences that are named.
const NAMED: usize = 4;

/// Two files of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// Name of the file.
    pub name: String,
    file: PathBuf,
    apply: Vec<String>,
    undo_file: PathBuf,
    undo: Vec<String>,
}

/// One that is applied: undone with the value, if not before.
pub struct Applied {
    remedy: Remedy,
    url: String,
    /// How it is undone, where that is noted: in what is no copy.
    note: Option<Note>,
    before: Definitions,
    done: bool,
}

impl Remedy {
    /// Reads both files.
    ///
    /// # Errors
    /// A usage error where one can't be read, or has no statement.
    pub fn read(file: &Path, undo_file: &Path) -> Result<Self, Failure> {
        let read = |file: &Path| {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("{} can't be read: {error}.", file.display())))?;
            let found: Vec<String> = statements(&text, 1).into_iter().map(|one| one.sql).collect();
            match found.is_empty() {
                true => Err(Failure::usage(format!("{} has no statement.", file.display()))),
                false => Ok(found),
            }
        };
        Ok(Self {
            name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            apply: read(file)?,
            undo: read(undo_file)?,
            file: file.to_owned(),
            undo_file: undo_file.to_owned(),
        })
    }

    /// Applies it.
    ///
    /// # Errors
    /// A usage error with the statement that fails; then what came before it is undone.
    pub fn apply(&self, place: &Place) -> Result<Applied, Failure> {
        let url = place.url();
        let before = Definitions::read(&url)?;
        let note = place.in_place.then(|| Note {
            process: i32::try_from(std::process::id()).unwrap_or(0),
            file: self.undo_file.display().to_string(),
            statements: self.undo.clone(),
            before: note::fingerprint(&before),
        });
        note.iter().try_for_each(|note| note.write(&url))?;
        // From here on: also where it is applied only in part.
        let applied = Applied { remedy: self.clone(), url, note, before, done: false };
        note::run(&applied.url, &self.file.display().to_string(), &self.apply)?;
        if place.same_server {
            applied.stays_inside()?;
        }
        Ok(applied)
    }
}

impl Applied {
    /// On a copy it may change nothing but the copy: then all of it is gone with the copy, whatever happens.
    fn stays_inside(&self) -> Result<(), Failure> {
        // What changes in the copy is what it is for.
        let now = Definitions { database: self.before.database.clone(), ..Definitions::read(&self.url)? };
        match self.before.differences(&now) {
            none if none.is_empty() => Ok(()),
            some => Err(Failure::usage(format!(
                "{} changes more than the copy ({}): write `in database :\"DBNAME\"`, or measure --in-place.",
                self.remedy.file.display(),
                named(&some)
            ))),
        }
    }

    /// Undoes it, and checks that all is as before.
    ///
    /// # Errors
    /// A usage error with the statement that fails, or with what differs.
    pub fn undo(mut self) -> Result<(), Failure> {
        self.done = true;
        self.run()?;
        let until = Instant::now() + PATIENCE;
        loop {
            let differences = self.before.differences(&Definitions::read(&self.url)?);
            if differences.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(Failure::usage(format!(
                    "{} doesn't undo all of {} ({}): complete it.",
                    self.remedy.undo_file.display(),
                    self.remedy.name,
                    named(&differences)
                )));
            }
        }
    }

    fn run(&self) -> Result<(), Failure> {
        note::run(&self.url, &self.remedy.undo_file.display().to_string(), &self.remedy.undo)?;
        if self.note.is_some() { note::remove(&self.url) } else { Ok(()) }
    }
}

impl Drop for Applied {
    fn drop(&mut self) {
        match &self.note {
            _ if self.done => {}
            // What can't be undone in a copy is gone with it.
            None => drop(self.run()),
            Some(note) => {
                if let Err(error) = note.undo(&self.url) {
                    eprintln!("The remedy isn't undone: {error} The next `lab sql` on this database tries again.");
                }
            }
        }
    }
}

fn named(differences: &[String]) -> String {
    let more = differences.len().saturating_sub(NAMED);
    let shown = differences[..differences.len() - more].join("; ");
    if more > 0 { format!("{shown}; {more} more") } else { shown }
}
