//! Billing: cards, invoices, charges, freezing.
//!
//! * owns `billing.payment_methods`, `standings`, `runs`, `run_items`, `invoices`, `invoice_lines`, `payment_attempts`,
//!   `leases`, `changes`
//! * publishes `published.standings`, `billing_changes`
//! * reads `published.organisations`, `plans` (Account), `usage` (Registry), `head_counts` (Profile); see `views.rs`
//!
//! Money is integer minor units. The provider is asked only for attempts that are written down and committed, with a key
//! made of invoice and attempt, and no transaction is open meanwhile: whatever dies, an invoice is charged at most once.
//! Deliberately absent: card numbers, partial payments, proration, credit notes, taxes.

pub mod card_number;
pub mod dunning;
pub mod handlers;
mod jobs;
pub mod model;
pub mod period;
mod progress;
pub mod provider;
mod schema;
mod settings;
pub mod store;
mod threads;
mod views;
pub mod work;

use std::sync::Arc;

use kit::{Boot, Routes, Service, StartError};

pub use settings::Settings;

use crate::provider::Provider;
use crate::store::changes;
use crate::threads::Threads;
use crate::work::Work;

/// Requests that ask the provider at once, and those that may wait for it.
const PROVIDER_THREADS: (usize, usize) = (4, 64);

/// The service.
pub struct Billing;

impl Service for Billing {
    const NAME: &'static str = changes::SCHEMA;
    const CONTRACT: &'static str = include_str!("../../../docs/contract/billing.yaml");
    type Settings = Settings;

    fn start(boot: &Boot<Settings>) -> Result<Routes, StartError> {
        let settings = boot.settings();
        let key = settings.stripe_api_key.as_deref().filter(|key| !key.is_empty());
        let key =
            key.ok_or_else(|| StartError::Usage("STRIPE_API_KEY is missing: our key at the payment provider".into()))?;
        let provider = Arc::new(Provider::new(&settings.stripe_api_base, key, settings.provider_timeout()));
        let failed = |error: std::io::Error| StartError::Failed(format!("threads can't be started: {error}"));
        let (threads, waiting) = PROVIDER_THREADS;
        let asking = Threads::start("provider", &provider, threads, waiting).map_err(failed)?;
        let mut routes = handlers::routes()
            .data(Arc::new(settings.terms()))
            .data(Arc::new(asking))
            .ready(probes())
            .measure(progress::measured())
            .measure(progress::mismatches());
        if settings.work {
            let work = Work::new(boot.db(), provider, settings);
            routes = jobs::add(routes, boot.db(), work, boot.clock(), settings.lease_ms).map_err(failed)?;
        }
        Ok(routes)
    }
}

fn probes() -> Vec<kit::Probe> {
    kit::readable!(
        schema::payment_methods,
        schema::standings,
        schema::runs,
        schema::run_items,
        schema::invoices,
        schema::invoice_lines,
        schema::payment_attempts,
        schema::leases,
        views::organisations,
        views::plans,
        views::account_changes,
        views::head_counts,
        views::usage,
    )
}
