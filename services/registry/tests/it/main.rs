//! Registry through HTTP, in process, on a real Postgres, as its real logins.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests: a panic is a finding")]

mod batch;
mod changes;
mod contract;
mod crash;
mod fixture;
mod frozen;
mod limits;
mod memory;
mod paging;
mod races;
mod roles;
mod scene;
mod sql;
mod statements;
mod storm;
mod suite;
mod table;
mod tidy;
mod watches;
