//! The contract: a client for it, a maker of tenants, and what it promises as assertions over base URLs.
//!
//! Nothing here knows how the services are built: another architecture points [`World`] at its own URLs and must pass
//! the same assertions. What HTTP alone cannot reach (a frozen organisation without a year of invoices) comes from a
//! [`Fixture`], which the tests of each service implement on their database.
//!
//! * [`http`]: the client; whatever is answered is an answer. [`mod@assert`] adds the forms that panic
//! * [`Session`]: signs up, logs in, makes people and places
//! * [`cases`]: every behaviour of every service, as [`Case`]s; a module per service has them as `suite()`
//! * [`requests`]: every operation once, as a list
//! * [`table`]: what holds for every operation of a contract, driven by the service's own `/openapi.json`

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a library of assertions: to panic with the evidence is its purpose"
)]

pub mod account;
pub mod assert;
pub mod billing;
pub mod http;
mod http_fixture;
pub mod notification;
pub mod profile;
pub mod registry;
pub mod requests;
mod response;
mod services;
mod session;
mod suites;
pub mod table;
mod world;

pub use http::{Api, Call, Client, Patience};
pub use http_fixture::HttpFixture;
pub use response::{Failed, Response};
pub use services::{Services, Urls};
pub use session::{PASSWORD, Session, token, unique};
pub use suites::cases;
pub use world::{Case, Fixture, Tenant, World, check_together, run, run_together};

pub use serde_json::{Value, json};
