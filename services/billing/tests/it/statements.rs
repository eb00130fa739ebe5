//! One statement reads what one request asks for, no statement is planned on every call, and a run is made of few.

use std::collections::BTreeMap;

use behaviour::{Tenant, json};
use chrono::TimeDelta;
use diesel::prelude::*;
use schema::testing::TestDb;

use crate::house::{House, this_month};

diesel::table! {
    dba.pg_stat_statements (queryid) {
        queryid -> BigInt,
        dbid -> Oid,
        userid -> Oid,
        query -> Text,
        calls -> BigInt,
        plans -> BigInt,
    }
}
diesel::table! {
    pg_catalog.pg_database (oid) {
        oid -> Oid,
        datname -> Text,
    }
}
diesel::table! {
    pg_catalog.pg_roles (oid) {
        oid -> Oid,
        rolname -> Text,
    }
}

/// Calls and plans of each statement that a login has sent to this database.
fn statements(db: &TestDb, role: &str) -> BTreeMap<String, (i64, i64)> {
    let connection = &mut db.connect("superuser");
    let dbid: u32 = pg_database::table
        .filter(pg_database::datname.eq(db.name()))
        .select(pg_database::oid)
        .first(connection)
        .unwrap();
    let userid: u32 = pg_roles::table
        .filter(pg_roles::rolname.eq(role))
        .select(pg_roles::oid)
        .first(connection)
        .unwrap();
    let rows: Vec<(String, i64, i64)> = pg_stat_statements::table
        .filter(pg_stat_statements::dbid.eq(dbid))
        .filter(pg_stat_statements::userid.eq(userid))
        .select((
            pg_stat_statements::query,
            pg_stat_statements::calls,
            pg_stat_statements::plans,
        ))
        .load(connection)
        .unwrap();
    rows.into_iter()
        .map(|(query, calls, plans)| (query, (calls, plans)))
        .collect()
}

/// A tenant with a card and an invoice, in a house with one connection to each side.
fn house() -> (House, Tenant, String) {
    let house = House::with_pools(1, |_| {});
    let (period, time) = this_month();
    house.go_to(time);
    let tenant = house.world.tenant("payg");
    house.card(&tenant, "pm_card_visa");
    house.run(period).expect(202);
    house.tick(time);
    let invoice = house.invoices(&tenant)[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    (house, tenant, invoice)
}

fn reads(tenant: &Tenant, invoice: &str) -> Vec<String> {
    let invoice = format!("/invoices/{invoice}");
    [
        "/payment-method",
        "/usage",
        "/invoices",
        &invoice,
        "/standing",
        "/billing-changes",
    ]
    .map(|rest| tenant.path(rest))
    .to_vec()
}

#[test]
fn one_statement_for_one_read() {
    let (house, tenant, invoice) = house();
    let get = |path: &str| {
        house
            .admin(&tenant, house.api().get(path))
            .send()
            .expect(200)
    };
    reads(&tenant, &invoice)
        .iter()
        .for_each(|path| drop(get(path)));
    let calls = || {
        statements(&house.db, "billing_reader")
            .values()
            .map(|(calls, _)| calls)
            .sum::<i64>()
    };
    for path in reads(&tenant, &invoice) {
        let before = calls();
        get(&path);
        assert_eq!(calls() - before, 1, "statements for GET {path}");
    }
}

#[test]
fn hot_statements_are_not_planned_on_every_call() {
    let (house, tenant, invoice) = house();
    let path = tenant.path("/payment-method");
    for n in 0..40 {
        for path in reads(&tenant, &invoice) {
            house
                .admin(&tenant, house.api().get(&path))
                .send()
                .expect(200);
        }
        let put = house.api().put(&path).if_match(&format!("\"{}\"", n + 1));
        let body = json!({ "paymentMethodToken": "pm_card_visa" });
        house.admin(&tenant, put.json(&body)).send().expect(200);
    }
    let mut hot = 0;
    for role in ["billing_reader", "billing_writer"] {
        for (query, (calls, plans)) in statements(&house.db, role) {
            if calls >= 40 {
                hot += 1;
                println!("{role}: {calls} calls, {plans} plans: {query}");
                assert!(
                    plans * 4 <= calls,
                    "{role}: {plans} plans for {calls} calls of {query}"
                );
            }
        }
    }
    assert!(hot >= 8, "only {hot} hot statements were seen");
}

/// A statement for a batch of organisations, not one for each.
#[test]
fn invoices_are_written_in_sets() {
    let house = House::with(|settings| settings.invoice_batch = 50);
    for n in 0..200 {
        house.world.tenant(["team", "payg"][n % 2]);
    }
    let (period, time) = this_month();
    house.go_to(time);
    house.run(period).expect(202);
    house.tick(time);
    let statements = statements(&house.db, "billing_writer");
    let calls = |part: &str| -> i64 {
        let of = statements.iter().filter(|(query, _)| query.contains(part));
        of.map(|(_, (calls, _))| calls).sum()
    };
    assert_eq!(calls("insert into billing.run_items"), 1, "one snapshot");
    assert_eq!(
        calls("insert into billing.invoices"),
        4,
        "200 invoices in batches of 50"
    );
    assert_eq!(calls("insert into billing.invoice_lines"), 4);
    house.tick(time + TimeDelta::days(3));
}
