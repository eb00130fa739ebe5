//! Profile: people and their notification settings.

mod people;
mod rules;
mod settings;

use crate::world::Case;

/// All cases.
pub fn suite() -> Vec<Case> {
    [people::CASES, rules::CASES, settings::CASES].concat()
}
