//! Waking up readers of the feed: a hint after commits, outside of any writing transaction, and not too often.
//! A `notify` inside the transaction would make all commits of the cluster wait in one line.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use diesel::connection::SimpleConnection;

use crate::db::Db;
use crate::threads::{Lane, Progress, Threads};

/// Readers poll as well: a hint more often than this would cost more than it saves.
const EVERY: Duration = Duration::from_millis(100);
/// How often it is looked whether the service is stopping.
const LOOK: Duration = Duration::from_millis(200);

/// The end that a commit touches. One place in the channel is enough: many commits are one hint.
pub(crate) fn channel() -> (impl Fn() + Send + Sync + 'static, Receiver<()>) {
    let (sender, receiver): (SyncSender<()>, _) = sync_channel(1);
    let committed = move || {
        // Full: a hint is already on its way. Closed: the service is stopping.
        let _ = sender.try_send(());
    };
    (committed, receiver)
}

/// With a commit not told for longer, something is wrong.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends `notify <service>_changes` for each reported commit, until the service stops or its `Db` is gone.
pub(crate) fn start(
    service: &'static str,
    threads: &Threads,
    lane: Lane,
    db: &Db,
    committed: Receiver<()>,
) -> std::io::Result<()> {
    let db = db.downgrade();
    let send = move |progress: &Progress| {
        while !progress.stopping() {
            progress.waits();
            match committed.recv_timeout(LOOK) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let Some(db) = db.upgrade() else { return };
            let work = move || {
                db.write_unbound(|connection| Ok(connection.batch_execute(&format!("notify {service}_changes"))?))
            };
            // The answer isn't waited for: a hint that gets lost is one that the next poll replaces.
            lane.detach(work);
            progress.done();
            std::thread::sleep(EVERY);
        }
    };
    threads.spawn(format!("{service}-hint"), LIMIT, send).map(drop)
}
