//! Waking up readers of the feed: a hint after commits, outside of any writing transaction, and not too often.
//! A `notify` inside the transaction would make all commits of the cluster wait in one line.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use diesel::connection::SimpleConnection;

use crate::db::{Db, Lane};

/// Readers poll as well: a hint more often than this would cost more than it saves.
const EVERY: Duration = Duration::from_millis(100);

/// The end that a commit touches. One place in the channel is enough: many commits are one hint.
pub(crate) fn channel() -> (impl Fn() + Send + Sync + 'static, Receiver<()>) {
    let (sender, receiver): (SyncSender<()>, _) = sync_channel(1);
    let committed = move || {
        // Full: a hint is already on its way. Closed: the service is stopping.
        let _ = sender.try_send(());
    };
    (committed, receiver)
}

/// Sends `notify <service>_changes` for each reported commit, until the service's `Db` is gone.
pub(crate) fn start(service: &'static str, lane: Lane, db: &Db, committed: Receiver<()>) -> std::io::Result<()> {
    let db = db.downgrade();
    let send = move || {
        while committed.recv().is_ok() {
            let Some(db) = db.upgrade() else { return };
            let work = move || {
                db.write_unbound(|connection| Ok(connection.batch_execute(&format!("notify {service}_changes"))?))
            };
            // The answer isn't waited for: a hint that gets lost is one that the next poll replaces.
            lane.detach(work);
            std::thread::sleep(EVERY);
        }
    };
    std::thread::Builder::new().name(format!("{service}-hint")).spawn(send).map(drop)
}
