//! Account through HTTP, in process, on a real database, as its real logins.

mod behaviour_suite;
mod changes;
mod commands;
mod concurrency;
mod contract;
mod here;
mod keys;
mod limits;
mod organisations;
mod roles;
mod sessions;
mod statements;
