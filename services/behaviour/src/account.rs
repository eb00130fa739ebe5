//! Account: organisations, logins, sessions, plans.

use crate::Case;

/// All cases.
pub fn suite() -> Vec<Case> {
    Vec::new()
}
