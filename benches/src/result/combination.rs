//! What runs at the same time as a service in a cell: the combinations that are compared.

use crate::design::Cell;

/// By itself: the denominator.
pub const ALONE: &str = "alone";
/// By itself once more.
pub const AGAIN: &str = "alone again";
/// By itself, unobserved.
pub const UNWATCHED: &str = "unwatched";

/// What runs while `service` is measured: another service, `all`, or one of the three above.
pub fn while_running(cell: &Cell, service: &str) -> String {
    match cell {
        Cell::Alone { .. } => ALONE.into(),
        Cell::Null { .. } => AGAIN.into(),
        Cell::Unwatched { .. } => UNWATCHED.into(),
        Cell::All => "all".into(),
        Cell::Pair { first, second } if first == service => second.clone(),
        Cell::Pair { first, .. } => first.clone(),
    }
}

/// Whether another service is under load, too.
pub fn others_run(combination: &str) -> bool {
    !matches!(combination, ALONE | AGAIN | UNWATCHED)
}
