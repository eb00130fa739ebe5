//! Billing's months, by its own schedule, while it and its neighbours are killed: everybody is billed once, and for what there is.

use std::thread;
use std::time::{Duration, Instant};

use behaviour::assert::eventually;
use behaviour::json;
use billing::period::Period;
use chrono::{TimeDelta, Utc};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::deployment::{Deployment, Plan};
use crate::kills::kills;

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
const TENANTS: usize = 20;

/// What each organisation has, by its owners' own tables.
type Row = (uuid::Uuid, String, i64, i64, i64, i64);

#[test]
fn each_month_is_billed_once_from_whole_answers_whatever_is_killed() {
    let deployment = Deployment::new(Plan { processes: true, billing: SETTINGS, ..Plan::default() });
    let mut period = Period::of(Utc::now());
    let tenants: Vec<_> = (0..TENANTS).map(|n| deployment.world.tenant(["payg", "team"][n % 2])).collect();
    for (n, tenant) in tenants.iter().enumerate() {
        let card = deployment.api("billing").put(&tenant.path("/payment-method")).token(&tenant.admin_token);
        card.json(&json!({"paymentMethodToken": "pm_card_visa"})).send().expect(201);
        for domain in 0..n % 4 {
            let post = deployment.api("registry").post(&tenant.path("/domains")).token(&tenant.admin_token);
            post.json(&json!({"name": format!("D{domain}")})).send().expect(201);
        }
    }
    let has = owned(&deployment);
    assert_eq!(has.len(), TENANTS + 1, "and the operators");
    let (mut chance, mut left, mut months) = (SmallRng::seed_from_u64(11), kills(), 0);
    while left > 0 || months == 0 {
        let ahead = period.run_at() - Utc::now() + TimeDelta::seconds(5);
        // In one step: a service that reads half a file takes the system's time.
        let (clock, new) = (deployment.folder.path().join("clock"), deployment.folder.path().join("clock.new"));
        std::fs::write(&new, format!("+{}", ahead.num_seconds())).unwrap();
        std::fs::rename(&new, &clock).unwrap();
        while left > 0 && !is_done(&deployment, period) {
            left -= 1;
            let whom = ["billing", "billing", "account", "profile", "registry"][chance.random_range(0..5)];
            let moment = Instant::now() + Duration::from_micros(chance.random_range(0..250_000));
            while Instant::now() < moment {
                thread::yield_now();
            }
            deployment.kill(whom);
        }
        until_done(&deployment, period);
        assert_eq!(billed(&deployment, period), has, "{period}: each once, and for what it has");
        months += 1;
        period = period.after();
    }
    // The one before was due at the start already, and nobody was there then.
    assert_eq!(billed(&deployment, Period::of(Utc::now()).before()), []);
    let ledger = behaviour::http::Client::new().api(&deployment.sandbox.url).root("/ledger").send().expect(200).json();
    let charges: Vec<_> =
        ledger["charges"].as_array().unwrap().iter().filter(|one| one["status"] == "succeeded").collect();
    println!("{} kills, {months} months, {} charges", kills(), charges.len());
    // Who pays by use pays for people at least; a team pays a fixed price.
    assert_eq!(charges.len(), months * TENANTS);
}

fn count(deployment: &Deployment, sql: &str) -> i64 {
    deployment.connect("billing", "superuser").query_one(sql, &[]).unwrap().get(0)
}

fn is_done(deployment: &Deployment, period: Period) -> bool {
    count(deployment, &format!("select count(*) from billing.runs where period = '{period}' and status = 'done'")) == 1
}

fn until_done(deployment: &Deployment, period: Period) {
    eventually("the month is billed", || is_done(deployment, period).then_some(()));
}

/// The items and invoices of a period.
fn billed(deployment: &Deployment, period: Period) -> Vec<Row> {
    let sql = "select i.organisation_id, i.plan_code, i.apis::bigint, i.domains::bigint, i.sub_domains::bigint, i.users::bigint
        from billing.run_items i join billing.runs r on r.id = i.run_id
        join billing.invoices v on v.organisation_id = i.organisation_id and v.run_id = r.id
        where r.period = $1 order by 1";
    rows(deployment.connect("billing", "superuser").query(sql, &[&period.to_string()]).unwrap())
}

/// Joined from three databases.
fn owned(deployment: &Deployment) -> Vec<Row> {
    let all = |service: &str, sql: &str| deployment.connect(service, "superuser").query(sql, &[]).unwrap();
    let usage = all(
        "registry",
        "select organisation_id, apis::bigint, domains::bigint, sub_domains::bigint from published.usage",
    );
    let people = all("profile", "select organisation_id, users::bigint from published.head_counts");
    let organisations = all("account", "select id, plan_code from published.organisations order by 1");
    organisations
        .iter()
        .map(|row| {
            let id: uuid::Uuid = row.get(0);
            let used = usage.iter().find(|row| row.get::<_, uuid::Uuid>(0) == id);
            let used = |column: usize| used.map_or(0, |row| row.get(column));
            let users = people.iter().find(|row| row.get::<_, uuid::Uuid>(0) == id).map_or(0, |row| row.get(1));
            (id, row.get(1), used(1), used(2), used(3), users)
        })
        .collect()
}

fn rows(rows: Vec<postgres::Row>) -> Vec<Row> {
    let row = |row: &postgres::Row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5));
    rows.iter().map(row).collect()
}
