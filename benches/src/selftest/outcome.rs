//! What every self-test ends with.

use crate::measure::kept;
use crate::result::SelfTest;

/// A test's outcome.
pub(super) fn outcome(id: &str, pass: Option<bool>, found: String) -> SelfTest {
    SelfTest { id: id.into(), found, pass, at: Some(kept::now()) }
}
