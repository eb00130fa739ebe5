//! Asking changes nothing, on a clone or live.

use postgres::Client;
use schema::Error;
use schema::impact::{Change, On, Options, analyse};
use schema::testing::dump_program;

use super::shop::{self, Shop};
use crate::support::{connect, texts};

/// All that a change could leave behind.
fn catalogue(client: &mut Client) -> Vec<String> {
    texts(client, "select md5(string_agg(t, '' order by t)) from (
        select c::text t from pg_class c union all select a::text from pg_attribute a where attrelid >= 16384 union all select n::text from pg_namespace n
        union all select p::text from pg_proc p union all select d::text from pg_constraint d union all select r::text from pg_rewrite r
        union all select f::text from pg_default_acl f union all select i::text from pg_index i) x
        union all select md5(string_agg(t, '' order by t)) from (select a::text t from pg_authid a union all select m::text from pg_auth_members m
            union all select s::text from pg_db_role_setting s union all select datname || coalesce(datacl::text, '') from pg_database) y
        union all select md5(string_agg(i::text || m::text, '' order by m.id)) from stock.items i join stock.moves m on m.item_id = i.id")
}

#[test]
fn asking_changes_nothing() {
    if dump_program().is_none() {
        return;
    }
    let shop = Shop::new();
    let live = Options { on: On::Live, ..Options::default() };
    let mut client = connect(&shop.url());
    client.batch_execute("vacuum analyze").unwrap();
    let before = catalogue(&mut client);
    let change = "begin; set lock_timeout = '10s'; alter table stock.items add column big bigint default 7; update stock.items set big = id; alter role sales_app set work_mem = '1MB';
        create role another; grant select on stock.items to another; drop view shown.gold; commit; delete from stock.moves";
    // Somebody is connected, so the clone is what pg_dump reads.
    let on_clone = analyse(&shop.url(), &Change::new(change), &shop::statements(), &Options::default()).unwrap();
    assert!(on_clone.place.how.contains("pg_dump") && on_clone.place.clone_bytes > 0);
    assert_eq!(catalogue(&mut client), before);
    let on_live = analyse(&shop.url(), &Change::new(change), &shop::statements(), &live).unwrap();
    assert_eq!(catalogue(&mut client), before);
    assert_eq!(on_live.verdict, on_clone.verdict);
    assert!(on_live.place.how.contains("rewrite"), "{}", on_live.place.how);
    drop(client);
    let clone = analyse(&shop.url(), &Change::new(change), &shop::statements(), &Options::default()).unwrap();
    assert!(clone.place.how.contains("files"));
    let mut client = connect(&shop.url());
    assert_eq!(catalogue(&mut client), before);

    // A live database that is busy: it waits a moment and gives up.
    client.batch_execute("begin; select from stock.items limit 1").unwrap();
    let busy = analyse(
        &shop.url(),
        &Change::new("set lock_timeout = 0; drop view shown.gold; alter table stock.items add column x int"),
        &shop::statements(),
        &live,
    );
    assert!(matches!(busy, Err(Error::Unavailable(why)) if why.contains("200 ms")));
    let sly = Change::new("do $$ begin set lock_timeout = 0; end $$");
    assert_eq!(analyse(&shop.url(), &sly, &shop::statements(), &live).unwrap_err().code(), 2);
    client.batch_execute("rollback").unwrap();
    assert_eq!(catalogue(&mut client), before);
}
