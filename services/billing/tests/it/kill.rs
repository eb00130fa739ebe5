//! Once, whatever dies: a month for many organisations, in which the service is killed, answers are lost and the
//! database is restarted at seeded points. In the end ledger and invoices agree to the cent.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use behaviour::{Tenant, World, json};
use billing::period::Period;
use chrono::TimeDelta;
use diesel::prelude::*;
use kit::Clock;

use crate::fixture::SqlFixture;
use crate::house::{ledger, set_clock, this_month};
use crate::siege::Siege;

kit::statement! {
    /// Every invoice, with what its lines sum up to, how often it was told to be paid, and its attempts that succeeded.
    struct Invoices() -> (Uuid, Uuid, Text, BigInt, Text, BigInt, BigInt, BigInt, BigInt) =
        "select i.organisation_id, i.id, i.period, i.amount_cents, i.status, \
         (select sum(l.quantity * l.unit_price_cents)::bigint from billing.invoice_lines l \
          where l.organisation_id = i.organisation_id and l.invoice_id = i.id), \
         (select count(*) from billing.changes c where c.entity_id = i.id::text and c.kind = 'InvoicePaid'), \
         (select count(*) from billing.payment_attempts a where a.organisation_id = i.organisation_id and a.invoice_id = i.id and a.outcome = 'succeeded'), \
         (select count(*) from billing.payment_attempts a where a.organisation_id = i.organisation_id and a.invoice_id = i.id and a.outcome = 'failed') \
         from billing.invoices i order by i.organisation_id, i.period"
}

type Invoice = (uuid::Uuid, uuid::Uuid, String, i64, String, i64, i64, i64, i64);

/// Ledger and invoices agree to the cent.
fn agree(siege: &Siege, tenants: &[Tenant], periods: &[Period]) {
    let invoices: Vec<Invoice> = Invoices {}.load(&mut siege.connect().unwrap()).unwrap();
    let mut expected: Vec<(uuid::Uuid, String)> = Vec::new();
    for tenant in tenants {
        expected.extend(periods.iter().map(|period| (tenant.org, period.to_string())));
    }
    expected.sort();
    let written: Vec<(uuid::Uuid, String)> = invoices.iter().map(|i| (i.0, i.2.clone())).collect();
    assert_eq!(written, expected, "one invoice for each organisation and period");
    let charges = ledger(&siege.sandbox.url).charges;
    let (mut charged, mut declined) = (HashMap::<String, Vec<i64>>::new(), HashMap::<String, i64>::new());
    for charge in &charges {
        let key = charge["metadata"]["attempt"].as_str().unwrap();
        let invoice = key.strip_prefix("invoice-").and_then(|key| key.rsplit_once('-')).unwrap().0;
        match charge["status"].as_str() {
            Some("succeeded") => {
                charged.entry(invoice.to_owned()).or_default().push(charge["amount"].as_i64().unwrap())
            }
            _ => *declined.entry(invoice.to_owned()).or_default() += 1,
        }
    }
    let mut sum = 0;
    for (org, id, period, amount, status, lines, told, succeeded, failed) in &invoices {
        let what = format!("{org} {period} {id}: {status}");
        assert_eq!(amount, lines, "{what}: its lines");
        let of_ledger = charged.remove(&id.to_string()).unwrap_or_default();
        let should = match (status.as_str(), *amount) {
            ("paid", 0) | ("overdue", _) => vec![],
            ("paid", amount) => vec![amount],
            other => panic!("{what}: {other:?} is no end"),
        };
        assert_eq!(of_ledger, should, "{what}: charged");
        assert_eq!(*succeeded, should.len() as i64, "{what}: attempts that succeeded");
        assert_eq!(*told, i64::from(status == "paid"), "{what}: told");
        let refused = declined.remove(&id.to_string()).unwrap_or_default();
        // Each refusal is one failed attempt; without a card there is an attempt and nobody to refuse it.
        assert!(refused == *failed || (refused == 0 && *failed == 4), "{what}: {refused} refused, {failed} failed");
        assert!(matches!((status.as_str(), *failed), ("paid", 0) | ("overdue", 4)), "{what}: {failed} failed");
        sum += should.iter().sum::<i64>();
    }
    assert!(charged.is_empty() && declined.is_empty(), "charged for nothing: {charged:?} {declined:?}");
    assert_eq!(ledger(&siege.sandbox.url).amount, sum);
    println!("{} invoices, {} charges, {sum} cents; {:?}", invoices.len(), charges.len(), siege.seen);
}

/// Makes the town: four plans, most with a good card, some with a bad one, some with none.
fn town(siege: &Siege, world: &World, size: usize) -> Vec<Tenant> {
    let api = siege.service.as_ref().unwrap().api();
    (0..size)
        .map(|n| {
            let tenant = world.tenant(["team", "payg", "enterprise", "free"][n % 4]);
            let card = match n % 10 {
                8 => Some("pm_card_chargeCustomerFail"),
                9 => None,
                _ => Some("pm_card_visa"),
            };
            if let Some(token) = card {
                let put = api.put(&tenant.path("/payment-method")).token(&tenant.admin_token);
                put.json(&json!({ "paymentMethodToken": token })).send().expect(201);
            }
            tenant
        })
        .collect()
}

fn month(seed: u64, points: usize, organisations: usize) {
    let mut siege = Siege::new(seed, points);
    siege.start();
    let url = |role: &str| siege.cluster.url("govrnanza", role);
    let fixture = SqlFixture::of(&url, Clock::new(Some(siege.place.clock.clone())));
    let world = World::new(behaviour::Urls::default(), fixture);
    let tenants = town(&siege, &world, organisations);
    siege.dials(&json!({ "latencyMs": 2 }));
    let (mut period, _) = this_month();
    let mut periods = Vec::new();
    let begun = Instant::now();
    // One month, and further ones as long as points are left.
    while periods.is_empty() || siege.points > 0 {
        let time = period.run_at();
        set_clock(&siege.place.clock, time);
        siege.order(&world, period);
        periods.push(period);
        for day in [0, 3, 4, 6, 10, 17] {
            siege.until_idle(time + TimeDelta::days(day) + TimeDelta::hours(day));
        }
        period = period.after();
    }
    println!("seed {seed}: {points} points, {} months, {:.0} s", periods.len(), begun.elapsed().as_secs_f64());
    agree(&siege, &tenants, &periods);
    drop(siege.service.take());
    drop(siege.folder);
}

/// Restarting a database takes what it takes: one siege at a time.
static ONE: Mutex<()> = Mutex::new(());

#[test]
fn once_whatever_dies_at_20_points() {
    let _one = ONE.lock().unwrap();
    month(20, 20, 60);
}

/// Long: `cargo test -p billing --test it -- --ignored once_whatever_dies_at_200_points`.
#[test]
#[ignore = "some minutes"]
fn once_whatever_dies_at_200_points() {
    let _one = ONE.lock().unwrap();
    month(200, 200, 300);
}
