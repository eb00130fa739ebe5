//! Account through HTTP, in process, on a real database, as its real logins.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test ends where something isn't as it must be; it asks the database what no statement of the product asks"
)]

mod behaviour_suite;
mod changes;
mod commands;
mod concurrency;
mod contract;
mod here;
mod invitations;
mod keys;
mod limits;
mod memory;
mod organisations;
mod persons;
mod roles;
mod secrets;
mod sessions;
mod statements;
mod tidy;
