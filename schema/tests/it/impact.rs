//! `dba impact`: what a change does to whom, on a database that isn't ours, and that nothing is changed by asking.

use schema::Error;
use schema::impact::{Change, Impact, On, Options, Statement, Verdict, analyse};

use crate::support::{connect, texts};

mod beyond;
mod command;
mod counters;
mod executed;
mod generated;
mod kinds;
mod near;
mod nothing;
mod queue;
mod random;
mod releases;
mod sample;
mod shadowed;
mod shop;
mod truth;

use shop::Shop;

fn ask(shop: &Shop, sql: &str) -> Impact {
    analyse(&shop.url(), &Change::new(sql), &shop::without_values(), &Options::default()).unwrap()
}

/// SQLSTATEs of a service's statements, prepared anew and kept.
fn states<'a>(impact: &'a Impact, service: &str) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    let statements = impact.service(service).into_iter().flat_map(|one| &one.statements);
    let mut all: Vec<_> = statements
        .filter(|one| one.verdict > Verdict::Unknown)
        .map(|one| {
            let state =
                |failure: &'a Option<schema::impact::Failure>| failure.as_ref().map(|one| one.sqlstate.as_str());
            (state(&one.fresh), state(&one.cached))
        })
        .collect();
    all.sort();
    all
}

fn verdict(impact: &Impact, service: &str) -> Verdict {
    impact.service(service).unwrap().verdict
}

#[test]
fn the_eight_changes_of_the_design() {
    let shop = Shop::new();
    let both = |state: &'static str| (Some(state), Some(state));

    // Views bind by number, not by name: the consumers don't notice.
    let renamed = ask(&shop, "alter table stock.items rename column tier to class");
    assert_eq!(verdict(&renamed, "sales"), Verdict::Safe, "{renamed:#?}");
    assert_eq!(states(&renamed, "stock"), [(None, Some("0A000")), both("42703"), both("42703")]);

    // Both services, and the locks of what is dropped.
    let dropped = ask(&shop, "alter table stock.items drop column tier cascade");
    assert_eq!(states(&dropped, "sales"), vec![both("42P01"); 5]);
    assert_eq!(states(&dropped, "ledger"), [both("42P01")]);
    let locks: Vec<_> = dropped.steps[0]
        .locks
        .iter()
        .filter(|lock| lock.dropped)
        .map(|lock| (lock.object.as_str(), lock.kind.as_str(), lock.mode.as_str()))
        .collect();
    let gone = |view| (view, "view", "AccessExclusiveLock");
    assert_eq!(locks, [gone("sales.priced"), gone("shown.gold"), gone("shown.items")]);
    let lost: Vec<_> =
        dropped.rights_lost.iter().map(|lost| (lost.service.as_str(), lost.object.as_str(), lost.dropped)).collect();
    assert!(
        lost.contains(&("sales", "shown.items", true)) && lost.contains(&("ledger", "shown.gold", true)),
        "{lost:?}"
    );

    // Postgres refuses it: nobody is hurt, and who is in the way is said.
    let typed = ask(&shop, "alter table stock.items alter column tier type varchar(20)");
    let refused = typed.refused.as_ref().unwrap();
    assert_eq!(refused.failure.sqlstate, "0A000");
    assert_eq!((typed.verdict, typed.exit_code()), (Verdict::Refused, 1));
    let dependent = ask(&shop, "alter table stock.items drop column tier");
    let failure = &dependent.refused.as_ref().unwrap().failure;
    assert_eq!(failure.sqlstate, "2BP01");
    assert!(failure.detail.as_ref().unwrap().contains("shown.gold"));

    let more = ask(
        &shop,
        "create or replace view shown.items as select i.id, i.sku, i.name, i.tier, i.price, i.added from stock.items i",
    );
    assert_eq!((more.verdict, more.exit_code()), (Verdict::Safe, 0), "{more:#?}");

    // PREPARE alone would find none of these: rights are looked at when a statement is planned to be run.
    let invoker = ask(&shop, "alter view shown.items set (security_invoker = true)");
    assert_eq!(verdict(&invoker, "sales"), Verdict::LosesGrant);
    assert!(states(&invoker, "sales").iter().all(|one| *one == both("42501")));
    let revoked = ask(&shop, "revoke select on shown.items from sales_team");
    assert_eq!(states(&revoked, "sales"), [both("42501")]);
    assert!(revoked.service("sales").unwrap().statements[0].sql.contains("sales.priced"));

    let anew = ask(
        &shop,
        "drop view shown.gold; create view shown.gold as select i.id, i.name from stock.items i where i.tier = 'gold'",
    );
    assert_eq!((states(&anew, "ledger"), verdict(&anew, "ledger")), (vec![both("42501")], Verdict::LosesGrant));
}

