//! Billing's month by its own schedule while it and what it depends on are killed: everybody is billed once for what there is, and charged once.

use std::time::Duration;

use behaviour::assert::eventually;
use behaviour::json;
use billing::period::Period;
use chrono::{TimeDelta, Utc};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use uuid::Uuid;

use crate::deployment::{Deployment, Victim};
use crate::kills::{kills, moment, order};

const SETTINGS: &[&str] = &[
    "--schedule=true",
    "--invoice-batch=3",
    "--charge-batch=2",
    "--charge-parallel=2",
    "--lease-ms=300",
    "--ask-again-ms=250",
    "--notice-days=0",
    "--freeze-days=365",
];
const TENANTS: usize = 6;

/// An organisation, its plan, and what it has.
type Row = (Uuid, String, i64, i64, i64, i64);

#[test]
#[ignore = "takes minutes: KILLS=60, and --ignored"]
fn each_month_is_billed_and_charged_once_whatever_is_killed() {
    let kills = kills();
    let Some(deployment) = Deployment::apart(SETTINGS) else { return };
    let mut period = Period::of(Utc::now());
    let tenants: Vec<_> = (0..TENANTS).map(|n| deployment.world.tenant(["payg", "team"][n % 2])).collect();
    for (n, tenant) in tenants.iter().enumerate() {
        let card = deployment.world.billing().put(&tenant.path("/payment-method")).token(&tenant.admin_token);
        card.json(&json!({"paymentMethodToken": "pm_card_visa"})).send().expect(201);
        for domain in 0..n % 4 {
            let post = deployment.world.registry().post(&tenant.path("/domains")).token(&tenant.admin_token);
            post.json(&json!({"name": format!("D{domain}")})).send().expect(201);
        }
    }
    let has = owned(&deployment);
    assert_eq!(has.len(), TENANTS + 1, "and the operators");
    let whom = [
        Victim::Service("billing"),
        Victim::Database("billing"),
        Victim::Ingester("billing"),
        Victim::Relay("billing"),
        Victim::Broker,
    ];
    let (mut chance, mut months) = (SmallRng::seed_from_u64(11), 0);
    let mut left = order(&mut chance, &whom, kills).into_iter();
    while left.len() > 0 || months == 0 {
        let ahead = period.run_at() - Utc::now() + TimeDelta::seconds(5);
        // In one step: a service that reads half a file takes the system's time.
        let (clock, new) = (deployment.folder.path().join("clock"), deployment.folder.path().join("clock.new"));
        std::fs::write(&new, format!("+{}", ahead.num_seconds())).unwrap();
        std::fs::rename(&new, &clock).unwrap();
        while !is_done(&deployment, period) {
            let Some(victim) = left.next() else { break };
            moment(&mut chance, Duration::from_millis(250));
            deployment.kill(victim);
        }
        eventually("the month is billed", || is_done(&deployment, period).then_some(()));
        assert_eq!(billed(&deployment, period), has, "{period}: each once, and for what it has");
        months += 1;
        period = period.after();
    }
    deployment.recovered();
    let text = "select count(*), coalesce(sum(amount_cents), 0)::bigint from billing.invoices where status = 'paid'";
    let row = deployment.ground.connect("billing").query_one(text, &[]).unwrap();
    let paid: (i64, i64) = (row.get(0), row.get(1));
    let ledger = behaviour::Client::new().api(&deployment.sandbox.url).root("/ledger").send().expect(200).json();
    println!("{kills} kills, {months} months, {paid:?} paid");
    assert_eq!((&ledger["count"], &ledger["amount"]), (&json!(paid.0), &json!(paid.1)), "charged is what was paid");
    // Who pays by use pays for people at least; a team pays a fixed price.
    assert_eq!(paid.0, (months * TENANTS) as i64);
}

fn is_done(deployment: &Deployment, period: Period) -> bool {
    let text = format!("select count(*) from billing.runs where period = '{period}' and status = 'done'");
    deployment.ground.connect("billing").query_one(&text, &[]).unwrap().get::<_, i64>(0) == 1
}

/// The items and invoices of a period.
fn billed(deployment: &Deployment, period: Period) -> Vec<Row> {
    let text =
        "select i.organisation_id, i.plan_code, i.apis::bigint, i.domains::bigint, i.sub_domains::bigint, i.users::bigint
        from billing.run_items i join billing.runs r on r.id = i.run_id
        join billing.invoices v on v.organisation_id = i.organisation_id and v.run_id = r.id
        where r.period = $1 order by 1";
    let rows = deployment.ground.connect("billing").query(text, &[&period.to_string()]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5))).collect()
}

/// What each organisation has, by its owners' own databases.
fn owned(deployment: &Deployment) -> Vec<Row> {
    let all = |service: &str, text: &str| deployment.ground.connect(service).query(text, &[]).unwrap();
    let usage = all(
        "registry",
        "select organisation_id, apis::bigint, domains::bigint, sub_domains::bigint from published.usage",
    );
    let people = all("profile", "select organisation_id, users::bigint from published.head_counts");
    let organisations = all("account", "select id, plan_code from published.organisations order by 1");
    let rows = organisations.iter().map(|row| {
        let id: Uuid = row.get(0);
        let of = |rows: &[postgres::Row], column: usize| {
            rows.iter().find(|row| row.get::<_, Uuid>(0) == id).map_or(0, |row| row.get(column))
        };
        (id, row.get(1), of(&usage, 1), of(&usage, 2), of(&usage, 3), of(&people, 1))
    });
    rows.collect()
}
