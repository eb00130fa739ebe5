//! Profile: the people of each organisation and when they want to be notified.
//!
//! Owns schema `profile`. Publishes `published.persons`, `contacts`, `head_counts` and `profile_changes`. Reads
//! `published.organisations` and `published.plans` (how many people a plan allows) and `published.responsibilities`
//! (who may not go). A person is never deleted: a tombstone without personal fields stays for what refers to it.

mod access;
mod handlers;
mod model;
mod schema;
mod store;
mod views;

use kit::{Batch, Boot, NoSettings, Routes, StartError};

/// The service, as kit runs it.
pub struct Service;

impl kit::Service for Service {
    const NAME: &'static str = "profile";
    const CONTRACT: &'static str = include_str!("../../../docs/contract/profile.yaml");
    type Settings = NoSettings;

    fn start(boot: &Boot<NoSettings>) -> Result<Routes, StartError> {
        let people = Batch::of(boot.db(), store::profiles::find_all);
        Ok(handlers::routes().data(people).ready(readable()))
    }
}

/// Every endpoint, method and path: what a test compares with the contract.
pub fn endpoints() -> Vec<(String, String)> {
    handlers::routes().list()
}

fn readable() -> Vec<kit::Probe> {
    kit::readable!(
        schema::profiles,
        schema::notification_settings,
        schema::head_counts,
        schema::changes,
        schema::idempotency_keys,
        views::organisations,
        views::plans,
        views::responsibilities,
    )
}
