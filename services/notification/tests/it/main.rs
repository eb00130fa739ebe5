//! Notification: on a real Postgres, as the real logins, with a mail server in this process.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics with what went wrong")]

mod answers;
mod ask;
mod behaviour_suite;
mod change;
mod clocks;
mod confirm;
mod contract;
mod crashes;
mod fair;
mod fanout;
mod feeds;
mod fixture;
mod here;
mod invitations;
mod kinds;
mod kinds_others;
mod mails;
mod order;
mod panics;
mod process;
mod refusals;
mod reminders;
mod replay;
mod restore;
mod roles;
mod rollup_cases;
mod rollups;
mod scene;
mod shut_out;
mod trickle;
mod upgrade;
