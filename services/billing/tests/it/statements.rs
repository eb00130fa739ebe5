//! One statement reads what one request asks for, no statement is planned on every call, and a run is made of few.

use behaviour::{Tenant, json};
use chrono::TimeDelta;

use crate::house::{House, this_month};

/// A tenant with a card and an invoice, in a house with one connection to each side.
fn house() -> (House, Tenant, String) {
    let house = House::with_pools(1, |_| {});
    let (period, time) = this_month();
    house.go_to(time);
    let tenant = house.world.tenant("payg");
    house.card(&tenant, "pm_card_visa");
    house.run(period).expect(202);
    house.tick(time);
    let invoice = house.invoices(&tenant)[0]["id"].as_str().unwrap().to_owned();
    (house, tenant, invoice)
}

fn reads(tenant: &Tenant, invoice: &str) -> Vec<String> {
    let invoice = format!("/invoices/{invoice}");
    ["/payment-method", "/usage", "/invoices", &invoice, "/standing", "/billing-changes"]
        .map(|rest| tenant.path(rest))
        .to_vec()
}

#[test]
fn one_statement_for_one_read() {
    let (house, tenant, invoice) = house();
    let get = |path: &str| house.admin(&tenant, house.api().get(path)).send().expect(200);
    reads(&tenant, &invoice).iter().for_each(|path| drop(get(path)));
    let calls = || {
        let seen = house.db.statements("billing");
        seen.iter().filter(|one| one.role == "billing_reader").map(|one| one.calls).sum::<i64>()
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
            house.admin(&tenant, house.api().get(&path)).send().expect(200);
        }
        let put = house.api().put(&path).if_match(&format!("\"{}\"", n + 1));
        let body = json!({ "paymentMethodToken": "pm_card_visa" });
        house.admin(&tenant, put.json(&body)).send().expect(200);
    }
    house.db.assert_plans_are_kept("billing", 8);
}

#[test]
fn no_statement_of_the_suite_is_planned_on_every_call() {
    let house = House::with_pools(1, |_| {});
    // Once sends most statements but two or three times.
    for _ in 0..5 {
        behaviour::run(&house.world, &behaviour::billing::suite());
    }
    house.db.assert_plans_are_kept("billing", 8);
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
    let statements = house.db.statements("billing");
    let calls = |part: &str| -> i64 {
        let of = statements.iter().filter(|one| one.query.contains(part));
        of.map(|one| one.calls).sum()
    };
    assert_eq!(calls("insert into billing.run_items"), 1, "one snapshot");
    assert_eq!(calls("insert into billing.invoices"), 4, "200 invoices in batches of 50");
    assert_eq!(calls("insert into billing.invoice_lines"), 4);
    house.tick(time + TimeDelta::days(3));
}
