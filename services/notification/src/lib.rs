//! Notification: everybody gets each message once, on time, about what they watch.
//!
//! Owns notifications (`notification.notifications`), their mails (`deliveries`), who agreed to be mailed (`addresses`,
//! `confirmations`, `invitations`), how much they are (`counters`), how far the four feeds have been
//! read (`feed_cursors`), and what roll-ups and reminders need to come once. Publishes those positions, so that no service purges a
//! change that wasn't read, and which logins the owners of their addresses have accepted. Reads the others' feeds, organisations' names, watchers, contacts, login contacts and persons; they know nothing of it.
//!
//! One transaction reads changes, makes notifications and mails, and moves the cursor ([`reader`]); other threads send the mails
//! ([`mailer`]). Deliberately absent: a broker, a queue beside the tables, and any call to another service.

mod addresses;
mod admission;
pub mod audience;
pub mod background;
mod confirmations;
pub mod counters;
pub mod cursor;
pub mod deliveries;
pub mod feed;
pub mod gate;
pub mod gone;
pub mod handlers;
mod headers;
mod held;
mod invitations;
mod lag;
pub mod lookup;
pub mod mail;
pub mod mailer;
pub mod message;
pub mod model;
pub mod notifications;
pub mod outbox;
pub mod poller;
pub mod purge;
pub mod reader;
pub mod refusal;
pub mod reminders;
pub mod rollups;
pub mod schedule;
mod schema;
mod session;
pub mod settings;
pub mod signals;
pub mod smtp;
pub mod templates;
pub mod text;
pub mod turns;
mod views;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kit::{Boot, Routes, Service, StartError};

use crate::background::Background;
use crate::settings::Settings;
use crate::signals::Signals;

/// The service.
pub struct NotificationService;

impl Service for NotificationService {
    const NAME: &'static str = session::NAME;
    const CONTRACT: &'static str = include_str!("../../../docs/contract/notification.yaml");
    type Settings = Settings;
    // Nothing here creates or charges: marking as read twice does no harm.
    const KEEPS_ANSWERS: bool = false;

    fn start(boot: &Boot<Settings>) -> Result<Routes, StartError> {
        let signals = Arc::new(Signals::default());
        let sender = boot.settings().sender()?;
        let background = Background::start(boot, &signals)?;
        let refusing = background.measured(boot.clock());
        let (check, db, clock) = (Arc::clone(&signals), boot.db(), boot.clock());
        Ok(handlers::routes()
            .data(Arc::new(sender))
            // Held by the routes, so that the threads end with the server.
            .data(Arc::new(background))
            .ready_if(move || check.check())
            .ready(kit::readable!(
                schema::feed_cursors,
                schema::notifications,
                schema::deliveries,
                schema::rollups,
                schema::reminders,
                schema::places,
                schema::addresses,
                schema::confirmations,
                schema::invitations,
                schema::counters,
                views::login_contacts,
                views::organisations,
                views::persons,
                views::contacts,
                views::watchers,
                views::account_changes,
                views::profile_changes,
                views::registry_changes,
                views::billing_changes,
            ))
            .measure(lag::measured(boot.clock()))
            .measure(refusing)
            // The reading instance does it, once it has read what there is to read.
            .job("0 * * * * *", "roll-ups and reminders", move || {
                signals.minute.store(true, Ordering::SeqCst);
                Ok(())
            })
            .job("30 17 * * * *", "purge", move || purge::run(&db, clock.now()).map(drop)))
    }
}

/// Method and path of every endpoint, for the test that compares them with the contract.
#[must_use]
pub fn endpoints() -> Vec<(String, String)> {
    handlers::routes().list()
}
