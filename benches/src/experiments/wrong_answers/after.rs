//! What must hold whatever was stopped, counted once all is well again: changes told, mails, charges.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use behaviour::Client;
use postgres::types::ToSql;
use serde_json::Value;
use uuid::Uuid;

use super::outcome::{Count, Row};
use crate::Failure;
use crate::data::{connect, failed};
use crate::measure::{audit, month};
use crate::system::{Deployment, Site, clock};

/// How long what is under way may take to be done.
const DONE_WITHIN: Duration = Duration::from_secs(300);
/// From an invoice to its charge, and a little more.
const CHARGED_AFTER_S: i64 = 3 * 86_400 + 60;
/// Audits that count what a time to live costs: they are expected to find something.
const BY_TTL: [&str; 2] = ["plan limits exceeded", "owners of another organisation or none"];
/// Audits of what is told.
const TOLD: [&str; 3] = [
    "recipients told twice of one change",
    "watchers of a change not told exactly once",
    "changes that Notification hasn't read",
];

/// Waits until a count in a service's database is nought.
fn wait(deployment: &Deployment, service: &str, count: &str, what: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + DONE_WITHIN;
    loop {
        let left = number(deployment, service, count, &[])?;
        if left == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failure::could_not_run(format!("{what} within {} s: {left} left.", DONE_WITHIN.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn number(
    deployment: &Deployment,
    service: &str,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<i64, Failure> {
    let mut client = connect(deployment.database_of(service)?)?;
    Ok(client.query_one(sql, parameters).map_err(|error| failed("counting", &error))?.get(0))
}

/// A month that is billed while services are stopped.
pub struct Month {
    period: String,
    organisations: Vec<Uuid>,
}

impl Month {
    /// All organisations have a card.
    pub fn prepare(deployment: &Deployment) -> Result<Self, Failure> {
        let organisations: Vec<Uuid> = deployment.data().organisations.iter().map(|of| of.id).collect();
        let (customer, token) = month::card(&month::sandbox(deployment.place())?)?;
        connect(deployment.database_of("billing")?)?
            .execute(
                "insert into billing.payment_methods (organisation_id, customer_id, token, brand, last_four, expiry_month, expiry_year, \
                    version, created_at, updated_at) \
                 select id, $2, $3, 'visa', '4242', 12, 2099, 1, now(), now() from unnest($1::uuid[]) id",
                &[&organisations, &customer, &token],
            )
            .map_err(|error| failed("giving all organisations a card", &error))?;
        // Two months back: the last month's run may begin by itself at any time.
        Ok(Self { period: month::period(2), organisations })
    }

    /// Orders it once the first service is stopped: it waits, or is refused and ordered again.
    pub fn order(&self, deployment: &Deployment, over: &AtomicBool) -> Result<(), Failure> {
        let ordered = || {
            let answer = month::order(deployment.place(), &self.period);
            answer.ok().is_some_and(|answer| [200, 202].contains(&answer.status))
        };
        while !over.load(Ordering::Relaxed) {
            if deployment.process_id("profile").is_none() && ordered() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        if ordered() { Ok(()) } else { Err(Failure::could_not_run("No month's run can be ordered.")) }
    }

    /// Lets invoices be written and charged: how many were paid, and how many charges are wrong.
    fn charged(&self, deployment: &Deployment) -> Result<(u64, u64), Failure> {
        let run = format!("select count(*) from billing.runs where period = '{}' and status", self.period);
        wait(deployment, "billing", &format!("{run} in ('pending', 'invoicing')"), "Not all invoices were written")?;
        clock::run(clock::Move::By(CHARGED_AFTER_S), deployment.up_json())?;
        wait(deployment, "billing", &format!("{run} <> 'done'"), "Not all invoices were charged")?;
        let price = "select monthly_price_cents from account.plans where code = 'enterprise'";
        let price = number(deployment, "account", price, &[])?;
        // At the month's end all had this plan.
        let right = "select count(*) from billing.invoices i where i.organisation_id = any ($1) and i.period = $2 \
            and i.status = 'paid' and i.amount_cents = $3";
        let right = number(deployment, "billing", right, &[&self.organisations, &self.period, &price])?;
        let paid = "select count(*) from billing.payment_attempts where outcome = 'succeeded'";
        let paid = number(deployment, "billing", paid, &[])?;
        let ledger = month::sandbox(deployment.place())?.root("/ledger").try_send()?.check(200)?.value();
        let charged = |name: &str| ledger[name].as_i64().unwrap_or_default();
        let owed = self.organisations.len() as i64;
        let wrong = owed.abs_diff(right) + paid.abs_diff(charged("count"));
        Ok((charged("count").unsigned_abs(), wrong + u64::from(charged("amount") != paid * price)))
    }
}

/// Mails that arrived, those that never did, and repeats.
fn mails(deployment: &Deployment) -> Result<[u64; 3], Failure> {
    let waiting = "select count(*) from notification.deliveries where status = 'waiting'";
    wait(deployment, "notification", waiting, "Not all mails were sent")?;
    let mailbox = deployment.place().mailbox.as_ref();
    let mailbox = mailbox.ok_or_else(|| Failure::could_not_run("The system has no mailbox."))?;
    let listed = Client::new().api(mailbox).root("/mails?limit=10000000").try_send()?.check(200)?.value();
    let mut arrived: HashMap<Uuid, u64> = HashMap::new();
    for id in listed["items"].as_array().into_iter().flatten().filter_map(delivery) {
        *arrived.entry(id).or_default() += 1;
    }
    let mut client = connect(deployment.database_of("notification")?)?;
    let all = client.query("select id from notification.deliveries", &[]);
    let all = all.map_err(|error| failed("reading deliveries", &error))?;
    let lost = all.iter().filter(|row| !arrived.contains_key(&row.get(0))).count() as u64;
    let twice = arrived.values().map(|times| times - 1).sum();
    Ok([arrived.len() as u64, lost, twice])
}

/// The delivery that a mail is, by its Message-ID: `<id@domain>`.
fn delivery(mail: &Value) -> Option<Uuid> {
    mail["messageId"].as_str()?.trim_start_matches('<').split('@').next()?.parse().ok()
}

/// All that is known at the end.
pub fn row(
    deployment: &Deployment,
    month: &Month,
    ttl_s: u64,
    [frozen, above_plan, gone]: [Count; 3],
) -> Result<Row, Failure> {
    let mut counted = BTreeMap::new();
    audit::audit(|| deployment.audited(), &deployment.written().acknowledged(), &mut counted)?;
    let mut sum = |names: &[&str]| names.iter().map(|name| counted.remove(*name).unwrap_or_default()).sum::<i64>();
    let (told_wrongly, [above, orphans]) = (sum(&TOLD), BY_TTL.map(|name| sum(&[name])));
    let [mails, mails_lost, mails_twice] = mails(deployment)?;
    let (charges, wrong_charges) = month.charged(deployment)?;
    counted.retain(|_, count| *count != 0);
    Ok(Row {
        ttl_s,
        frozen,
        above_plan,
        gone,
        organisations_above: above,
        orphans,
        told_wrongly,
        mails,
        mails_lost,
        mails_twice,
        charges,
        wrong_charges,
        counted,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mail_names_its_delivery() {
        let id = Uuid::from_u128(7);
        assert_eq!(delivery(&json!({ "messageId": format!("<{id}@govrnanza.example>") })), Some(id));
        assert_eq!(delivery(&json!({ "messageId": "<x@y>" })), None);
    }
}
