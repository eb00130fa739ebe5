//! Attempts at charging: begun and committed before the provider is asked, ended when its answer is known.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::id::{InvoiceId, OrganisationId};
use kit::{Error, Idempotency, Meta, Reply};

use super::changes::SCHEMA;
use super::standings;
use crate::dunning::Terms;
use crate::model::Started;

/// What a payment by hand begins with.
#[derive(Debug)]
pub enum Begun {
    /// The request was answered before.
    Before(Reply),
    /// The provider is to be asked.
    Ask(Started),
}

type Row = (Uuid, Uuid, Integer, Integer, Nullable<Text>, Nullable<Text>, BigInt, Text, Bool, Array<Text>);

/// What the provider is asked for: of an attempt `a` and its invoice `i`.
macro_rules! question {
    ($asks:literal, $mismatch:literal) => {
        concat!(
            "a.organisation_id, a.invoice_id, a.number, ",
            $asks,
            ", a.customer_id, a.payment_method_token, i.amount_cents, i.currency, ",
            $mismatch,
            ", array(select distinct e.customer_id from billing.payment_attempts e \
            where e.organisation_id = a.organisation_id and e.invoice_id = a.invoice_id and e.number < a.number \
            and e.customer_id is not null) "
        )
    };
}

kit::statement! {
    /// Invoices whose time has come, locked; those another is at are left to it.
    struct LockDue(now: DateTime<Utc> as Timestamptz, limit: i64 as BigInt) -> (Uuid, Uuid) =
        "select i.organisation_id, i.id from billing.invoices i where i.next_attempt_at <= $1 \
         order by i.next_attempt_at limit $2 for no key update skip locked"
}

kit::statement! {
    /// One attempt more for each of the invoices, with the card of this moment; none where one is open.
    struct StartAttempts<'a>(
        organisation_ids: &'a [OrganisationId] as Array<Uuid>,
        invoice_ids: &'a [InvoiceId] as Array<Uuid>,
        now: DateTime<Utc> as Timestamptz,
        ask_at: DateTime<Utc> as Timestamptz,
    ) -> Row =
        concat!("with invoice as ( \
            update billing.invoices i set next_attempt_at = null, version = i.version + 1, updated_at = $3 \
            from unnest($1, $2) as t (organisation_id, id) \
            where i.organisation_id = t.organisation_id and i.id = t.id \
            returning i.organisation_id, i.id, i.amount_cents, i.currency \
        ), attempt as ( \
            insert into billing.payment_attempts (organisation_id, invoice_id, number, outcome, customer_id, payment_method_token, \
                asks, ask_at, started_at) \
            select i.organisation_id, i.id, 1 + coalesce((select max(a.number) from billing.payment_attempts a \
                where a.organisation_id = i.organisation_id and a.invoice_id = i.id), 0), 'started', m.customer_id, m.token, 1, $4, $3 \
            from invoice i left join billing.payment_methods m on m.organisation_id = i.organisation_id \
            where not exists (select from billing.payment_attempts a \
                where a.organisation_id = i.organisation_id and a.invoice_id = i.id and a.outcome in ('started', 'mismatch')) \
            returning organisation_id, invoice_id, number, asks, customer_id, payment_method_token \
        ) \
        select ", question!("a.asks", "false"), "from attempt a join invoice i on i.organisation_id = a.organisation_id and i.id = a.invoice_id")
}

kit::statement! {
    /// Attempts without an answer whose time to be asked again has come: the pause doubles up to an hour.
    struct AskAgain(now: DateTime<Utc> as Timestamptz, limit: i64 as BigInt, pause_ms: i64 as BigInt) -> Row =
        concat!("with due as ( \
            select a.organisation_id, a.invoice_id, a.number from billing.payment_attempts a \
            where a.outcome in ('started', 'mismatch') and a.ask_at <= $1 order by a.ask_at limit $2 for no key update skip locked \
        ), asked as ( \
            update billing.payment_attempts a set asks = a.asks + 1, \
                ask_at = $1 + least($3 * (1 << least(a.asks, 20)), greatest($3, 3600000)) * interval '1 millisecond' \
            from due d where a.organisation_id = d.organisation_id and a.invoice_id = d.invoice_id and a.number = d.number \
            returning a.* \
        ) \
        select ", question!("a.asks", "a.outcome = 'mismatch'"), "from asked a \
        join billing.invoices i on i.organisation_id = a.organisation_id and i.id = a.invoice_id")
}

