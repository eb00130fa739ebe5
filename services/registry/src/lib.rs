//! Registry: domains, sub domains, APIs, versions, tags and watches of every organisation.
//!
//! - **Owns** `registry.domains`, `sub_domains`, `apis`, `versions`, `api_tags`, `usage` (counters), `watches`, `changes`.
//! - **Publishes** `usage`, `responsibilities`, `watchers`, `registry_changes`.
//! - **Reads** `organisations` and `plans` (limits), `persons` (owners), `standings` (402), `feed_cursors` (what may be purged),
//!   `account_changes` and `login_contacts` (whose watches end).
//!
//! Every statement starts at the organisation and carries its standing along, so a frozen one is refused without a
//! statement more, whatever else was asked. Deliberately absent: a call to any other service.

mod handlers;
mod jobs;
mod model;
mod schema;
mod store;
mod views;

use kit::{Batch, Boot, NoSettings, Routes, Service, StartError};

/// The service.
pub struct Registry;

impl Service for Registry {
    const NAME: &'static str = "registry";
    const CONTRACT: &'static str = include_str!("../../../docs/contract/registry.yaml");
    type Settings = NoSettings;

    fn start(boot: &Boot<NoSettings>) -> Result<Routes, StartError> {
        let apis = Batch::of(boot.db(), store::apis::find_all);
        let routes = routes().data(apis).ready(kit::readable!(
            schema::domains,
            schema::sub_domains,
            schema::apis,
            schema::versions,
            schema::api_tags,
            schema::usage,
            schema::watches,
            schema::changes,
            schema::idempotency_keys,
            views::organisations,
            views::plans,
            views::persons,
            views::standings,
            views::login_contacts,
            views::account_changes,
        ));
        Ok(jobs::add(routes, boot.db(), boot.clock()))
    }
}

/// The read of APIs alone, for the comparison of ways to the database (`benches/rivals/shapes`).
pub mod read {
    pub use crate::model::Api;
    pub use crate::store::apis::{ApiKey, find_all};
}

/// Every endpoint: a test compares them with the contract.
pub fn routes() -> Routes {
    handlers::routes()
}
