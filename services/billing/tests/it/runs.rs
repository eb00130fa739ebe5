//! The monthly run: one snapshot, one invoice for each organisation, whoever works on it.

use behaviour::assert::problem_of;
use behaviour::{Tenant, json};
use billing::period::Period;
use chrono::TimeDelta;

use crate::house::{House, this_month};

/// Tenants on all four plans, some with counts.
fn town(house: &House, size: usize) -> Vec<Tenant> {
    (0..size)
        .map(|n| {
            let tenant = house.world.tenant(["free", "team", "enterprise", "payg"][n % 4]);
            if n % 8 != 3 {
                let n = i32::try_from(n).unwrap();
                house.usage(&tenant, n * 3, n % 5, n % 7);
            }
            tenant
        })
        .collect()
}

kit::statement! {
    /// Invoices whose amount isn't the sum of their lines, or whose lines aren't quantity times price.
    pub struct Wrong() -> (Uuid, BigInt, Nullable<BigInt>) =
        "select i.id, i.amount_cents, sum(l.quantity * l.unit_price_cents)::bigint from billing.invoices i \
         left join billing.invoice_lines l on l.organisation_id = i.organisation_id and l.invoice_id = i.id \
         group by i.organisation_id, i.id having i.amount_cents is distinct from sum(l.quantity * l.unit_price_cents)::bigint \
         or bool_or(l.amount_cents <> l.quantity * l.unit_price_cents)"
}

kit::statement! {
    /// Plan, amount and status of every invoice.
    pub struct Amounts() -> (Uuid, Text, BigInt, Text, Nullable<Timestamptz>) =
        "select i.organisation_id, i.period, i.amount_cents, i.status, i.next_attempt_at from billing.invoices i"
}

pub type Amount = (uuid::Uuid, String, i64, String, Option<chrono::DateTime<chrono::Utc>>);

#[test]
fn every_plan_costs_what_it_says() {
    let house = House::new();
    let tenants = town(&house, 24);
    let late = house.world.tenant("team");
    let (period, time) = this_month();
    house.made_at(&late, period.end());
    house.go_to(time);
    let accepted = house.run(period).expect(202);
    house.tick(time);
    let path = accepted.header("location").unwrap().replace("/api/v1", "");
    let run = house.api().get(&path).token(&house.world.fixture.operator_token()).send().expect(200);
    assert_eq!(run.json()["status"], "charging", "{}", run.describe());
    assert_eq!((&run.json()["organisations"], &run.json()["invoices"]), (&json!(24), &json!(24)));
    let amounts: Vec<Amount> = house.rows(Amounts {});
    assert_eq!(amounts.len(), 24);
    for (n, tenant) in tenants.iter().enumerate() {
        let (_, of, amount, status, next) = amounts.iter().find(|amount| amount.0 == tenant.org).unwrap();
        let n = i64::try_from(n).unwrap();
        let counted = if n % 8 == 3 { 0 } else { n * 3 * 50 + n % 5 * 200 + n % 7 * 100 };
        let expected = [0, 4900, 99900, counted + 2 * 150][usize::try_from(n % 4).unwrap()];
        assert_eq!(*amount, expected, "tenant {n}");
        assert_eq!(*of, period.to_string());
        let zero = expected == 0;
        assert_eq!(status, if zero { "paid" } else { "open" });
        assert_eq!(*next, (!zero).then(|| time + TimeDelta::days(3)));
    }
    assert_eq!(house.rows::<_, (uuid::Uuid, i64, Option<i64>)>(Wrong {}), []);
    let sum: i64 = amounts.iter().map(|amount| amount.2).sum();
    assert_eq!(run.json()["amountCents"], json!(sum));
    assert_eq!(house.ledger().count, 0, "nothing is charged before the notice is over");
}

#[test]
fn charged_after_the_notice_and_done() {
    let house = House::new();
    let tenants = town(&house, 24);
    tenants.iter().for_each(|tenant| house.card(tenant, "pm_card_visa"));
    let (period, time) = this_month();
    house.go_to(time);
    house.run(period).expect(202);
    house.tick(time);
    house.tick(time + TimeDelta::days(3) - TimeDelta::microseconds(1));
    assert_eq!(house.ledger().count, 0);
    house.tick(time + TimeDelta::days(3));
    let amounts: Vec<Amount> = house.rows(Amounts {});
    assert!(amounts.iter().all(|amount| amount.3 == "paid" && amount.4.is_none()));
    let charged: Vec<i64> = amounts.iter().map(|amount| amount.2).filter(|amount| *amount > 0).collect();
    let ledger = house.ledger();
    assert_eq!(ledger.count, u64::try_from(charged.len()).unwrap());
    assert_eq!(ledger.amount, charged.iter().sum::<i64>());
    let again = house.run(period).expect(200);
    assert_eq!(again.json()["status"], "done");
}

