//! The HTTP contract as assertions over base URLs.
//!
//! Nothing here knows how the services are built: a comparator with another architecture points [`World`] at its own
//! URLs and must pass the same assertions. What HTTP alone cannot reach (a frozen organisation without a year of
//! invoices) comes from a [`Fixture`], which the tests of each service implement on their database.
//!
//! * a module per service with `suite()`: its behaviour, as [`Case`]s
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
pub mod table;
mod world;

pub use http::{Api, Call, Response};
pub use http_fixture::HttpFixture;
pub use world::{Case, Fixture, Tenant, Urls, World, run};

pub use serde_json::{Value, json};
