//! Charges: once for each attempt, however they are asked for, and whatever becomes of the answers.

use behaviour::assert::problem_of;
use behaviour::{Tenant, Value, json};
use billing::provider::Outcome;
use billing::store::{attempts, outcomes};
use chrono::{DateTime, TimeDelta, Utc};

use crate::house::{House, pools, settings, this_month};

/// A tenant on `team` with an invoice that is due at the time returned.
fn owing(house: &House, token: Option<&str>) -> (Tenant, String, DateTime<Utc>) {
    let tenant = house.world.tenant("team");
    if let Some(token) = token {
        house.card(&tenant, token);
    }
    let (period, time) = this_month();
    house.go_to(time);
    house.run(period).expect(202);
    house.tick(time);
    let invoice = invoice(house, &tenant);
    (tenant, invoice["id"].as_str().unwrap().to_owned(), time + TimeDelta::days(3))
}

fn invoice(house: &House, tenant: &Tenant) -> Value {
    house.invoices(tenant).remove(0)
}

/// `(number, outcome, failureCode)` of each attempt.
fn attempts(invoice: &Value) -> Vec<(i64, String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let attempts = invoice["attempts"].as_array().unwrap().iter();
    attempts.map(|a| (a["number"].as_i64().unwrap(), text(&a["outcome"]).unwrap(), text(&a["failureCode"]))).collect()
}

#[test]
fn paid_by_hand() {
    let house = House::new();
    let (tenant, id, due) = owing(&house, Some("pm_card_visa"));
    let paid = house.pay(&tenant, &id).expect(200);
    let shown = paid.json();
    assert_eq!((&shown["status"], &shown["nextAttemptAt"]), (&json!("paid"), &json!(null)));
    assert_eq!(attempts(&shown), [(1, "succeeded".into(), None)]);
    let path = tenant.path(&format!("/invoices/{id}"));
    let read = house.admin(&tenant, house.api().get(&path)).send().expect(200);
    assert_eq!((read.json(), read.etag()), (shown, paid.etag()));
    problem_of(&house.pay(&tenant, &id), 409, "invoice-paid");
    house.tick(due);
    assert_eq!((house.ledger().count, house.ledger().amount), (1, 4900));
}

#[test]
fn a_key_is_answered_once_and_again() {
    let house = House::new();
    let (tenant, id, _) = owing(&house, Some("pm_card_visa"));
    let path = tenant.path(&format!("/invoices/{id}/payments"));
    let pay = |key: &str| house.admin(&tenant, house.api().post(&path).idempotency_key(key)).send();
    let first = pay("k").expect(200);
    let again = pay("k").expect(200);
    assert_eq!((first.json(), first.etag()), (again.json(), again.etag()));
    problem_of(&pay("other"), 409, "invoice-paid");
    assert_eq!(house.ledger().count, 1);
}

#[test]
fn payments_that_cannot_be_made() {
    let house = House::new();
    let (tenant, id, _) = owing(&house, None);
    problem_of(&house.pay(&tenant, &id), 409, "no-payment-method");
    assert_eq!(attempts(&invoice(&house, &tenant)), []);
    let stranger = house.world.tenant("team");
    let path = |org: &Tenant, id: &str| org.path(&format!("/invoices/{id}/payments"));
    house.admin(&stranger, house.api().post(&path(&stranger, &id))).send().expect(404);
    house.admin(&stranger, house.api().post(&path(&tenant, &id))).send().expect(403);
    house.admin(&stranger, house.api().get(&stranger.path(&format!("/invoices/{id}")))).send().expect(404);
    house.admin(&tenant, house.api().post(&path(&tenant, &uuid::Uuid::now_v7().to_string()))).send().expect(404);
    house.api().post(&path(&tenant, &id)).token(&tenant.member_token).send();
    house.card(&tenant, "pm_card_chargeCustomerFail");
    let declined = problem_of(&house.pay(&tenant, &id), 409, "payment-declined");
    assert_eq!(declined["code"], "generic_decline");
    let shown = invoice(&house, &tenant);
    assert_eq!(attempts(&shown), [(1, "failed".into(), Some("generic_decline".into()))]);
    assert_eq!(shown["status"], "open");
    assert_eq!(house.ledger().count, 0);
}

#[test]
fn a_card_that_came_between_is_asked_with_a_key_of_its_own() {
    let house = House::new();
    let (tenant, id, due) = owing(&house, Some("pm_card_chargeCustomerFail"));
    house.tick(due);
    house.card(&tenant, "pm_card_visa");
    house.tick(due + TimeDelta::days(1));
    let shown = invoice(&house, &tenant);
    let failed = (1, "failed".into(), Some("generic_decline".into()));
    assert_eq!(attempts(&shown), [failed, (2, "succeeded".into(), None)]);
    let keys: Vec<_> = house.ledger().charges.iter().map(|c| c["idempotency_key"].clone()).collect();
    assert_eq!(keys, [json!(format!("invoice-{id}-1")), json!(format!("invoice-{id}-2"))]);
    assert_eq!(house.ledger().amount, 4900);
}

