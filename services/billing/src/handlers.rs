//! Wire: the list of endpoints, and one function for each.

use std::sync::Arc;

use actix_web::web::Data;
use kit::auth::{Admin, Member, Operator};
use kit::id::{InvoiceId, OrganisationId, RunId};
use kit::{Answer, Ctx, Error, FieldError, Idempotency, Ids, IfMatch, Json, Page, Routes, call, reply};

use crate::model::{NewPaymentMethod, NewRun};
use crate::provider::{Card, Refused, Threads};
use crate::store::{Begun, SCHEMA, Store, check_seen};
use crate::work;

type Db = Data<dyn Store>;
type Provider = Data<Threads>;

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
        .changes(SCHEMA)
}

/// The provider is asked between two transactions, and the second looks again at what the first saw.
async fn set_payment_method(
    ctx: Ctx,
    admin: Admin,
    seen: Result<IfMatch, Error>,
    body: Json<NewPaymentMethod>,
    store: Db,
    provider: Provider,
) -> Answer {
    let (organisation, meta) = (admin.organisation, ctx.meta());
    let seen = match seen {
        Err(Error::PreconditionRequired) => None,
        other => Some(other?),
    };
    let before = call::read(&ctx, &store, move |s| s.find_payment_method(organisation)).await?;
    check_seen(before.as_ref(), seen)?;
    let token = body.check()?.payment_method_token;
    let customer = before.map(|card| card.customer_id);
    let (customer, card) = provider.ask(move |provider| attach(provider, organisation, customer, &token)).await??;
    let set = call::write(&ctx, &store, move |s| s.set_payment_method(organisation, seen, &customer, &card, &meta));
    match set.await? {
        (method, true) => {
            reply::created(format!("/organisations/{organisation}/payment-method"), method.version, &method)
        }
        (method, false) => reply::with_etag(method.version, &method),
    }
}

/// Attaches a card at the provider, to the organisation's customer there or to a new one.
fn attach(
    provider: &crate::provider::Provider,
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

async fn find_payment_method(ctx: Ctx, member: Member, store: Db) -> Answer {
    let card = call::read(&ctx, &store, move |s| s.find_payment_method(member.organisation)).await?;
    let method = card.ok_or(Error::NotFound)?.shown;
    reply::with_etag(method.version, &method)
}

/// Forgotten here first: a card that stays attached at the provider is used by nobody.
async fn delete_payment_method(ctx: Ctx, admin: Admin, seen: IfMatch, store: Db, provider: Provider) -> Answer {
    let card = call::write(&ctx, &store, move |s| s.delete_payment_method(admin.organisation, seen)).await?;
    if let Err(error) = provider.ask(move |provider| provider.detach(&card.token)).await.and_then(|detached| detached) {
        tracing::warn!(%error, "a card forgotten here stays attached at the payment provider");
    }
    reply::no_content()
}

async fn find_usage(ctx: Ctx, member: Member, store: Db) -> Answer {
    let now = ctx.now();
    reply::ok(&call::read(&ctx, &store, move |s| s.find_usage(member.organisation, now)).await?)
}

async fn list_invoices(ctx: Ctx, member: Member, page: Page, store: Db) -> Answer {
    reply::page(&call::read(&ctx, &store, move |s| s.list_invoices(member.organisation, &page)).await?)
}

async fn find_invoice(ctx: Ctx, _: Member, ids: Ids<(OrganisationId, InvoiceId)>, store: Db) -> Answer {
    let (organisation, id) = ids.0;
    let invoice = call::read(&ctx, &store, move |s| s.find_invoice(organisation, id)).await?;
    reply::with_etag(invoice.version, &invoice)
}

/// Begun and committed, asked, ended: as the run does it, and with the same attempt where one is open.
async fn create_payment(
    ctx: Ctx,
    _: Admin,
    ids: Ids<(OrganisationId, InvoiceId)>,
    idempotency: Idempotency,
    store: Db,
    provider: Provider,
) -> Answer {
    let ((organisation, id), meta) = (ids.0, ctx.meta());
    let (key, begun) = (idempotency.clone(), meta.clone());
    let attempt = match call::write(&ctx, &store, move |s| s.begin_payment(organisation, id, &key, &begun)).await? {
        Begun::Before(reply) => return Ok(reply),
        Begun::Ask(attempt) => attempt,
    };
    let asked = attempt.clone();
    let outcome = provider.ask(move |provider| work::ask(provider, &asked)).await?;
    call::write(&ctx, &store, move |s| s.end_payment(&attempt, &outcome, &idempotency, &meta)).await
}

async fn create_run(ctx: Ctx, _: Operator, idempotency: Idempotency, body: Json<NewRun>, store: Db) -> Answer {
    let meta = ctx.meta();
    let period =
        body.check()?.period().ok_or_else(|| Error::invalid("period", "invalid_format", "must be a month, YYYY-MM"))?;
    call::write(&ctx, &store, move |s| s.create_run(period, &idempotency, &meta)).await
}

async fn list_runs(ctx: Ctx, _: Operator, page: Page, store: Db) -> Answer {
    reply::page(&call::read(&ctx, &store, move |s| s.list_runs(&page)).await?)
}

async fn find_run(ctx: Ctx, _: Operator, id: Ids<RunId>, store: Db) -> Answer {
    let run = call::read(&ctx, &store, move |s| s.find_run(id.0)).await?;
    reply::with_etag(run.version, &run)
}

async fn find_standing(ctx: Ctx, member: Member, store: Db) -> Answer {
    let standing = call::read(&ctx, &store, move |s| s.find_standing(member.organisation)).await?;
    reply::with_etag(standing.version, &standing)
}

/// What the handlers share.
pub(crate) fn data(routes: Routes, store: Arc<dyn Store>, provider: Threads) -> Routes {
    routes.data(store).data(Arc::new(provider))
}
