//! Profile: people and when they want to be told.

mod people;
mod rules;
mod settings;

use crate::world::Case;

/// All cases.
pub fn suite() -> Vec<Case> {
    [people::CASES, rules::CASES, settings::CASES].concat()
}
