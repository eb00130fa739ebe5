//! Transactions that end in another order than they began: a reader with a cursor misses none of their rows.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use kit::changes::{Change, feed, record};
use kit::{Clock, Meta};
use schema::testing::TestDb;

fn change(id: &str) -> Change {
    Change::of("X", None, id, 1)
}

#[test]
fn a_late_commit_is_not_lost() {
    let db = TestDb::new();
    let meta = Meta::of_job("test", &Clock::default());
    let (mut slow, mut fast) = (db.connect("account_writer"), db.connect("account_writer"));
    let mut reader = db.connect("account_reader");
    let mut place = kit::changes::Place::default();
    let mut seen = Vec::new();
    let mut read = |seen: &mut Vec<String>| {
        let items = feed(&mut reader, "account", None, place, 10).unwrap();
        place = items.place("account").unwrap();
        seen.extend(items.items.into_iter().map(|item| item.entity_id));
    };

    AnsiTransactionManager::begin_transaction(&mut slow).unwrap();
    record(&mut slow, "account", &meta, change("slow")).unwrap();
    AnsiTransactionManager::begin_transaction(&mut fast).unwrap();
    record(&mut fast, "account", &meta, change("fast")).unwrap();
    AnsiTransactionManager::commit_transaction(&mut fast).unwrap();
    read(&mut seen);
    assert_eq!(seen, Vec::<String>::new(), "what is committed behind an open transaction waits for it");
    AnsiTransactionManager::commit_transaction(&mut slow).unwrap();
    // Other tests' transactions on the same cluster may hold the feed back for a moment.
    crate::http::until("both rows", || {
        read(&mut seen);
        (seen.len() == 2).then_some(())
    });
    assert_eq!(seen, ["slow", "fast"]);
}
