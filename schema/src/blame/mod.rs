//! Who blocks whom (`dba blame`): sampling of locks and a ledger of waits, for any Postgres 14 or newer.
//!
//! One connection with `pg_monitor` samples the waiters of `pg_locks` (mean gap 20 ms, jittered so that it doesn't resonate
//! with a load of fixed rate), walks from each waiter over its blockers to the *root blocker*, and adds up the waited time by
//! (waiting role, direct blocker's role, root blocker's role, cause). Both blockers are kept, because the direct one is often
//! not the reason: on a hot row the second waiter waits for the first, and behind a DDL statement readers wait for the ALTER
//! while the root blocker is an idle transaction.
//!
//! `pg_locks.waitstart` gives each wait's exact start; only its end is interval-censored, by half a gap on either side.
//! [`sample`] asks Postgres; [`graph`] and [`ledger`] are pure.

pub mod graph;
pub mod ledger;
pub mod sample;
pub mod watch;

pub use graph::{Cause, Sample, Waiter};
pub use ledger::{Entry, Ledger, Roles};
