//! Every step leaves exactly the rows that `docs/contract/changes.yaml` names for it, and no other key.

use std::collections::{BTreeMap, BTreeSet};

use behaviour::assert::{changes, eventually, keys};
use behaviour::{Tenant, Value, json};
use chrono::{DateTime, TimeDelta, Utc};

use crate::house::{House, this_month};

/// This service's part of `changes.yaml`.
pub struct Declared {
    pub endpoints: BTreeMap<String, Vec<String>>,
    pub jobs: BTreeMap<String, Vec<String>>,
    pub kinds: BTreeMap<String, Vec<String>>,
}

pub fn declared() -> Declared {
    let all: Value = serde_yaml_ng::from_str(include_str!("../../../../docs/contract/changes.yaml")).unwrap();
    let part = |name: &str| serde_json::from_value(all["billing"][name].clone()).unwrap();
    Declared { endpoints: part("endpoints"), jobs: part("jobs"), kinds: part("kinds") }
}

type Row = (String, String, i64, Option<uuid::Uuid>, String, DateTime<Utc>, Option<Value>, Option<Value>);

kit::statement! {
    /// An organisation's rows, in the order of their writing.
    struct Changes(org: uuid::Uuid as Uuid) -> (Text, Text, BigInt, Nullable<Uuid>, Text, Timestamptz, Nullable<Jsonb>, Nullable<Jsonb>) =
        "select c.kind, c.entity_id, c.version, c.actor_id, c.request_id, c.at, c.before, c.after \
         from billing.changes c where c.organisation_id = $1 order by c.id"
}

/// What is done, and the rows it leaves: `kind job-or-"hand"`.
type Step = (f64, Option<fn(&House, &Tenant)>, &'static [&'static str]);

fn good_card(house: &House, tenant: &Tenant) {
    house.card(tenant, "pm_card_visa");
}

fn pay(house: &House, tenant: &Tenant) {
    let id = house.invoices(tenant)[0]["id"].as_str().unwrap().to_owned();
    house.pay(tenant, &id).expect(200);
}

fn declined(house: &House, tenant: &Tenant) {
    let id = house.invoices(tenant)[0]["id"].as_str().unwrap().to_owned();
    house.pay(tenant, &id).expect(409);
}

/// A life in which everything happens: on which day, what, and what is told of it.
const LIFE: &[Step] = &[
    (-3.0, None, &["UpcomingPayment invoicing"]),
    (-1.0, None, &[]),
    (0.0, None, &["PaymentFailed charging"]),
    (0.25, None, &[]),
    (1.0, None, &["PaymentFailed charging"]),
    (2.1, Some(declined), &["PaymentFailed hand"]),
    (3.0, None, &["PaymentFailed charging"]),
    (7.0, None, &["PaymentFailed charging", "PaymentOverdue charging"]),
    (8.1, Some(declined), &["PaymentFailed hand"]),
    (13.9, None, &[]),
    (14.0, None, &["OrganisationFrozen freezing"]),
    (15.0, None, &[]),
    (15.1, Some(good_card), &[]),
    (15.2, Some(pay), &["InvoicePaid hand", "OrganisationUnfrozen hand"]),
    (16.0, None, &[]),
];

