//! Whoever may create something in a schema of the search path could have it stand for Postgres's own: then it would run as the superuser who asks.

use std::collections::BTreeSet;
use std::time::Duration;

use schema::blame;
use schema::coupling::Owners;
use schema::impact::{Change, On, Options, QueueOptions, Statement, analyse};
use schema::testing::dump_program;
use schema::watch::{self, Watching};

use super::shop::{self, LOGINS, Shop};
use crate::support::{connect, dba, said, until};

/// Functions and operators that fit better than Postgres's own, or come before them: each notes when it is run by a superuser, in the server's log and in
/// a sequence, for neither is undone by a rollback. Before 15 everybody may make them.
const PLANTED: &str = "
create role intruder nologin; grant usage, create on schema public to public; alter database shop set search_path = public, pg_catalog;
set role intruder; create sequence public.caught_times; grant usage on sequence public.caught_times to public;
create function public.caught(what text) returns void language plpgsql set search_path = pg_catalog, pg_temp as $f$ begin
    if (select rolsuper from pg_roles where rolname = current_user) then perform nextval('public.caught_times'); raise log 'run by a superuser: %', what; end if;
end $f$;
create function public.quote_ident(name) returns text language plpgsql as $f$ begin perform public.caught('quote_ident'); return pg_catalog.quote_ident($1::pg_catalog.text); end $f$;
create function public.format(text, name, name) returns text language plpgsql as $f$ begin perform public.caught('format'); return pg_catalog.format($1, $2, $3); end $f$;
create function public.format(text, name) returns text language plpgsql as $f$ begin perform public.caught('format'); return pg_catalog.format($1, $2); end $f$;
create function public.format_type(oid, text) returns text language plpgsql as $f$ begin perform public.caught('format_type'); return pg_catalog.format_type($1, null); end $f$;
create function public.concat_ws(text, oid, xid, cid) returns text language plpgsql as $f$ begin perform public.caught('concat_ws'); return pg_catalog.concat_ws($1, $2, $3, $4); end $f$;
create function public.current_setting(text) returns text language plpgsql as $f$ begin perform public.caught('current_setting'); return pg_catalog.current_setting($1); end $f$;
create function public.current_database() returns name language plpgsql as $f$ begin perform public.caught('current_database'); return pg_catalog.current_database(); end $f$;
create function public.set_config(text, text, boolean) returns text language plpgsql as $f$ begin perform public.caught('set_config'); return pg_catalog.set_config($1, $2, $3); end $f$;
create function public.pg_backend_pid() returns int language plpgsql as $f$ begin perform public.caught('pg_backend_pid'); return pg_catalog.pg_backend_pid(); end $f$;
create function public.has_sequence_privilege(text, text) returns boolean language plpgsql as $f$ begin perform public.caught('has_sequence_privilege'); return pg_catalog.has_sequence_privilege($1, $2); end $f$;
create function public.split_part(text, text, int) returns text language plpgsql as $f$ begin perform public.caught('split_part'); return pg_catalog.split_part($1, $2, $3); end $f$;
create function public.joined(text, name) returns text language plpgsql as $f$ begin perform public.caught('||'); return pg_catalog.concat($1, $2); end $f$;
create function public.joined(text, regclass) returns text language plpgsql as $f$ begin perform public.caught('||'); return pg_catalog.concat($1, $2); end $f$;
create function public.same(name, name) returns boolean language plpgsql as $f$ begin perform public.caught('='); return $1::pg_catalog.text operator(pg_catalog.=) $2::pg_catalog.text; end $f$;
create operator public.|| (leftarg = text, rightarg = name, function = public.joined); create operator public.|| (leftarg = text, rightarg = regclass, function = public.joined);
create operator public.= (leftarg = name, rightarg = name, function = public.same);
reset role";

/// How often something that was planted has been run by a superuser, and what.
fn caught(shop: &Shop) -> (bool, Vec<String>) {
    let mut client = connect(&shop.url());
    let counted = client.query_one("select is_called from public.caught_times", &[]).unwrap().get(0);
    let log = std::fs::read_to_string(shop.cluster().cluster().home().unwrap().join("postgres/log")).unwrap();
    let what = log.lines().filter_map(|line| line.split_once("run by a superuser: "));
    let what: BTreeSet<_> = what.map(|(_, what)| what.to_owned()).collect();
    (counted, what.into_iter().collect())
}

#[track_caller]
fn nothing_was_run(shop: &Shop, by: &str) {
    assert_eq!(caught(shop), (false, Vec::new()), "by {by}");
}

fn planted() -> Shop {
    let shop = Shop::new();
    connect(&shop.url()).batch_execute(PLANTED).unwrap();
    for (login, sql) in [
        ("sales_app", "select name, price from items where id = $1"),
        ("stock_app", "select id, name, tier, note from stock.items where id = $1"),
    ] {
        connect(&shop.login(login)).query(sql, &[&7]).unwrap();
    }
    shop
}

/// Those of the shop, one whose parameters have no types, and a `copy` without columns.
fn statements() -> Vec<Statement> {
    let more = [
        "select id, $1 + $2 from stock.items where id = $3",
        "copy stock.moves from stdin",
        "insert into stock.moves (item_id, amount) select id, $1 from stock.items where id = $2",
    ];
    let more = more.map(|sql| Statement { role: "stock_app".into(), sql: sql.into(), calls: 1, values: None });
    shop::without_values().into_iter().chain(more).collect()
}

