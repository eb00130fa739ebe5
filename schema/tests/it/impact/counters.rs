//! `pg_stat_statements` holds so many entries and no more: asking mustn't push out what services ran.

use schema::impact::{Change, Impact, Options, QueueOptions, analyse};
use schema::testing::{TestCluster, dump_program};

use super::shop::{self, LOGINS, Shop};
use crate::support::{connect, dba, said, texts};

/// Every entry: of which database (by number where it is gone), and what.
const ENTRIES: &str = "select concat_ws(' ', coalesce(d.datname::text, s.dbid::text), s.query)
    from counted.pg_stat_statements s left join pg_database d on d.oid = s.dbid order by 1";

/// A connection that isn't counted itself.
fn onlooker(shop: &Shop) -> postgres::Client {
    let mut client = connect(&shop.url());
    client.batch_execute("set pg_stat_statements.track = 'none'").unwrap();
    client
}

#[test]
fn asking_leaves_no_entry_and_forgets_none() {
    if dump_program().is_none() {
        return;
    }
    let shop = Shop::new();
    let mut sales = connect(&shop.login("sales_app"));
    let hot = "select name from items where id = $1";
    sales.query(hot, &[&7]).unwrap();
    // Connected meanwhile, so that the clone is what pg_dump reads.
    let mut onlooker = onlooker(&shop);
    let before = texts(&mut onlooker, ENTRIES);
    assert!(before.contains(&format!("shop {hot}")), "{before:#?}");
    for (sql, data, queue) in [
        ("alter table stock.items add column more text", true, Some(QueueOptions::default())),
        ("drop view shown.gold", false, None),
        ("create index concurrently moves_at_idx on stock.moves (at)", true, None),
    ] {
        let options = Options { data, queue, ..Options::default() };
        let impact = analyse(&shop.url(), &Change::new(sql), &shop::without_values(), &options).unwrap();
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
    analyse(&shop.login("boss"), &Change::new("create schema more"), &shop::without_values(), &Options::default())
        .unwrap();
    let gone = texts(
        &mut onlooker(&shop),
        "select s.query from counted.pg_stat_statements s where s.dbid not in (select oid from pg_database)",
    );
    assert!(gone.is_empty(), "{} entries: {gone:#?}", gone.len());
}

/// Text and JSON of a change that hurts nobody, by what the server has counted.
fn asked(shop: &Shop) -> (String, Impact) {
    let ask = |words: &[&str]| {
        let sql = "alter table stock.items add column more text";
        let (code, text, error) = said(&dba(&shop.url(), &[&["impact", sql], words].concat()));
        assert_eq!(code, 0, "{text}{error}");
        text
    };
    let json = ask(&["--format", "json"]);
    (ask(&[]), serde_json::from_str(&json).unwrap())
}

#[test]
fn an_unjudged_service_is_not_called_safe() {
    if dump_program().is_none() {
        return;
    }
    let mut cluster = TestCluster::bare();
    connect(&cluster.url("postgres", "superuser"))
        .batch_execute("alter system set pg_stat_statements.max = 100")
        .unwrap();
    cluster.stop().unwrap();
    cluster.start().unwrap();
    let shop = Shop::on(cluster);
    onlooker(&shop).batch_execute("select counted.pg_stat_statements_reset()").unwrap();
    let mut sales = connect(&shop.login("sales_app"));
    for _ in 0..50 {
        sales.query("select name from items where id = $1", &[&7]).unwrap();
    }
    let silent = "no statement was judged for ledger, stock: that does not mean safe";
    let (text, impact) = asked(&shop);
    assert!(text.contains(&format!("warning: {silent}\n")), "{text}");
    assert_eq!(impact.warnings.len(), 2);
    assert_eq!(impact.warnings[0], silent);
    assert!(impact.warnings[1].contains("may run functions of ledger_team:"), "{:?}", impact.warnings);

    // More than the server holds, each a text of its own.
    for n in 1..=150 {
        sales.batch_execute(&format!("select {}", vec!["1"; n].join(", "))).unwrap();
    }
    let (text, impact) = asked(&shop);
    assert!(text.contains("warning: statements may be missing"), "{text}");
    assert!(
        impact.warnings.len() == 3
            && impact.warnings[2].contains("statements may be missing")
            && text.ends_with("verdict: SAFE\n"),
        "{impact:#?}"
    );

    // All are known of, and none was forgotten.
    drop(sales);
    onlooker(&shop).batch_execute("select counted.pg_stat_statements_reset()").unwrap();
    for (login, sql) in [
        ("sales_app", "select status from orders"),
        ("stock_app", "select sku from stock.items"),
        ("ledger_app", "select id from shown.gold"),
    ] {
        connect(&shop.login(login)).batch_execute(sql).unwrap();
    }
    let warnings = asked(&shop).1.warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("may run functions of"), "{warnings:?}");
}
