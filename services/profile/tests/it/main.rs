//! Profile, through HTTP, in this process, on a real Postgres, as the real logins.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics with what went wrong")]

mod behaviour_suite;
mod changes;
mod contract;
mod fixture;
mod limit;
mod paging;
mod responsibilities;
mod roles;
mod statements;
