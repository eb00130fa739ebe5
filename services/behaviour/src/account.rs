//! Account: organisations, logins, sessions, plans.

mod logins;
mod organisations;
mod plans;
mod sessions;
mod signed;

use crate::world::Case;

/// All cases.
pub fn suite() -> Vec<Case> {
    [organisations::CASES, logins::CASES, sessions::CASES, plans::CASES].concat()
}
