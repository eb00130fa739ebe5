//! In whose company a service is in a cell: the arms that are compared.

use crate::design::Cell;

/// By itself: the denominator.
pub const ALONE: &str = "alone";
/// By itself once more.
pub const AGAIN: &str = "alone again";
/// By itself, with nobody watching.
pub const UNWATCHED: &str = "unwatched";

/// Name of the arm that `service` is in.
pub fn beside(cell: &Cell, service: &str) -> String {
    match cell {
        Cell::Alone { .. } => ALONE.into(),
        Cell::Null { .. } => AGAIN.into(),
        Cell::Unwatched { .. } => UNWATCHED.into(),
        Cell::All => "all".into(),
        Cell::Pair { first, second } if first == service => second.clone(),
        Cell::Pair { first, .. } => first.clone(),
    }
}

/// Whether somebody else is at work in this arm.
pub fn is_company(arm: &str) -> bool {
    !matches!(arm, ALONE | AGAIN | UNWATCHED)
}
