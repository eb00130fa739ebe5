//! The organisations that are billed, and the same rows written barely.

use std::time::{Duration, Instant};

use chrono::{Datelike, Utc};
use postgres::Client;
use serde_json::{Value, json};

use super::Settings;
use crate::Failure;
use crate::data::failed;
use crate::system::Deployment;

/// Makes organisations on all plans, a quarter of them pay-as-you-go with counts, all with a card; and the period to bill.
///
/// Written as rows: signing a hundred thousand up would take longer than everything that is measured.
pub(super) fn make(client: &mut Client, deployment: &Deployment, settings: Settings) -> Result<String, Failure> {
    let payments = deployment.place().payments.clone();
    let payments = payments.ok_or_else(|| Failure::could_not_run("There is no payment sandbox."))?;
    let (customer, token) = card(&payments)?;
    let latency = json!({ "latencyMs": settings.latency_ms });
    post(&format!("{payments}/control"), None, &latency)?;
    let organisations = i64::from(settings.organisations);
    let made = client
        .execute(
            "insert into account.organisations (id, name, plan_code, version, created_at, updated_at) \
             select gen_random_uuid(), 'Bench ' || n, \
                (array['payg', 'team', 'enterprise', 'team'])[1 + n % 4], 1, now() - interval '90 days', now() \
             from generate_series(1, $1::bigint) n",
            &[&organisations],
        )
        .and_then(|_| {
            client.batch_execute(
                "insert into registry.usage (organisation_id, apis, domains, sub_domains) \
                 select id, 20 + length(name), 3, 9 from account.organisations where plan_code = 'payg' and name like 'Bench %'; \
                 insert into profile.head_counts (organisation_id, users) \
                 select id, 7 from account.organisations where name like 'Bench %'",
            )
        })
        .and_then(|()| {
            client.execute(
                "insert into billing.payment_methods (organisation_id, customer_id, token, brand, last_four, expiry_month, \
                    expiry_year, version, created_at, updated_at) \
                 select id, $1, $2, 'visa', '4242', 12, 2099, 1, now(), now() from account.organisations where name like 'Bench %'",
                &[&customer, &token],
            )
        });
    made.map_err(|error| failed("making organisations", &error))?;
    // Two months back: the last month's run may begin by itself at any time.
    Ok(period(2))
}

/// The month so many months before this one.
pub(super) fn period(back: u32) -> String {
    let today = Utc::now().date_naive();
    let months = today.year() * 12 + today.month0() as i32 - back as i32;
    format!("{:04}-{:02}", months.div_euclid(12), months.rem_euclid(12) + 1)
}

/// One customer with one card at the sandbox: that all organisations share it makes no difference to Billing.
fn card(payments: &str) -> Result<(String, String), Failure> {
    let customer = form(&format!("{payments}/v1/customers"), &[])?;
    let id = customer["id"].as_str().unwrap_or_default().to_owned();
    let url = format!("{payments}/v1/payment_methods/pm_card_visa/attach");
    let method = form(&url, &[("customer", &id)])?;
    Ok((id, method["id"].as_str().unwrap_or_default().to_owned()))
}

fn form(url: &str, form: &[(&str, &str)]) -> Result<Value, Failure> {
    let request = ureq::post(url).header("authorization", "Bearer sk_test_sandbox");
    let answer = request.send_form(form.iter().copied());
    let read = answer.and_then(|mut answer| answer.body_mut().read_json());
    read.map_err(|error| Failure::could_not_run(format!("{url}: {error}.")))
}

/// A JSON request that must succeed.
pub(super) fn post(url: &str, token: Option<&str>, body: &Value) -> Result<Value, Failure> {
    let mut request = ureq::post(url);
    if let Some(token) = token {
        request = request.header("authorization", &format!("Bearer {token}"));
    }
    let read = request.send_json(body).and_then(|mut answer| answer.body_mut().read_json());
    read.map_err(|error| Failure::could_not_run(format!("{url}: {error}.")))
}

/// The tables that a run fills, each as an empty one with the same indexes and keys.
const TABLES: &str = "create schema bare; \
     create table bare.invoices (like billing.invoices including all); \
     alter table bare.invoices add foreign key (run_id) references billing.runs (id), \
        add foreign key (organisation_id) references account.organisations (id); \
     create table bare.invoice_lines (like billing.invoice_lines including all); \
     alter table bare.invoice_lines add foreign key (organisation_id, invoice_id) references bare.invoices (organisation_id, id); \
     create table bare.changes (like billing.changes including all); \
     create table bare.written as select id from billing.changes where kind in ('UpcomingPayment', 'InvoicePaid') and before is null; \
     create unique index on bare.written (id); \
     analyze; checkpoint";

/// The same rows, as they were written, in one statement.
const WRITE: &str = "with invoice as ( \
        insert into bare.invoices select organisation_id, id, run_id, period, currency, amount_cents, \
            case amount_cents when 0 then 'paid' else 'open' end, issued_at, null, \
            case when amount_cents > 0 then issued_at + interval '3 days' end, null, \
            case amount_cents when 0 then issued_at end, 1, created_at, created_at from billing.invoices \
     ), line as (insert into bare.invoice_lines select * from billing.invoice_lines) \
     insert into bare.changes overriding system value \
     select c.* from billing.changes c join bare.written w on w.id = c.id";

/// Writes the rows of the run once more, into tables of their own: how long it took, and how many they were.
pub(super) fn write_barely(client: &mut Client) -> Result<(Duration, i64), Failure> {
    let doing = |error| failed("writing the same rows barely", &error);
    client.batch_execute(TABLES).map_err(doing)?;
    let begun = Instant::now();
    client.batch_execute(WRITE).map_err(doing)?;
    let taken = begun.elapsed();
    let count = "select (select count(*) from bare.invoices) + (select count(*) from bare.invoice_lines) \
         + (select count(*) from bare.changes)";
    let rows = client.query_one(count, &[]).map_err(doing)?.get(0);
    Ok((taken, rows))
}
