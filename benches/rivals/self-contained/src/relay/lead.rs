//! Which of several relays works.

use std::sync::atomic::{AtomicBool, Ordering};

use postgres::Client;

use super::{PAUSE, Settings, connect};
use crate::Error;

/// One relay of an owner works, and others stand by until its connection ends, and the lock with it.
pub fn lead(settings: &Settings, stopping: &AtomicBool) -> Result<Client, Error> {
    let mut client = connect(&settings.relay_database_url, "relay")?;
    let lock = "select pg_catalog.pg_try_advisory_lock(7667763801191)";
    while !client.query_one(lock, &[])?.get::<_, bool>(0) && !stopping.load(Ordering::SeqCst) {
        std::thread::sleep(PAUSE);
    }
    Ok(client)
}
