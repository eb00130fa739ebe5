//! Account: organisations, what they subscribe to, and who may sign in.
//!
//! * owns `account.organisations`, `plans`, `logins`, `sign_in_failures`, `signing_keys`, `changes`
//! * publishes `published.organisations`, `plans`, `login_contacts`, `signing_keys`, `account_changes`
//! * reads `published.standings` (Billing), `usage` (Registry), `head_counts` (Profile); see `views.rs`;
//!   to purge what every reader has, `feed_cursors` (Notification), which also tells whose logins were accepted (`accepted_invitations`)
//!
//! It alone knows passwords and signs tokens; the others verify them from `published.signing_keys` without asking it.
//! Deliberately absent: forgotten passwords (an admin sets a new one), deleting an organisation, and a second factor.

mod commands;
mod handlers;
mod hashing;
mod jobs;
pub mod keys;
mod model;
mod schema;
mod settings;
mod sign_in;
mod sign_up;
mod store;
mod views;

use std::sync::Arc;

use kit::{Batch, Boot, Routes, Service, StartError};

pub use commands::generate_key_alone;
pub use handlers::routes;
pub use settings::Settings;

use crate::hashing::Hasher;
use crate::keys::BodySecret;
use crate::sign_in::SignIn;
use crate::sign_up::SignUp;

/// The service.
pub struct Account;

impl Service for Account {
    const NAME: &'static str = store::SCHEMA;
    const CONTRACT: &'static str = include_str!("../../../docs/contract/account.yaml");
    type Settings = Settings;

    fn start(boot: &Boot<Settings>) -> Result<Routes, StartError> {
        let settings = boot.settings();
        let usage =
            |what: &str| StartError::Usage(format!("JWT_SIGNING_KEY: {what} (`account generate-key` makes a key)"));
        let pem = settings.jwt_signing_key.as_deref().filter(|pem| !pem.trim().is_empty());
        let keys = keys::parse(pem.ok_or_else(|| usage("is missing"))?).map_err(|error| usage(&error))?;
        let first = keys.first().ok_or_else(|| usage("holds no key"))?.clone();
        let waiting = usize::try_from(settings.hash_queue_max).unwrap_or(usize::MAX);
        let hasher =
            Hasher::start(boot.threads(), waiting, settings.hash_queue_per_client, settings.password_max_age())
                .map_err(|error| StartError::Failed(error.to_string()))?;
        let secret = Arc::new(BodySecret::of(&first));
        let sign_in =
            Arc::new(SignIn::new(hasher.clone(), settings.limits(), first, boot.issuer(), settings.token_lifetime_s));
        let sign_up = SignUp::new(hasher.clone(), settings.sign_up_limit_per_address);
        let ready = Arc::clone(&sign_in);
        let routes = routes().ready(probes()).ready_if(move || {
            if ready.is_ready() { Ok(()) } else { Err("the signing keys are not published yet".into()) }
        });
        let routes = jobs::add(routes, &boot.db(), &boot.clock(), &keys, &sign_in);
        let organisations = Batch::of(boot.db(), store::organisations::find_all);
        Ok(routes.data(organisations).data(secret).data(Arc::new(hasher)).data(sign_in).data(Arc::new(sign_up)))
    }

    fn command(boot: &Boot<Settings>) -> Option<Result<(), StartError>> {
        commands::run(boot)
    }
}

fn probes() -> Vec<kit::Probe> {
    kit::readable!(
        schema::plans,
        schema::organisations,
        schema::logins,
        schema::sign_in_failures,
        schema::signing_keys,
        schema::changes,
        schema::idempotency_keys,
        views::standings,
        views::usage,
        views::head_counts,
        views::persons,
        views::accepted_invitations,
    )
}
