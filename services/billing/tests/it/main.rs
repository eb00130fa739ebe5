//! Billing, through HTTP, on a real Postgres, as the real logins, with the payment sandbox as the provider.

#![expect(clippy::unwrap_used, reason = "a test panics with what went wrong")]

mod behaviour_suite;
mod changes;
mod contract;
mod fixture;
mod histories;
mod house;
mod kill;
mod lies;
mod month_end;
mod payment_methods;
mod payments;
mod process;
mod roles;
mod runs;
mod siege;
mod snapshot;
mod statements;
