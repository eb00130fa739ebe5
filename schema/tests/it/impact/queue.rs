//! The queue behind a change that waits.

use std::time::Duration;

use schema::impact::{Change, Options, QueueOptions, Verdict, analyse};

use super::shop::{self, Shop};
use super::verdict;

#[test]
fn the_queue_is_the_holders_and_nobody_elses() {
    let shop = Shop::new();
    let queue =
        QueueOptions { hold: Duration::from_millis(1500), lock_timeout: Duration::from_millis(10_000), rate: 20.0 };
    let options = Options { queue: Some(queue), ..Options::default() };
    let ask = |sql: &str| analyse(&shop.url(), &Change::new(sql), &shop::without_values(), &options).unwrap();
    let impact = ask("alter table sales.orders add column more text");
    let measured = impact.queue.as_ref().unwrap();
    let of = |name: &str| measured.services.iter().find(|one| one.service == name).unwrap();
    assert_eq!(measured.held, ["sales.orders read"]);
    assert!(of("sales").blocked > 0 && of("sales").max_ms >= 500 && !measured.gave_up, "{measured:#?}");
    for other in ["stock", "ledger"] {
        assert!(of(other).arrived > 0);
        assert_eq!((of(other).blocked, of(other).blocked_ms), (0, 0), "{measured:#?}");
    }
    assert!(matches!(verdict(&impact, "sales"), Verdict::Blocks { .. }));
    assert_eq!((verdict(&impact, "stock"), impact.exit_code()), (Verdict::Safe, 1));

    // A lock that readers can share: those who write wait, and a timeout of its own ends it.
    let impact = ask("set lock_timeout = '300ms'; create index more_idx on stock.moves (amount)");
    let measured = impact.queue.as_ref().unwrap();
    assert_eq!(measured.held, ["stock.moves written"]);
    assert!(measured.gave_up, "{measured:#?}");
    let impact = ask("comment on table stock.items is 'more'");
    assert!(impact.queue.unwrap().held.is_empty());
}
