//! Invoices and usage, read.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::id::{InvoiceId, OrganisationId};
use kit::{Error, Keyset, Page, Paged};
use serde_json::Value;

use crate::model::{Invoice, Line, Usage};
use crate::period::Period;

/// An invoice with its lines and attempts in one statement, so that they are of one moment.
macro_rules! select_invoices {
    () => {
        "select i.id, i.period, i.currency, i.amount_cents, i.status, i.issued_at, \
         i.next_attempt_at, i.overdue_at, i.paid_at, i.version, i.created_at, i.updated_at, \
         (select coalesce(jsonb_agg(jsonb_build_object('item', l.item, 'quantity', l.quantity, \
          'unitPriceCents', l.unit_price_cents, 'amountCents', l.amount_cents) order by l.position), '[]') \
          from billing.invoice_lines l where l.organisation_id = i.organisation_id and l.invoice_id = i.id), \
         (select coalesce(jsonb_agg(jsonb_build_object('number', a.number, 'outcome', a.outcome, \
          'failureCode', a.failure_code, 'startedAt', a.started_at, 'finishedAt', a.finished_at) order by a.number), '[]') \
          from billing.payment_attempts a where a.organisation_id = i.organisation_id and a.invoice_id = i.id) \
         from billing.invoices i where i.organisation_id = $1"
    };
}

type Row = (
    (Uuid, Text, Text, BigInt, Text, Timestamptz),
    (Nullable<Timestamptz>, Nullable<Timestamptz>, Nullable<Timestamptz>, BigInt, Timestamptz, Timestamptz),
    (Jsonb, Jsonb),
);
type MaybeTime = Option<DateTime<Utc>>;
type Values = (
    (InvoiceId, String, String, i64, String, DateTime<Utc>),
    (MaybeTime, MaybeTime, MaybeTime, i64, DateTime<Utc>, DateTime<Utc>),
    (Value, Value),
);

kit::statement! {
    /// One invoice.
    struct FindInvoice(organisation_id: OrganisationId as Uuid, id: InvoiceId as Uuid) -> Row =
        concat!(select_invoices!(), " and i.id = $2")
}

kit::statement! {
    /// The first invoices.
    struct FirstInvoices(organisation_id: OrganisationId as Uuid, limit: i64 as BigInt) -> Row =
        concat!(select_invoices!(), " order by i.created_at, i.id limit $2")
}

kit::statement! {
    /// Invoices after a place.
    struct NextInvoices(
        organisation_id: OrganisationId as Uuid,
        created_at: DateTime<Utc> as Timestamptz,
        id: uuid::Uuid as Uuid,
        limit: i64 as BigInt,
    ) -> Row = concat!(select_invoices!(), " and (i.created_at, i.id) > ($2, $3) order by i.created_at, i.id limit $4")
}

type UsageRow = ((Text, Text, Text, BigInt, BigInt, BigInt, BigInt, BigInt), (BigInt, BigInt, BigInt, BigInt));
type UsageValues = ((String, String, String, i64, i64, i64, i64, i64), (i64, i64, i64, i64));

kit::statement! {
    /// Plan and counts of this moment.
    struct FindUsage(organisation_id: OrganisationId as Uuid) -> UsageRow =
        "select p.code, p.kind, p.currency, p.monthly_price_cents, \
         p.api_price_cents, p.domain_price_cents, p.sub_domain_price_cents, p.user_price_cents, \
         coalesce(u.apis, 0)::bigint, coalesce(u.domains, 0)::bigint, coalesce(u.sub_domains, 0)::bigint, coalesce(h.users, 0)::bigint \
         from published.organisations o \
         join published.plans p on p.code = o.plan_code \
         left join published.usage u on u.organisation_id = o.id \
         left join published.head_counts h on h.organisation_id = o.id \
         where o.id = $1"
}

fn invoice(values: Values) -> Result<Invoice, Error> {
    let (id, period, currency, amount_cents, status, issued_at) = values.0;
    let (next_attempt_at, overdue_at, paid_at, version, created_at, updated_at) = values.1;
    let lines = serde_json::from_value(values.2.0).map_err(Error::internal)?;
    let attempts = serde_json::from_value(values.2.1).map_err(Error::internal)?;
    Ok(Invoice {
        id,
        period,
        currency,
        amount_cents,
        status,
        issued_at,
        next_attempt_at,
        overdue_at,
        paid_at,
        lines,
        attempts,
        version,
        created_at,
        updated_at,
    })
}

/// One invoice of an organisation.
pub fn find(connection: &mut PgConnection, organisation_id: OrganisationId, id: InvoiceId) -> Result<Invoice, Error> {
    let row: Option<Values> = FindInvoice { organisation_id, id }.get_result(connection).optional()?;
    invoice(row.ok_or(Error::NotFound)?)
}

/// A page of an organisation's invoices.
pub fn list(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    page: &Page,
) -> Result<Paged<Invoice>, Error> {
    let limit = page.fetch();
    let rows: Vec<Values> = match page.after {
        None => FirstInvoices { organisation_id, limit }.load(connection)?,
        Some(Keyset { created_at, id }) => NextInvoices { organisation_id, created_at, id, limit }.load(connection)?,
    };
    let invoices = rows.into_iter().map(invoice).collect::<Result<Vec<_>, _>>()?;
    Ok(page.finish(invoices, |invoice| Keyset::new(invoice.created_at, invoice.id)))
}

/// What the running period costs up to now.
pub fn usage(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    now: DateTime<Utc>,
) -> Result<Usage, Error> {
    let row: Option<UsageValues> = FindUsage { organisation_id }.get_result(connection).optional()?;
    let ((plan, kind, currency, month, api, domain, sub_domain, user), counts) = row.ok_or(Error::NotFound)?;
    let line = |item: &str, quantity: i64, unit_price_cents: i64| {
        let too_much = || Error::internal(format!("{quantity} × {unit_price_cents} overflows"));
        let amount_cents = quantity.checked_mul(unit_price_cents).ok_or_else(too_much)?;
        Ok::<_, Error>(Line { item: item.to_owned(), quantity, unit_price_cents, amount_cents })
    };
    let lines = if kind == "payg" {
        let (apis, domains, sub_domains, users) = counts;
        vec![
            line("api", apis, api)?,
            line("domain", domains, domain)?,
            line("subDomain", sub_domains, sub_domain)?,
            line("user", users, user)?,
        ]
    } else {
        vec![line("plan", 1, month)?]
    };
    let amount_cents = lines.iter().map(|line| line.amount_cents).sum();
    Ok(Usage { period: Period::of(now).to_string(), plan, currency, amount_cents, lines })
}
