//! Registry: domains, sub domains, APIs, versions, tags, watches.

use crate::Case;

/// All cases.
pub fn suite() -> Vec<Case> {
    Vec::new()
}