#[test]
fn two_instances_make_one_run() {
    let house = House::new();
    let tenants = town(&house, 120);
    tenants.iter().for_each(|tenant| house.card(tenant, "pm_card_visa"));
    let (period, time) = this_month();
    house.go_to(time);
    house.run(period).expect(202);
    let others = [house.other_work(|_| {}), house.other_work(|s| s.invoice_batch = 7)];
    for time in [time, time + TimeDelta::days(3)] {
        // No lease keeps them apart here: both do all of it at the same time.
        std::thread::scope(|scope| {
            let threads = others.each_ref().map(|work| scope.spawn(move || work.tick(&time)));
            for thread in threads {
                thread.join().unwrap().unwrap();
            }
        });
        // Whatever one left to the other because it was locked.
        house.tick(time);
    }
    let amounts: Vec<Amount> = house.rows(Amounts {});
    assert_eq!(amounts.len(), tenants.len());
    assert!(amounts.iter().all(|amount| amount.3 == "paid"));
    assert_eq!(house.rows::<_, (uuid::Uuid, i64, Option<i64>)>(Wrong {}), []);
    let ledger = house.ledger();
    assert_eq!(ledger.amount, amounts.iter().map(|amount| amount.2).sum::<i64>());
    assert_eq!(ledger.count, amounts.iter().filter(|amount| amount.2 > 0).count() as u64);
    let run = house.run(period).expect(200).json();
    assert_eq!((&run["status"], &run["invoices"]), (&json!("done"), &json!(120)));
    assert_eq!(run["amountCents"], json!(ledger.amount));
}

#[test]
fn periods_that_cannot_be_billed() {
    let house = House::new();
    house.world.tenant("team");
    let (period, time) = this_month();
    let operator = house.world.fixture.operator_token();
    let post = |body: behaviour::Value| house.api().post("/billing-runs").token(&operator).json(&body).send();
    for malformed in ["", "2026", "2026-13", "2026-1", "2026-10-01", "October", "2026-10 "] {
        problem_of(&post(json!({ "period": malformed })), 422, "invalid");
    }
    for unreadable in
        [json!({}), json!({ "period": 202610 }), json!({ "period": null }), json!({ "period": "2026-10", "x": 1 })]
    {
        problem_of(&post(unreadable), 400, "bad-request");
    }
    problem_of(&house.run(period), 409, "period-not-over");
    problem_of(&house.run(period.after()), 409, "period-not-over");
    house.go_to(period.end() - TimeDelta::seconds(30));
    let operator = house.world.fixture.operator_token();
    problem_of(&house.run(period), 409, "period-not-over");
    let runs = house.api().get("/billing-runs").token(&operator).send().expect(200).json();
    assert_eq!(runs["items"], json!([]), "nothing was begun");
    house.go_to(time);
    let first = house.run(period).expect(202);
    let again = house.run(period).expect(200);
    assert_eq!(first.json(), again.json());
    assert_eq!(first.etag(), again.etag());
}

kit::statement! {
    /// All runs.
    struct Periods() -> Text = "select r.period from billing.runs r order by r.period"
}

#[test]
fn the_first_of_the_month_begins_a_run() {
    let house = House::with(|settings| settings.schedule = true);
    let (period, time) = this_month();
    let periods = || house.rows::<_, String>(Periods {});
    house.tick(time - TimeDelta::minutes(1));
    let before: Vec<String> = vec![period.before().to_string()];
    assert_eq!(periods(), before, "the month before is due all this month");
    house.tick(time);
    house.tick(time);
    let names = |periods: &[Period]| periods.iter().map(Period::to_string).collect::<Vec<_>>();
    assert_eq!(periods(), names(&[period.before(), period]));
    // Nobody was there for two months: their runs are made up for.
    let later = period.after().after();
    house.tick(later.run_at());
    assert_eq!(periods(), names(&[period.before(), period, period.after(), later]));
}
