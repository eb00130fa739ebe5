//! Who waited for which statement of whom.

use schema::blame::Cause;
use serde::{Deserialize, Serialize};

/// Waits of one statement for another one, by the lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wait {
    /// The service that waited.
    pub waiting: String,
    /// What it was running, with `?` for literals.
    pub statement: String,
    /// What the wait was about.
    pub cause: Cause,
    /// The lock's mode that it asked for, such as `RowExclusiveLock`.
    pub mode: String,
    /// The relation that the lock names; null where it names none: a row's is its writer's transaction.
    pub relation: Option<String>,
    /// The root blocker, which doesn't wait itself.
    pub root: String,
    /// What that one ran last while it held the lock.
    pub holds: String,
    /// Seconds waited.
    pub seconds: f64,
    /// Waits.
    pub waits: u64,
}

impl Wait {
    /// Adds it to its like, or as a new one.
    pub fn add_to(self, all: &mut Vec<Self>) {
        let like = |of: &&mut Self| {
            of.waiting == self.waiting
                && of.statement == self.statement
                && of.cause == self.cause
                && of.mode == self.mode
                && of.relation == self.relation
                && of.root == self.root
                && of.holds == self.holds
        };
        match all.iter_mut().find(like) {
            Some(of) => {
                of.seconds += self.seconds;
                of.waits += self.waits;
            }
            None => all.push(self),
        }
    }
}
