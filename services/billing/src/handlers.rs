//! Wire: the list of endpoints, and one function for each.

use actix_web::web::Data;
use kit::auth::{Admin, Member, Operator};
use kit::id::{InvoiceId, OrganisationId, RunId};
use kit::{Answer, Ctx, Error, FieldError, Idempotency, Ids, IfMatch, Json, Page, Routes, call, reply};

use crate::dunning::Terms;
use crate::model::{NewPaymentMethod, NewRun};
use crate::provider::{Card, Provider, Refused};
use crate::store::attempts::{self, Begun};
use crate::store::{changes, invoices, outcomes, payment_methods, runs, standings};
use crate::threads::Threads;
use crate::work;

type Asking = Data<Threads<Provider>>;

/// All endpoints of the contract.
pub fn routes() -> Routes {
    Routes::new()
        .put("/organisations/{org}/payment-method", set_payment_method)
        .get("/organisations/{org}/payment-method", find_payment_method)
        .delete("/organisations/{org}/payment-method", delete_payment_method)
        .get("/organisations/{org}/usage", find_usage)
        .get("/organisations/{org}/invoices", list_invoices)
        .get("/organisations/{org}/invoices/{id}", find_invoice)
        .post("/organisations/{org}/invoices/{id}/payments", create_payment)
        .post("/billing-runs", create_run)
        .get("/billing-runs", list_runs)
        .get("/billing-runs/{id}", find_run)
        .get("/organisations/{org}/standing", find_standing)
        .changes(changes::SCHEMA)
}

/// The provider is asked between two transactions, and the second looks again at what the first saw.
async fn set_payment_method(
    ctx: Ctx,
    admin: Admin,
    seen: Result<IfMatch, Error>,
    body: Json<NewPaymentMethod>,
    provider: Asking,
) -> Answer {
    let (organisation, meta, seen) = (admin.organisation, ctx.meta(), optional(seen)?);
    let before = call::read(&ctx, move |c| payment_methods::find(c, organisation)).await?;
    payment_methods::check_seen(before.as_ref(), seen)?;
    let (token, customer) = (body.check()?.payment_method_token, before.map(|card| card.customer_id));
    let (customer, card) = provider.ask(move |provider| attach(provider, organisation, customer, &token)).await??;
    let set = call::write(&ctx, move |c| payment_methods::set(c, organisation, seen, &customer, &card, &meta));
    match set.await? {
        (method, true) => {
            reply::created(format!("/organisations/{organisation}/payment-method"), method.version, &method)
        }
        (method, false) => reply::with_etag(method.version, &method),
    }
}

/// An `If-Match` that only the second card needs.
fn optional(seen: Result<IfMatch, Error>) -> Result<Option<IfMatch>, Error> {
    match seen {
        Err(Error::PreconditionRequired) => Ok(None),
        other => other.map(Some),
    }
}

/// Attaches a card at the provider, to the organisation's customer there or to a new one.
fn attach(
    provider: &Provider,
    organisation: OrganisationId,
    customer: Option<String>,
    token: &str,
) -> Result<(String, Card), Error> {
    let customer = match customer {
        Some(customer) => customer,
        None => provider.create_customer(&organisation.to_string(), &format!("customer-{organisation}"))?,
    };
    // Not a key of the organisation's: the same test token given twice is two cards.
    let key = format!("attach-{}", uuid::Uuid::now_v7());
    match provider.attach(token, &customer, &key)? {
        Ok(card) => Ok((customer, card)),
        Err(Refused { code }) => {
            let message = if code == "resource_missing" {
                "is not known to the payment provider"
            } else {
                "was refused by the payment provider"
            };
            Err(Error::Invalid(vec![FieldError::new("paymentMethodToken", code, message)]))
        }
    }
}

async fn find_payment_method(ctx: Ctx, member: Member) -> Answer {
    let card = call::read(&ctx, move |c| payment_methods::find(c, member.organisation)).await?;
    let method = card.ok_or(Error::NotFound)?.shown;
    reply::with_etag(method.version, &method)
}

/// Deleted here first: a card that stays attached at the provider is never charged.
async fn delete_payment_method(ctx: Ctx, admin: Admin, seen: IfMatch, provider: Asking) -> Answer {
    let card = call::write(&ctx, move |c| payment_methods::delete(c, admin.organisation, seen)).await?;
    if let Err(error) = provider.ask(move |provider| provider.detach(&card.token)).await.flatten() {
        tracing::warn!(%error, "a card deleted here stays attached at the payment provider");
    }
    reply::no_content()
}

async fn find_usage(ctx: Ctx, member: Member) -> Answer {
    let now = ctx.now();
    reply::ok(&call::read(&ctx, move |c| invoices::usage(c, member.organisation, now)).await?)
}

async fn list_invoices(ctx: Ctx, member: Member, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| invoices::list(c, member.organisation, &page)).await?)
}

async fn find_invoice(ctx: Ctx, _: Member, ids: Ids<(OrganisationId, InvoiceId)>) -> Answer {
    let (organisation, id) = ids.0;
    let invoice = call::read(&ctx, move |c| invoices::find(c, organisation, id)).await?;
    reply::with_etag(invoice.version, &invoice)
}

/// Begun and committed, asked for, ended: as a run does it, and with the same attempt where one is open.
async fn create_payment(
    ctx: Ctx,
    _: Admin,
    ids: Ids<(OrganisationId, InvoiceId)>,
    key: Idempotency,
    terms: Data<Terms>,
    provider: Asking,
) -> Answer {
    let ((organisation, id), meta, terms) = (ids.0, ctx.meta(), **terms);
    let (of, by) = (key.clone(), meta.clone());
    let begin = call::write(&ctx, move |c| attempts::begin_payment(c, organisation, id, terms, &of, &by));
    let attempt = match begin.await? {
        Begun::Before(reply) => return Ok(reply),
        Begun::Ask(attempt) => attempt,
    };
    let asked = attempt.clone();
    let outcome = provider.ask(move |provider| work::ask(provider, &asked)).await?;
    call::write(&ctx, move |c| outcomes::end_payment(c, &attempt, &outcome, terms, &key, &meta)).await?
}

async fn create_run(ctx: Ctx, _: Operator, key: Idempotency, body: Json<NewRun>) -> Answer {
    let (meta, period) = (ctx.meta(), body.check()?.period()?);
    call::write(&ctx, move |c| runs::create(c, period, &key, &meta)).await
}

async fn list_runs(ctx: Ctx, _: Operator, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| runs::list(c, &page)).await?)
}

async fn find_run(ctx: Ctx, _: Operator, id: Ids<RunId>) -> Answer {
    let run = call::read(&ctx, move |c| runs::find(c, id.0)).await?;
    reply::with_etag(run.version, &run)
}

async fn find_standing(ctx: Ctx, member: Member) -> Answer {
    let standing = call::read(&ctx, move |c| standings::find(c, member.organisation)).await?;
    reply::with_etag(standing.version, &standing)
}
