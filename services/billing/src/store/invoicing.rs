//! Writing invoices: one statement for a batch of organisations, from the run's snapshot alone.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::id::{InvoiceId, OrganisationId, RunId};
use kit::{Error, Meta};

kit::statement! {
    /// Organisations that have no invoice yet; those another instance is at are left to it.
    struct LockItems(run_id: RunId as Uuid, limit: i64 as BigInt) -> Uuid =
        "select i.organisation_id from billing.run_items i where i.run_id = $1 and i.invoiced_at is null \
         order by i.organisation_id limit $2 for no key update skip locked"
}

kit::statement! {
    /// Invoices, their lines and what is told of them. A zero amount is paid as it is written; the others are told now
    /// and charged when the notice is over.
    struct WriteInvoices<'a>(
        run_id: RunId as Uuid,
        organisation_ids: &'a [OrganisationId] as Array<Uuid>,
        invoice_ids: &'a [InvoiceId] as Array<Uuid>,
        now: DateTime<Utc> as Timestamptz,
        first_attempt_at: DateTime<Utc> as Timestamptz,
        now_text: &'a str as Text,
        first_attempt_text: &'a str as Text,
        request_id: &'a str as Text,
    ) =
        "with item as materialized ( \
            select i.*, r.period, t.invoice_id, case i.plan_kind \
                when 'payg' then i.apis * i.api_price_cents + i.domains * i.domain_price_cents \
                    + i.sub_domains * i.sub_domain_price_cents + i.users * i.user_price_cents \
                else i.monthly_price_cents end as amount_cents \
            from unnest($2, $3) as t (organisation_id, invoice_id) \
            join billing.run_items i on i.organisation_id = t.organisation_id and i.run_id = $1 \
            join billing.runs r on r.id = i.run_id \
        ), invoice as ( \
            insert into billing.invoices (organisation_id, id, run_id, period, currency, amount_cents, status, issued_at, \
                next_attempt_at, paid_at, version, created_at, updated_at) \
            select organisation_id, invoice_id, run_id, period, currency, amount_cents, \
                case amount_cents when 0 then 'paid' else 'open' end, $4, \
                case when amount_cents > 0 then $5 end, case amount_cents when 0 then $4 end, 1, $4, $4 \
            from item \
        ), line as ( \
            insert into billing.invoice_lines (organisation_id, invoice_id, position, item, quantity, unit_price_cents, amount_cents) \
            select i.organisation_id, i.invoice_id, l.position, l.item, l.quantity, l.unit_price_cents, l.quantity * l.unit_price_cents \
            from item i cross join lateral (values \
                ('fixed', 1, 'plan', 1::bigint, i.monthly_price_cents), \
                ('payg', 1, 'api', i.apis, i.api_price_cents), \
                ('payg', 2, 'domain', i.domains, i.domain_price_cents), \
                ('payg', 3, 'subDomain', i.sub_domains, i.sub_domain_price_cents), \
                ('payg', 4, 'user', i.users, i.user_price_cents) \
            ) as l (kind, position, item, quantity, unit_price_cents) \
            where l.kind = i.plan_kind \
        ), change as ( \
            insert into billing.changes (at, kind, organisation_id, entity_id, version, request_id, after) \
            select $4, case amount_cents when 0 then 'InvoicePaid' else 'UpcomingPayment' end, organisation_id, invoice_id::text, 1, $8, \
                case amount_cents \
                when 0 then jsonb_build_object('period', period, 'currency', currency, 'amountCents', amount_cents, \
                    'status', 'paid', 'paidAt', $6) \
                else jsonb_build_object('period', period, 'currency', currency, 'amountCents', amount_cents, \
                    'status', 'open', 'nextAttemptAt', $7) end \
            from item \
        ), done as ( \
            update billing.run_items i set invoiced_at = $4 from item \
            where i.organisation_id = item.organisation_id and i.run_id = $1 \
        ) \
        update billing.runs r set invoices = r.invoices + s.invoices, amount_cents = r.amount_cents + s.amount_cents, \
            version = r.version + 1, updated_at = $4 \
        from (select count(*)::integer as invoices, coalesce(sum(amount_cents), 0)::bigint as amount_cents from item) s where r.id = $1"
}

/// Writes up to `limit` invoices of a run; how many.
pub(super) fn write_batch(
    connection: &mut PgConnection,
    run_id: RunId,
    limit: i64,
    first_attempt_at: DateTime<Utc>,
    meta: &Meta,
) -> Result<usize, Error> {
    let organisation_ids: Vec<OrganisationId> = LockItems { run_id, limit }.load(connection)?;
    if organisation_ids.is_empty() {
        return Ok(0);
    }
    let now = meta.now;
    let invoice_ids: Vec<InvoiceId> = organisation_ids
        .iter()
        .map(|_| InvoiceId::new(now))
        .collect();
    WriteInvoices {
        run_id,
        organisation_ids: &organisation_ids,
        invoice_ids: &invoice_ids,
        now,
        first_attempt_at,
        now_text: &super::text(now),
        first_attempt_text: &super::text(first_attempt_at),
        request_id: &meta.request_id,
    }
    .execute(connection)?;
    kit::changes::recorded();
    Ok(organisation_ids.len())
}