#[test]
fn what_others_have_made_does_not_run_as_who_tries_a_change() {
    let shop = planted();
    let several = "alter table stock.items rename column tier to class; create or replace view shown.items as select i.id, i.sku, i.name, i.class as tier, i.price from stock.items i where i.id > 0;
        create function stock.f() returns int language sql as 'select 1'; alter table stock.moves add constraint positive check (amount > 0) not valid";
    let queue = Some(QueueOptions { hold: Duration::from_millis(200), ..QueueOptions::default() });
    for (sql, per_statement, options) in [
        (several, false, Options { queue, ..Options::default() }),
        (several, false, Options { on: On::Live, ..Options::default() }),
        (several, true, Options::default()),
        ("create index concurrently moves_at_idx on stock.moves (at)", false, Options::default()),
        (
            "revoke usage on sequence stock.moves_id_seq from stock_app",
            false,
            Options { on: On::Live, ..Options::default() },
        ),
    ] {
        let change = Change { per_statement, ..Change::new(sql) };
        let impact = analyse(&shop.url(), &change, &statements(), &options).unwrap();
        assert!(impact.refused.is_none() && impact.analysed > 15, "{impact:#?}");
        nothing_was_run(&shop, &format!("impact {:?}, per statement: {per_statement}: {sql}", options.on));
    }
    if dump_program().is_some() {
        let sample = Options { sample: Some(50), ..Options::default() };
        let impact = analyse(&shop.url(), &Change::new(several), &statements(), &sample).unwrap();
        assert!(impact.refused.is_none(), "{impact:#?}");
        nothing_was_run(&shop, "impact of a sample");
    }
}

#[test]
fn what_others_have_made_does_not_run_as_who_uses_dba() {
    let shop = planted();
    let folder = tempfile::tempdir().unwrap();
    let [roles, recorded] = ["roles.sql", "recorded.json"].map(|name| folder.path().join(name).display().to_string());
    let (code, text, error) = said(&dba(&shop.url(), &["roles", "init"]));
    assert_eq!(code, 0, "{error}");
    std::fs::write(&roles, text).unwrap();
    nothing_was_run(&shop, "roles init");
    for words in [
        vec!["roles", "check", "--roles", &roles],
        vec!["roles", "plan", "--roles", &roles],
        vec!["roles", "explain", "stock_app", "stock.items.sku"],
        vec!["roles", "matrix", "--role", "sales_app"],
        vec!["coupling"],
        vec!["coupling", "static"],
        vec!["record", "--out", &recorded, "--", "true"],
        vec!["impact", "alter table stock.items rename column tier to class"],
        vec!["blame", "--for", "2s"],
    ] {
        let (code, text, error) = said(&dba(&shop.url(), &words));
        // Nobody did anything that could be recorded.
        let recorded_nothing = words[0] == "record" && error.contains("nothing was recorded");
        assert!(code < 2 || recorded_nothing, "{words:?}: {text}{error}");
        nothing_was_run(&shop, &words.join(" "));
    }
    // Names of relations are asked for when somebody waits.
    let mut holder = connect(&shop.login("stock_app"));
    holder.batch_execute("begin; update stock.items set price = 8 where id = 1").unwrap();
    let url = shop.login("stock_app");
    let waiter = std::thread::spawn(move || {
        connect(&url).batch_execute("update stock.items set price = 9 where id = 1").unwrap();
    });
    let watching =
        Watching::begin(watch::Options { url: shop.url(), owners: Owners::default(), check_roles: None }).unwrap();
    until("the waiter is shown, and who uses whose tables", || {
        let view: serde_json::Value = serde_json::from_str(&watching.views().borrow()).unwrap();
        let some = |list: &str| view[list].as_array().is_some_and(|all| !all.is_empty());
        connect(&shop.login("sales_app")).query("select name, price from items where id = $1", &[&7]).unwrap();
        some("blocked") && some("uses")
    });
    blame::watch::watch(&shop.url(), Duration::from_secs(1), |_| {}, || false).unwrap();
    holder.batch_execute("rollback").unwrap();
    waiter.join().unwrap();
    nothing_was_run(&shop, "watch and blame");
}

/// What the two tests above would see.
#[test]
fn whoever_asks_over_the_usual_path_runs_them() {
    let shop = planted();
    let ask = "select quote_ident(relname), 'a'::text || oid::regclass from pg_class where relname = 'items'::name";
    connect(&shop.url()).batch_execute(ask).unwrap();
    let (counted, what) = caught(&shop);
    assert!(counted && what == ["=", "quote_ident", "||"], "{what:?}");
}

#[test]
fn a_superuser_is_told_whose_functions_may_run() {
    let shop = Shop::new();
    let warned = |url: &str| {
        let change = Change::new("alter table stock.items add column more text");
        let warnings = analyse(url, &change, &shop::without_values(), &Options::default()).unwrap().warnings;
        warnings.into_iter().find(|one| one.contains("superuser"))
    };
    let said = warned(&shop.url()).unwrap();
    assert!(said.contains("functions of ledger_team: one of them could act as the superuser"), "{said}");
    let boss = "create role boss login createdb password 'a'; alter database shop owner to boss";
    connect(&shop.url()).batch_execute(&format!("{boss}; grant {} to boss", LOGINS.join(", "))).unwrap();
    assert_eq!(warned(&shop.login("boss")), None);
    connect(&shop.url()).batch_execute("alter function ledger.stamp() owner to postgres").unwrap();
    assert_eq!(warned(&shop.url()), None);
}
