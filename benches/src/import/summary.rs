//! The result of an import.

use std::collections::BTreeMap;
use std::fmt;

use behaviour::Failed;
use serde::Serialize;

/// The outcome of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was created now.
    Imported,
    /// It was there.
    Present,
    /// It was refused, for this reason.
    Refused(String),
}

/// Why a step wasn't done.
#[derive(Clone, Debug)]
pub enum Stopped {
    /// A service doesn't answer: the import ends, and can be run again.
    Gone(String),
    /// A service says no, in its own words: the import goes on with the next.
    Refused(String),
}

impl Stopped {
    /// Puts in front of a refusal what was being done.
    pub fn doing(what: impl Into<String>) -> impl FnOnce(Failed) -> Self {
        let what = what.into();
        move |failed| match failed.into() {
            Self::Refused(reason) => Self::Refused(format!("{what}: {reason}")),
            gone => gone,
        }
    }
}

impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        match failed.answer() {
            Some(answer) => Self::Refused(answer.reason()),
            None => Self::Gone(failed.to_string()),
        }
    }
}

/// How many rows were imported, and which were refused.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Created by this run.
    pub imported: usize,
    /// There before.
    pub present: usize,
    /// By the catalogue's id.
    pub refused: Vec<Refused>,
}

/// A refused row.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refused {
    /// The row's id.
    pub id: String,
    /// In the service's words.
    pub reason: String,
}

impl Summary {
    /// For programs, in one line.
    pub fn json(&self) -> String {
        // Numbers and texts alone: there is nothing in it that JSON can't say.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Counts one row.
    pub fn add(&mut self, id: &str, outcome: Outcome) {
        match outcome {
            Outcome::Imported => self.imported += 1,
            Outcome::Present => self.present += 1,
            Outcome::Refused(reason) => self.refused.push(Refused { id: id.to_owned(), reason }),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} imported, {} present already, {} refused.", self.imported, self.present, self.refused.len())?;
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for refused in &self.refused {
            reasons.entry(&refused.reason).or_default().push(&refused.id);
        }
        for (reason, ids) in reasons {
            write!(out, "\n  {reason}\n    {}", ids[..ids.len().min(5)].join(", "))?;
            if ids.len() > 5 {
                write!(out, " and {} more", ids.len() - 5)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_json_and_for_people() {
        let mut summary = Summary::default();
        summary.add("a", Outcome::Imported);
        summary.add("b", Outcome::Present);
        for id in 0..7 {
            summary.add(&format!("c{id}"), Outcome::Refused("409: full".into()));
        }
        assert_eq!(
            summary.to_string(),
            "1 imported, 1 present already, 7 refused.\n  409: full\n    c0, c1, c2, c3, c4 and 2 more"
        );
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["refused"][0], serde_json::json!({"id": "c0", "reason": "409: full"}));
    }
}