kit::statement! {
    /// An invoice, locked: its status.
    struct LockInvoice(organisation_id: OrganisationId as Uuid, id: InvoiceId as Uuid) -> Text =
        "select i.status from billing.invoices i where i.organisation_id = $1 and i.id = $2 for no key update"
}

kit::statement! {
    /// The open attempt of an invoice, as one more question to the provider.
    struct JoinAttempt(organisation_id: OrganisationId as Uuid, id: InvoiceId as Uuid) -> Row =
        concat!("select ", question!("a.asks + 1", "a.outcome = 'mismatch'"), "from billing.payment_attempts a \
         join billing.invoices i on i.organisation_id = a.organisation_id and i.id = a.invoice_id \
         where a.organisation_id = $1 and a.invoice_id = $2 and a.outcome in ('started', 'mismatch')")
}

kit::statement! {
    /// Whether an organisation has a card.
    struct HasCard(organisation_id: OrganisationId as Uuid) -> Bool =
        "select exists (select from billing.payment_methods m where m.organisation_id = $1)"
}

kit::statement! {
    /// How often an invoice was tried to be charged.
    struct CountAttempts(organisation_id: OrganisationId as Uuid, id: InvoiceId as Uuid) -> BigInt =
        "select count(*) from billing.payment_attempts a where a.organisation_id = $1 and a.invoice_id = $2"
}

/// The most attempts an invoice may have, those by itself included: they are read with it, and it is read in pages.
const ATTEMPTS_MAX: usize = 100;

/// Begins an attempt for each of up to `limit` invoices whose time has come. Empty: nothing is due.
///
/// The second answer is how many were due: one with an attempt open already is left to that.
pub fn start_due(
    connection: &mut PgConnection,
    limit: i64,
    terms: Terms,
    meta: &Meta,
) -> Result<(Vec<Started>, usize), Error> {
    let due: Vec<(OrganisationId, InvoiceId)> = LockDue { now: meta.now, limit }.load(connection)?;
    if due.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let (organisation_ids, invoice_ids): (Vec<_>, Vec<_>) = due.into_iter().unzip();
    Ok((start(connection, &organisation_ids, &invoice_ids, terms, meta)?, invoice_ids.len()))
}

fn start(
    connection: &mut PgConnection,
    organisation_ids: &[OrganisationId],
    invoice_ids: &[InvoiceId],
    terms: Terms,
    meta: &Meta,
) -> Result<Vec<Started>, Error> {
    standings::ensure(connection, organisation_ids, meta.now)?;
    let (now, ask_at) = (meta.now, meta.now + terms.ask_again);
    Ok(StartAttempts { organisation_ids, invoice_ids, now, ask_at }.load(connection)?)
}

/// Up to `limit` attempts that are to be asked again.
pub fn ask_again(
    connection: &mut PgConnection,
    limit: i64,
    terms: Terms,
    now: DateTime<Utc>,
) -> Result<Vec<Started>, Error> {
    Ok(AskAgain { now, limit, pause_ms: terms.ask_again.num_milliseconds() }.load(connection)?)
}

/// Begins a payment by hand, or joins the attempt that is open: two at once would be two charges.
pub fn begin_payment(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    id: InvoiceId,
    terms: Terms,
    idempotency: &Idempotency,
    meta: &Meta,
) -> Result<Begun, Error> {
    let status: Option<String> = LockInvoice { organisation_id, id }.get_result(connection).optional()?;
    let status = status.ok_or(Error::NotFound)?;
    if let Some(reply) = kit::idempotency::kept(connection, SCHEMA, idempotency)? {
        return Ok(Begun::Before(reply));
    }
    match status.as_str() {
        "paid" => return Err(Error::conflict("invoice-paid", "the invoice has been paid")),
        "void" => return Err(Error::conflict("invoice-void", "the invoice is void")),
        _ => {}
    }
    if let Some(open) = (JoinAttempt { organisation_id, id }).get_result(connection).optional()? {
        return Ok(Begun::Ask(open));
    }
    let tried: i64 = CountAttempts { organisation_id, id }.get_result(connection)?;
    if usize::try_from(tried).is_ok_and(|tried| tried >= ATTEMPTS_MAX) {
        return Err(Error::limit("payments", ATTEMPTS_MAX, "an invoice"));
    }
    let has_card: bool = HasCard { organisation_id }.get_result(connection)?;
    if !has_card {
        return Err(Error::conflict("no-payment-method", "there is no card to pay with"));
    }
    let started = start(connection, &[organisation_id], &[id], terms, meta)?.pop();
    started.map(Begun::Ask).ok_or_else(|| Error::internal("a payment was not begun"))
}
