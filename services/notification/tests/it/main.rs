//! Notification: on a real Postgres, as the real logins, with a mail server in this process.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test panics with what went wrong"
)]

mod behaviour_suite;
mod contract;
mod crashes;
mod fanout;
mod feeds;
mod here;
mod kinds;
mod mails;
mod reminders;
mod replay;
mod restore;
mod roles;
mod rollups;