#[test]
fn every_step_leaves_what_is_declared() {
    let house = House::new();
    let declared = declared();
    let (tenant, free) = (house.world.tenant("team"), house.world.tenant("free"));
    house.card(&tenant, "pm_card_chargeCustomerFail");
    let (period, time) = this_month();
    house.go_to(time);
    house.run(period).expect(202);
    let (mut seen, mut versions) = (0, BTreeMap::<String, i64>::new());
    let mut told = BTreeSet::new();
    for (day, act, expected) in LIFE {
        let now = time + TimeDelta::days(3) + TimeDelta::seconds((day * 86_400.0) as i64);
        house.go_to(now);
        match act {
            Some(act) => act(&house, &tenant),
            None => house.tick(now),
        }
        let rows: Vec<Row> = house.rows(Changes { org: tenant.org });
        let new = &rows[seen..];
        seen = rows.len();
        let by = |row: &Row| row.4.split('-').next().filter(|_| row.3.is_none()).unwrap_or("hand").to_owned();
        let kinds: Vec<String> = new.iter().map(|row| format!("{} {}", row.0, by(row))).collect();
        assert_eq!(kinds, *expected, "day {day}");
        for row in new {
            told.insert(row.0.clone());
            check(&house, &tenant, &declared, row, &by(row));
            let version = versions.entry(row.1.clone()).or_default();
            assert!(row.2 >= *version, "versions of an entity only rise");
            *version = row.2;
        }
    }
    assert_eq!(told, declared.kinds.keys().cloned().collect(), "every kind was seen");
    let rows: Vec<Row> = house.rows(Changes { org: free.org });
    let [paid] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((paid.0.as_str(), &paid.7.as_ref().unwrap()["amountCents"]), ("InvoicePaid", &json!(0)));
    check(&house, &free, &declared, paid, "invoicing");
}

fn check(house: &House, tenant: &Tenant, declared: &Declared, row: &Row, by: &str) {
    let (kind, entity, _, actor, _, _, before, after) = row;
    let allowed = if by == "hand" { &declared.endpoints["create_payment"] } else { &declared.jobs[by] };
    assert!(allowed.contains(kind), "{kind} by {by}");
    assert_eq!(*actor, (by == "hand").then_some(tenant.admin_login), "{kind}");
    let organisation = kind.starts_with("Organisation");
    let invoice = house.invoices(tenant)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(*entity, if organisation { tenant.org.to_string() } else { invoice }, "{kind}");
    let created = by == "invoicing";
    assert_eq!(before.is_none(), created, "{kind}: before");
    let mut expected = declared.kinds[kind].clone();
    expected.sort();
    for side in [before, after].into_iter().flatten() {
        assert_eq!(keys(side), expected, "{kind}");
        assert!(!side.to_string().contains("pm_") && !side.to_string().contains("cus_"), "a token in {side}");
    }
}

#[test]
fn the_feed_shows_them_to_the_organisation_and_to_operators_alone() {
    let house = House::new();
    let (tenant, other) = (house.world.tenant("team"), house.world.tenant("team"));
    let (period, time) = this_month();
    house.made_at(&other, period.end());
    house.go_to(time);
    house.run(period).expect(202);
    house.tick(time);
    let token = |tenant: &Tenant| house.token(tenant);
    let feed = |tenant: &Tenant| changes(&house.api(), &tenant.path("/billing-changes"), &token(tenant), None).0;
    let items = eventually("the change is in the feed", || Some(feed(&tenant)).filter(|items| !items.is_empty()));
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0]["kind"], &items[0]["actorId"]), (&json!("UpcomingPayment"), &json!(null)));
    assert_eq!(items[0]["after"]["amountCents"], 4900);
    assert_eq!(feed(&other), Vec::<Value>::new());
    let operator = house.world.fixture.operator_token();
    assert_eq!(changes(&house.api(), "/billing-changes", &operator, None).0, items);
    house.api().get("/billing-changes").token(&token(&tenant)).send().expect(403);
}

#[test]
fn nothing_is_told_of_what_is_refused_or_done_again() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    let (period, time) = this_month();
    house.go_to(time);
    house.run(period).expect(202);
    house.tick(time);
    house.run(period).expect(200);
    house.tick(time);
    let id = house.invoices(&tenant)[0]["id"].as_str().unwrap().to_owned();
    house.pay(&tenant, &id).expect(409);
    house.card(&tenant, "pm_card_visa");
    let path = tenant.path(&format!("/invoices/{id}/payments"));
    let pay = || house.admin(&tenant, house.api().post(&path).idempotency_key("k")).send();
    assert_eq!(pay().expect(200).json(), pay().expect(200).json());
    house.pay(&tenant, &id).expect(409);
    let rows: Vec<Row> = house.rows(Changes { org: tenant.org });
    let kinds: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(kinds, ["UpcomingPayment", "InvoicePaid"]);
}