#[test]
fn what_planning_alone_does_not_find() {
    let shop = Shop::new();
    let required = ask(
        &shop,
        "alter table sales.orders add column currency text not null default 'CHF'; alter table sales.orders alter column currency drop default",
    );
    assert_eq!(states(&required, "sales"), [(Some("23502"), Some("23502"))]);
    let no_default = ask(&shop, "alter table sales.orders alter column quantity drop default");
    assert_eq!(no_default.verdict, Verdict::Safe, "the insert names it");
    let lost_default = ask(&shop, "alter table stock.moves alter column id drop default");
    assert_eq!(states(&lost_default, "stock"), [(Some("23502"), Some("23502"))]);
    let unproven = ask(&shop, "alter table sales.orders add constraint few check (quantity < 3) not valid");
    assert_eq!(states(&unproven, "sales"), vec![(Some("23514"), Some("23514")); 2]);
    let proven = ask(&shop, "alter table sales.orders add constraint positive check (quantity > 0) not valid");
    assert_eq!(proven.verdict, Verdict::Unknown, "the rows that are there obey it, and others may not");
    let nulled = ask(&shop, "update stock.items set note = ''; alter table stock.items alter column note set not null");
    assert_eq!(states(&nulled, "stock"), vec![(Some("23502"), Some("23502")); 2]);
    let sequence = ask(&shop, "revoke usage on sequence stock.moves_id_seq from stock_app");
    assert_eq!(verdict(&sequence, "stock"), Verdict::LosesGrant);
    // With values it is run: a check, the body of a trigger.
    let run = |sql: &str| analyse(&shop.url(), &Change::new(sql), &shop::statements(), &Options::default()).unwrap();
    let check = run("alter table stock.items add constraint cheap check (price < 10) not valid");
    assert_eq!(states(&check, "stock"), vec![(Some("23514"), Some("23514")); 2]);
    let body = run("alter table ledger.entries rename column memo to note");
    assert_eq!(states(&body, "ledger"), [(Some("42703"), Some("42703"))]);
}

#[test]
fn kept_plans_rewrites_scans_and_lost_indexes() {
    let shop = Shop::new();
    let wider = ask(&shop, "alter table sales.orders alter column total type numeric(12, 2)");
    assert_eq!(verdict(&wider, "sales"), Verdict::BreaksCached, "{wider:#?}");
    assert!(wider.steps[0].rewrites.is_empty());
    let other = ask(&shop, "alter table sales.orders alter column total type float8");
    assert_eq!(verdict(&other, "sales"), Verdict::Breaks, "a reader of numeric can't read float8");
    let text = Options { typed_clients: false, ..Options::default() };
    let other = analyse(
        &shop.url(),
        &Change::new("alter table sales.orders alter column total type float8"),
        &shop::without_values(),
        &text,
    )
    .unwrap();
    assert_eq!(verdict(&other, "sales"), Verdict::BreaksCached);
    let step = &other.steps[0];
    assert!(step.rewrites.iter().any(|one| one == "table sales.orders"), "{step:#?}");
    assert!(step.said.iter().any(|one| one.contains("rewriting table \"orders\"")), "{step:#?}");
    assert!(step.scans.iter().any(|scan| scan.table == "sales.orders" && scan.rows >= 2000));

    let required = ask(&shop, "alter table sales.orders alter column total set not null");
    let scan = &required.steps[0].scans;
    assert_eq!((scan[0].table.as_str(), scan[0].rows, scan.len()), ("sales.orders", 2000, 1));

    let slower = ask(&shop, "drop index stock.moves_item_id_idx");
    assert_eq!((verdict(&slower, "stock"), slower.exit_code()), (Verdict::Slower, 0));
    let words = slower.service("stock").unwrap().statements[0].plan.join("\n");
    assert!(words.contains("moves_item_id_idx is no longer used") && words.contains("cost"), "{words}");
    assert!(
        slower
            .conflicts
            .iter()
            .any(|one| one.object == "stock.moves" && one.service == "stock" && one.change == "AccessExclusiveLock")
    );
    assert!(slower.conflicts.iter().all(|one| one.service == "stock"));
}

#[test]
fn what_runs_in_no_transaction_runs_on_the_clone_alone() {
    let shop = Shop::new();
    let sql = "create index concurrently orders_total_idx on sales.orders (total)";
    let impact = ask(&shop, sql);
    assert!(!impact.place.transaction && impact.refused.is_none(), "{impact:#?}");
    assert_eq!(impact.exit_code(), 0);
    let live = Options { on: On::Live, ..Options::default() };
    let error = analyse(&shop.url(), &Change::new(sql), &shop::without_values(), &live).unwrap_err();
    assert_eq!(error.code(), 2, "{error}");
    assert!(texts(&mut connect(&shop.url()), "select 'x' from pg_class where relname = 'orders_total_idx'").is_empty());
}

#[test]
fn nothing_judged_is_an_error_not_safe() {
    let shop = Shop::new();
    let ask =
        |sql: &str, statements: &[Statement]| analyse(&shop.url(), &Change::new(sql), statements, &Options::default());
    let change = "alter table stock.items add column more text";
    assert_eq!(ask(change, &[]).unwrap_err().code(), 3);
    let mut broken = shop::without_values()[0].clone();
    broken.sql = "select nothing from nowhere".into();
    assert!(matches!(ask(change, &[broken.clone()]), Err(Error::Unavailable(why)) if why.contains("42P01")));
    let mixed = ask(change, &[broken, shop::without_values()[1].clone()]).unwrap();
    assert_eq!((mixed.analysed, mixed.skipped.len()), (1, 1));
    assert_eq!(ask("commit; begin", &shop::statements()).unwrap_err().code(), 2);
    assert_eq!(ask("rollback", &shop::statements()).unwrap_err().code(), 2);
}
