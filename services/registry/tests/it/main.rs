//! Registry through HTTP, in process, on a real Postgres, as its real logins.

mod changes;
mod contract;
mod crash;
mod fixture;
mod frozen;
mod limits;
mod paging;
mod races;
mod roles;
mod sql;
mod statements;
mod storm;
mod suite;
mod table;
mod tidy;
mod watches;
