//! What follows from the outcome of an attempt: invoice, standing and changes, in one transaction.

use chrono::{DateTime, Utc};
use diesel::prelude::Queryable;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel::{PgConnection, RunQueryDsl};
use kit::changes::Change;
use kit::error::{Busy, OnConstraint as _};
use kit::id::{InvoiceId, OrganisationId};
use kit::{Error, Idempotency, Meta, Reply, reply};
use serde_json::{Value, json};

use super::changes::{SCHEMA, record, text};
use super::{invoices, standings};
use crate::dunning::{Terms, next_attempt};
use crate::model::Started;
use crate::provider::Outcome;

type Row = (Text, Text, BigInt, Text, Nullable<Timestamptz>, Nullable<Timestamptz>, BigInt);

kit::statement! {
    /// An invoice, locked.
    struct LockInvoice(organisation_id: OrganisationId as Uuid, id: InvoiceId as Uuid) -> Row =
        "select i.period, i.currency, i.amount_cents, i.status, i.first_failed_at, i.overdue_at, i.version \
         from billing.invoices i where i.organisation_id = $1 and i.id = $2 for no key update"
}

kit::statement! {
    /// The attempt's end, unless it has one; when it began.
    struct EndAttempt<'a>(
        organisation_id: OrganisationId as Uuid,
        invoice_id: InvoiceId as Uuid,
        number: i32 as Integer,
        outcome: &'a str as Text,
        provider_payment_id: Option<&'a str> as Nullable<Text>,
        failure_code: Option<&'a str> as Nullable<Text>,
        now: DateTime<Utc> as Timestamptz,
    ) -> Timestamptz =
        "update billing.payment_attempts set outcome = $4, provider_payment_id = $5, failure_code = $6, finished_at = $7 \
         where organisation_id = $1 and invoice_id = $2 and number = $3 and outcome in ('started', 'mismatch') returning started_at"
}

kit::statement! {
    /// The answer to an open attempt is of another charge.
    struct HoldAttempt<'a>(
        organisation_id: OrganisationId as Uuid, invoice_id: InvoiceId as Uuid, number: i32 as Integer,
        provider_payment_id: Option<&'a str> as Nullable<Text>, what: &'a str as Text,
    ) =
        "update billing.payment_attempts set outcome = 'mismatch', provider_payment_id = $4, failure_code = $5 \
         where organisation_id = $1 and invoice_id = $2 and number = $3 and outcome in ('started', 'mismatch')"
}

kit::statement! {
    /// Whether a payment has paid something already.
    struct IsSpent<'a>(provider_payment_id: &'a str as Text) -> Bool =
        "select exists (select from billing.payment_attempts a where a.outcome = 'succeeded' and a.provider_payment_id = $1)"
}

kit::statement! {
    /// The invoice is paid.
    struct SetPaid(organisation_id: OrganisationId as Uuid, id: InvoiceId as Uuid, now: DateTime<Utc> as Timestamptz) =
        "update billing.invoices set status = 'paid', paid_at = $3, next_attempt_at = null, version = version + 1, updated_at = $3 \
         where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// The charge failed.
    struct SetFailed<'a>(
        organisation_id: OrganisationId as Uuid,
        id: InvoiceId as Uuid,
        status: &'a str as Text,
        first_failed_at: DateTime<Utc> as Timestamptz,
        next_attempt_at: Option<DateTime<Utc>> as Nullable<Timestamptz>,
        overdue_at: Option<DateTime<Utc>> as Nullable<Timestamptz>,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "update billing.invoices set status = $3, first_failed_at = $4, next_attempt_at = $5, overdue_at = $6, \
         version = version + 1, updated_at = $7 where organisation_id = $1 and id = $2"
}

#[derive(Queryable)]
struct Locked {
    period: String,
    currency: String,
    amount_cents: i64,
    status: String,
    first_failed_at: Option<DateTime<Utc>>,
    overdue_at: Option<DateTime<Utc>>,
    version: i64,
}

impl Locked {
    /// The keys that every kind of an invoice declares, and one or two of the kind's own.
    fn keys(&self, status: &str, own: Value) -> Value {
        let mut keys = json!({
            "period": self.period, "currency": self.currency, "amountCents": self.amount_cents, "status": status,
        });
        if let (Value::Object(keys), Value::Object(own)) = (&mut keys, own) {
            keys.extend(own);
        }
        keys
    }
}

/// Records how an attempt ended, and what follows from it. Nothing where it has an end already, or where the outcome
/// isn't known.
pub fn record_outcome(
    connection: &mut PgConnection,
    attempt: &Started,
    outcome: &Outcome,
    terms: Terms,
    meta: &Meta,
) -> Result<(), Error> {
    let (name, payment_id, code) = match outcome {
        Outcome::Paid { payment_id } => ("succeeded", Some(payment_id.as_str()), None),
        Outcome::Failed { payment_id, code } => ("failed", payment_id.as_deref(), Some(code.as_str())),
        Outcome::Mismatch { payment_id, what } => return hold(connection, attempt, payment_id.as_deref(), what),
        Outcome::Unknown(_) => return Ok(()),
    };
    let (organisation_id, id, now) = (attempt.organisation_id, attempt.invoice_id, meta.now);
    let standing = standings::lock(connection, organisation_id)?;
    let invoice: Locked = LockInvoice { organisation_id, id }.get_result(connection)?;
    if let (Some(provider_payment_id), None) = (payment_id, code) {
        let spent: bool = IsSpent { provider_payment_id }.get_result(connection)?;
        if spent {
            // Of another attempt, or of this one, which has its end then.
            return hold(connection, attempt, payment_id, "payment_id");
        }
    }
    let ended: Vec<DateTime<Utc>> = EndAttempt {
        organisation_id,
        invoice_id: id,
        number: attempt.number,
        outcome: name,
        provider_payment_id: payment_id,
        failure_code: code,
        now,
    }
    .load(connection)
    // Another attempt has been paid by it at this very moment: asked again, this one is held.
    .on_constraint("payment_attempts_provider_payment_id_key", || Error::Busy(Busy::Serialization))?;
    let Some(started_at) = ended.first() else {
        return Ok(());
    };
    let step = Step { connection, organisation_id, id, invoice, meta };
    match code {
        None => step.paid()?,
        // Another instance's clock may run behind the one that began it; a retry must not come due twice for that.
        Some(code) => step.failed(code, now.max(*started_at))?,
    }
    standings::settle(connection, organisation_id, standing, terms, meta)?;
    Ok(())
}