#[test]
fn an_answer_that_never_came_is_no_failure_and_charges_no_second_time() {
    let house = House::with(|settings| settings.provider_timeout_ms = 300);
    let (tenant, _, due) = owing(&house, Some("pm_card_visa"));
    // Charged, and the answer dropped; then the card is replaced, which must not change the question.
    house.dials(json!({ "dropNext": 1 }));
    house.tick(due);
    assert_eq!(house.ledger().count, 1);
    assert_eq!(attempts(&invoice(&house, &tenant)), [(1, "started".into(), None)]);
    house.card(&tenant, "pm_card_mastercard");
    house.dials(json!({ "errorPerMille": 1000 }));
    for seconds in [1, 3, 8] {
        house.tick(due + TimeDelta::seconds(seconds));
    }
    // The provider tells of the charge although it takes none at the moment: reading isn't hit by the dials.
    assert_eq!(attempts(&invoice(&house, &tenant)), [(1, "succeeded".into(), None)]);
    assert_eq!((house.ledger().count, house.ledger().amount), (1, 4900));
}

#[test]
fn a_provider_in_trouble_makes_nobody_overdue() {
    let house = House::with(|settings| settings.provider_timeout_ms = 200);
    let (tenant, id, due) = owing(&house, Some("pm_card_visa"));
    house.dials(json!({ "errorNext": 1_000_000 }));
    for day in 0..20 {
        house.tick(due + TimeDelta::days(day));
        assert_eq!(house.standing(&tenant), "active", "day {day}");
    }
    house.go_to(due + TimeDelta::days(20));
    let busy = house.pay(&tenant, &id).expect(503);
    assert!(busy.header("retry-after").is_some());
    assert_eq!(attempts(&invoice(&house, &tenant)), [(1, "started".into(), None)]);
    house.dials(json!({}));
    assert_eq!(house.pay(&tenant, &id).expect(200).json()["status"], "paid");
    assert_eq!(house.ledger().count, 1);
}

kit::statement! {
    /// What was told of an invoice.
    struct Told<'a>(invoice: &'a str as Text) -> Text =
        "select c.kind from billing.changes c where c.entity_id = $1 order by c.id"
}

/// Two who ask for the same attempt get the same answer; it is written down once, and a later one changes nothing.
#[test]
fn an_answer_is_written_down_once() {
    let house = House::new();
    let (tenant, id, due) = owing(&house, Some("pm_card_visa"));
    let (db, terms) = (pools(&house.db), settings(&house.sandbox.url).terms());
    let meta = kit::Meta { actor: None, request_id: "test".into(), now: due };
    let (started, _) = db.write(|c| attempts::start_due(c, 10, terms, &meta)).unwrap();
    let payment_id = "pi_test".to_owned();
    let paid = Outcome::Paid { payment_id };
    let failed = Outcome::no_payment_method();
    for outcome in [&paid, &paid, &failed] {
        db.write(|c| outcomes::record_outcome(c, &started[0], outcome, terms, &meta)).unwrap();
    }
    let shown = invoice(&house, &tenant);
    assert_eq!((&shown["status"], attempts(&shown)), (&json!("paid"), vec![(1, "succeeded".into(), None)]));
    let told: Vec<String> = house.rows(Told { invoice: &id });
    assert_eq!(told, ["UpcomingPayment", "InvoicePaid"]);
}

#[test]
fn by_hand_and_by_itself_at_once_is_one_charge() {
    let house = House::with_pools(8, |_| {});
    house.dials(json!({ "latencyMs": 20 }));
    for round in 0..5 {
        let tenant = house.world.tenant("team");
        house.card(&tenant, "pm_card_visa");
        let (period, time) = this_month();
        let period = (0..round).fold(period, |period, _| period.before());
        house.made_at(&tenant, period.before().end());
        house.go_to(time);
        house.run(period).expect(202);
        house.tick(time);
        let invoices = house.invoices(&tenant);
        let id = invoices.iter().find(|i| i["period"] == period.to_string()).unwrap()["id"].as_str().unwrap();
        let path = tenant.path(&format!("/invoices/{id}/payments"));
        let calls: Vec<_> = (0..6).map(|_| house.admin(&tenant, house.api().post(&path))).collect();
        let others = [house.other_work(|_| {}), house.other_work(|_| {})];
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let by_hand: Vec<_> = calls.into_iter().map(|call| scope.spawn(move || call.send().status)).collect();
            let due = time + TimeDelta::days(3);
            let by_itself: Vec<_> = others.iter().map(|work| scope.spawn(move || work.tick(&due))).collect();
            by_itself.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
            by_hand.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(statuses.iter().all(|status| matches!(status, 200 | 409 | 503)), "{statuses:?}");
        house.tick(time + TimeDelta::days(4));
        let charges = house.ledger().charges;
        let of_invoice = charges.iter().filter(|c| c["metadata"]["attempt"].as_str().unwrap().contains(id));
        assert_eq!(of_invoice.count(), 1);
    }
}
