//! The organisations that are billed.

use postgres::Client;
use serde_json::json;

use super::Settings;
use crate::Failure;
use crate::data::failed;
use crate::measure::month;
use crate::system::Deployment;

/// Makes organisations on all plans, a quarter of them pay-as-you-go with counts, all with a card; and the period to bill.
///
/// Written as rows: signing a hundred thousand up would take longer than everything that is measured.
pub(super) fn make(client: &mut Client, deployment: &Deployment, settings: Settings) -> Result<String, Failure> {
    let sandbox = month::sandbox(deployment.place())?;
    let (customer, token) = month::card(&sandbox)?;
    let latency = json!({ "latencyMs": settings.latency_ms });
    sandbox.raw("POST", "/control").json(&latency).try_send()?.check(200)?;
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
    Ok(month::period(2))
}
