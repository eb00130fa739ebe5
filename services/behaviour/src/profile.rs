//! Profile: people and when they want to be told.

use crate::Case;

/// All cases.
pub fn suite() -> Vec<Case> {
    Vec::new()
}
