//! `pg_stat_statements` holds so many entries and no more: asking mustn't push out what services ran.

use schema::impact::{Change, Options, QueueOptions, analyse};

use super::shop::{self, LOGINS, Shop};
use crate::support::{connect, texts};

/// Every entry: of which database (by number where it is gone), and what.
const ENTRIES: &str = "select concat_ws(' ', coalesce(d.datname::text, s.dbid::text), s.query)
    from counted.pg_stat_statements s left join pg_database d on d.oid = s.dbid order by 1";

/// A connection that isn't counted itself.
fn onlooker(shop: &Shop) -> postgres::Client {
    let mut client = connect(&shop.url());
    client
        .batch_execute("set pg_stat_statements.track = 'none'")
        .unwrap();
    client
}

#[test]
fn asking_leaves_no_entry_and_forgets_none() {
    let shop = Shop::new();
    let mut sales = connect(&shop.login("sales_app"));
    let hot = "select name from items where id = $1";
    sales.query(hot, &[&7]).unwrap();
    // Connected meanwhile, so that the clone is what pg_dump reads.
    let mut onlooker = onlooker(&shop);
    let before = texts(&mut onlooker, ENTRIES);
    assert!(before.contains(&format!("shop {hot}")), "{before:#?}");
    for (sql, data, queue) in [
        (
            "alter table stock.items add column more text",
            true,
            Some(QueueOptions::default()),
        ),
        ("drop view shown.gold", false, None),
        (
            "create index concurrently moves_at_idx on stock.moves (at)",
            true,
            None,
        ),
    ] {
        let options = Options {
            data,
            queue,
            ..Options::default()
        };
        let impact = analyse(
            &shop.url(),
            &Change::new(sql),
            &shop::without_values(),
            &options,
        )
        .unwrap();
        assert!(impact.place.how.contains("pg_dump"));
        let after = texts(&mut onlooker, ENTRIES);
        let new: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
        let some = &new[..new.len().min(10)];
        assert!(new.is_empty(), "{sql}: {} new, {some:#?}", new.len());
        assert_eq!(before, after, "{sql}: some were forgotten");
    }
}

/// Who may not turn the counting off is counted, and what was counted of the clone goes with it.
#[test]
fn what_was_counted_of_a_clone_goes_with_it() {
    let shop = Shop::new();
    let made = format!(
        "create role boss login createdb password 'a'; grant {} to boss; alter database shop owner to boss;
         grant usage on schema counted to boss; grant execute on function counted.pg_stat_statements_reset to boss",
        LOGINS.join(", ")
    );
    connect(&shop.url()).batch_execute(&made).unwrap();
    analyse(
        &shop.login("boss"),
        &Change::new("create schema more"),
        &shop::without_values(),
        &Options::default(),
    )
    .unwrap();
    let gone = texts(
        &mut onlooker(&shop),
        "select s.query from counted.pg_stat_statements s where s.dbid not in (select oid from pg_database)",
    );
    assert!(gone.is_empty(), "{} entries: {gone:#?}", gone.len());
}
