//! What tries to reach out of the transaction, or out of the clone.

use std::process::{Command, Stdio};

use schema::Error;
use schema::impact::{Change, On, Options, Statement, analyse};

use super::shop::Shop;
use crate::support::{connect, texts};

fn statement() -> [Statement; 1] {
    [Statement {
        role: "stock_app".into(),
        sql: "select name from stock.items where id = $1".into(),
        calls: 1,
        values: None,
    }]
}

#[test]
fn no_commit_escapes_on_a_live_database() {
    let shop = Shop::new();
    let options = Options { on: On::Live, ..Options::default() };
    for commit in [
        "commit",
        "/* a /* nested */ comment; */ commit",
        "commit/**/and chain",
        "end -- so",
        "select E'\\'; commit; select '1'",
    ] {
        let change = Change::new(&format!("create table stock.escaped (id int); {commit}; select 1"));
        analyse(&shop.url(), &change, &statement(), &options).unwrap();
        let there = "select relname::text from pg_class where relname = 'escaped'";
        let empty: Vec<String> = Vec::new();
        assert_eq!(texts(&mut connect(&shop.url()), there), empty, "{commit}");
    }
}

#[test]
fn what_belongs_to_the_whole_server_is_not_tried_where_it_would_be_committed() {
    const SERVER: &str = "select rolname::text from pg_roles union all select datname::text from pg_database union all select setconfig::text from pg_db_role_setting
        union all select concat(datacl) from pg_database union all select sourcefile from pg_file_settings where sourcefile ~ 'auto' order by 1";
    let shop = Shop::new();
    let mut client = connect(&shop.url());
    client.batch_execute("create database other").unwrap();
    let before = texts(&mut client, SERVER);
    drop(client);
    for sql in [
        "drop database other",
        "create database more",
        "alter system set work_mem = '5MB'",
        "create role more; vacuum stock.items",
        "do $$ begin execute 'create role more'; end $$; create index concurrently on stock.items (note)",
        "alter role stock_app set work_mem = '1MB'; vacuum stock.items",
        "grant temporary on database other to stock_app; vacuum stock.items",
    ] {
        let tried = analyse(&shop.url(), &Change::new(sql), &statement(), &Options::default());
        assert!(matches!(tried, Err(Error::Usage(_))), "{sql}: {tried:?}");
        assert_eq!(texts(&mut connect(&shop.url()), SERVER), before, "{sql}");
    }
    let fine = Change::new(
        "set role stock_team; alter table stock.items add z int; create index concurrently on stock.items (z)",
    );
    analyse(&shop.url(), &fine, &statement(), &Options::default()).unwrap();
}

#[test]
fn copy_and_comments_alone_are_refused() {
    let shop = Shop::new();
    for sql in ["copy stock.items from stdin", "/* nothing */", "-- nothing", ";;"] {
        let tried = analyse(&shop.url(), &Change::new(sql), &statement(), &Options::default());
        assert!(matches!(tried, Err(Error::Usage(_))), "{sql}: {tried:?}");
    }
}

#[test]
fn an_opaque_body_is_executed() {
    let shop = Shop::new();
    connect(&shop.url())
        .batch_execute("create function stock.gold() returns bigint language plpgsql as 'begin return (select count(tier) from stock.items); end'")
        .unwrap();
    let change = Change::new("alter table stock.items drop column tier cascade");
    let tried = |values| {
        let mut statements = statement();
        statements[0].sql = "select stock.gold()".into();
        statements[0].values = values;
        analyse(&shop.url(), &change, &statements, &Options::default()).unwrap()
    };
    // Without parameters it is executed as it stands.
    assert_eq!(tried(None).verdict, schema::impact::Verdict::Breaks);
    let run = tried(Some(Vec::new()));
    assert!(run.opaque.is_empty());
    assert_eq!(run.verdict, schema::impact::Verdict::Breaks);
}

#[test]
fn an_interrupted_run_leaves_no_copy() {
    let shop = Shop::new();
    let folder = tempfile::tempdir().unwrap();
    let queries = folder.path().join("stock_app.sql");
    std::fs::write(&queries, "select name from stock.items").unwrap();
    let mut dba = Command::new(env!("CARGO_BIN_EXE_dba"))
        .args(["impact", "select pg_sleep(600)", "--statements"])
        .arg(&queries)
        .env("DATABASE_URL", shop.url())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let postgres = shop.url().replace("/shop", "/postgres");
    let mut client = connect(&postgres);
    let sleeps = "select datname::text from pg_stat_activity where datname like 'dba_impact_%' and query = 'select pg_sleep(600)'";
    while texts(&mut client, sleeps).is_empty() {
        assert!(dba.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let pid = i32::try_from(dba.id()).unwrap();
    schema::cluster::postmaster::send(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(dba.wait().unwrap().code(), Some(130));
    let left = "select datname::text from pg_database where datname like 'dba_%'";
    assert!(texts(&mut client, left).is_empty());
}
