//! Writing invoices: one statement for a batch of organisations, from the run's snapshot alone.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::id::{InvoiceId, OrganisationId, RunId};
use kit::{Error, Meta};

use super::changes;
use crate::dunning::Terms;

kit::statement! {
    /// A run whose invoices are being written, locked: how far they are.
    struct LockRun(id: RunId as Uuid) -> Nullable<Uuid> =
        "select r.invoiced_up_to from billing.runs r where r.id = $1 and r.status = 'invoicing' for no key update"
}

kit::statement! {
    /// The next organisations of the snapshot.
    struct NextItems(run_id: RunId as Uuid, after: OrganisationId as Uuid, limit: i64 as BigInt) -> Uuid =
        "select i.organisation_id from billing.run_items i where i.run_id = $1 and i.organisation_id > $2 \
         order by i.organisation_id limit $3"
}

kit::statement! {
    /// All invoices are written.
    struct SetCharging(id: RunId as Uuid, now: DateTime<Utc> as Timestamptz) =
        "update billing.runs set status = 'charging', version = version + 1, updated_at = $2 where id = $1"
}

kit::statement! {
    /// Invoices, their lines and changes. A zero amount is paid as it is written; the others are announced now
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
        last: OrganisationId as Uuid,
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
        ) \
        update billing.runs r set invoices = r.invoices + s.invoices, amount_cents = r.amount_cents + s.amount_cents, \
            invoiced_up_to = $9, version = r.version + 1, updated_at = $4 \
        from (select count(*)::integer as invoices, coalesce(sum(amount_cents), 0)::bigint as amount_cents from item) s where r.id = $1"
}

/// Writes up to `limit` invoices of a run, under the run's lock; how many. None: all are written.
pub fn write_batch(
    connection: &mut PgConnection,
    run_id: RunId,
    limit: i64,
    terms: Terms,
    meta: &Meta,
) -> Result<usize, Error> {
    let locked: Option<Option<OrganisationId>> = LockRun { id: run_id }.get_result(connection).optional()?;
    let Some(up_to) = locked else { return Ok(0) };
    let after = up_to.unwrap_or(OrganisationId(uuid::Uuid::nil()));
    let organisation_ids: Vec<OrganisationId> = NextItems { run_id, after, limit }.load(connection)?;
    let (now, first_attempt_at) = (meta.now, terms.first_attempt(meta.now));
    let Some(last) = organisation_ids.last().copied() else {
        SetCharging { id: run_id, now }.execute(connection)?;
        return Ok(0);
    };
    let invoice_ids: Vec<InvoiceId> = organisation_ids.iter().map(|_| InvoiceId::new(now)).collect();
    WriteInvoices {
        run_id,
        organisation_ids: &organisation_ids,
        invoice_ids: &invoice_ids,
        now,
        first_attempt_at,
        now_text: &changes::text(now),
        first_attempt_text: &changes::text(first_attempt_at),
        request_id: &meta.request_id,
        last,
    }
    .execute(connection)?;
    kit::changes::recorded();
    Ok(organisation_ids.len())
}