/// The attempt stays open, so that nothing else is charged for the invoice, and is looked up again.
fn hold(connection: &mut PgConnection, attempt: &Started, payment_id: Option<&str>, what: &str) -> Result<(), Error> {
    let Started { organisation_id, invoice_id, number, .. } = *attempt;
    HoldAttempt { organisation_id, invoice_id, number, provider_payment_id: payment_id, what }.execute(connection)?;
    Ok(())
}

/// Records how a payment by hand ended, and answers it.
///
/// The outer result is the database's; a refusal must not roll back the failure that it reports.
pub fn end_payment(
    connection: &mut PgConnection,
    attempt: &Started,
    outcome: &Outcome,
    terms: Terms,
    idempotency: &Idempotency,
    meta: &Meta,
) -> Result<Result<Reply, Error>, Error> {
    if let Outcome::Unknown(_) = outcome {
        return if attempt.mismatch { Ok(Err(in_review())) } else { Err(Error::Busy(Busy::Elsewhere)) };
    }
    record_outcome(connection, attempt, outcome, terms, meta)?;
    let invoice = invoices::find(connection, attempt.organisation_id, attempt.invoice_id)?;
    if invoice.status == "paid" {
        let kept = kit::idempotency::once(connection, SCHEMA, idempotency, meta, |_| {
            reply::with_etag(invoice.version, &invoice)
        });
        return Ok(Ok(kept?));
    }
    let tried = invoice.attempts.into_iter().find(|tried| tried.number == attempt.number);
    if tried.as_ref().is_some_and(|tried| tried.outcome == "mismatch") {
        return Ok(Err(in_review()));
    }
    let code = tried.and_then(|tried| tried.failure_code).unwrap_or_else(|| "declined".to_owned());
    Ok(Err(Error::conflict("payment-declined", "the payment was declined").with("code", code)))
}

fn in_review() -> Error {
    let detail =
        "the payment provider's answer is of another charge; nothing more is charged until it is settled there";
    Error::conflict("payment-in-review", detail)
}

/// One step of one invoice, under its lock.
struct Step<'a> {
    connection: &'a mut PgConnection,
    organisation_id: OrganisationId,
    id: InvoiceId,
    invoice: Locked,
    meta: &'a Meta,
}

impl Step<'_> {
    fn paid(self) -> Result<(), Error> {
        let now = self.meta.now;
        SetPaid { organisation_id: self.organisation_id, id: self.id, now }.execute(self.connection)?;
        let before = self.invoice.keys(&self.invoice.status, json!({ "paidAt": null }));
        let after = self.invoice.keys("paid", json!({ "paidAt": text(now) }));
        let change = self.change("InvoicePaid", before, after);
        record(self.connection, self.meta, change)
    }

    fn failed(self, code: &str, failed_at: DateTime<Utc>) -> Result<(), Error> {
        let first_failed_at = self.invoice.first_failed_at.unwrap_or(failed_at);
        let next = next_attempt(first_failed_at, failed_at).filter(|_| self.invoice.status == "open");
        let overdue_at = self.invoice.overdue_at.or_else(|| next.is_none().then_some(self.meta.now));
        let status = if next.is_none() { "overdue" } else { "open" };
        SetFailed {
            organisation_id: self.organisation_id,
            id: self.id,
            status,
            first_failed_at,
            next_attempt_at: next,
            overdue_at,
            now: self.meta.now,
        }
        .execute(self.connection)?;
        let before = self.invoice.keys(&self.invoice.status, json!({ "failureCode": null, "nextAttemptAt": null }));
        let after = self.invoice.keys(status, json!({ "failureCode": code, "nextAttemptAt": next.map(text) }));
        let change = self.change("PaymentFailed", before, after);
        record(self.connection, self.meta, change)?;
        if status == self.invoice.status || status == "open" {
            return Ok(());
        }
        let before = self.invoice.keys(&self.invoice.status, json!({ "overdueAt": null }));
        let after = self.invoice.keys(status, json!({ "overdueAt": overdue_at.map(text) }));
        let change = self.change("PaymentOverdue", before, after);
        record(self.connection, self.meta, change)
    }

    fn change(&self, kind: &'static str, before: Value, after: Value) -> Change {
        Change {
            kind,
            organisation_id: Some(self.organisation_id),
            entity_id: self.id.to_string(),
            version: self.invoice.version + 1,
            before: Some(before),
            after: Some(after),
        }
    }
}
