//! The HTTP side: Stripe's paths below `/v1`, and our own `/ledger`, `/control` and `/healthz`.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Bytes, Data, Path, ServiceConfig},
};
use serde_json::{Value, json};

use crate::{
    dials::{Board, Dials, Mishap},
    ledger::{Asked, Form, Ledger},
    lies,
    refusal::{Refusal, answer},
};

/// Everything a request needs.
pub(crate) struct Shared {
    pub(crate) api_key: String,
    pub(crate) ledger: Ledger,
    pub(crate) dials: Board,
}

pub(crate) fn routes(cfg: &mut ServiceConfig) {
    cfg.route("/v1/customers", web::post().to(create_customer))
        .route("/v1/customers/{id}", web::get().to(find_customer))
        .route("/v1/customers/{id}/payment_methods", web::get().to(list_customer_methods))
        .route("/v1/payment_methods", web::get().to(list_methods))
        .route("/v1/payment_methods/{id}", web::get().to(find_method))
        .route("/v1/payment_methods/{id}/attach", web::post().to(attach))
        .route("/v1/payment_methods/{id}/detach", web::post().to(detach))
        .route("/v1/payment_intents", web::post().to(charge))
        .route("/v1/payment_intents", web::get().to(list_intents))
        .route("/v1/payment_intents/{id}", web::get().to(find_intent))
        .route("/ledger", web::get().to(ledger))
        .route("/control", web::get().to(read_control))
        .route("/control", web::post().to(turn_control))
        .route("/healthz", web::get().to(HttpResponse::Ok))
        .route("/readyz", web::get().to(HttpResponse::Ok))
        .default_service(web::to(unknown));
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn authorise(request: &HttpRequest, shared: &Shared) -> Result<(), Refusal> {
    let shown = header(request, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    if shown == Some(shared.api_key.as_str()) { Ok(()) } else { Err(Refusal::unauthorized()) }
}

fn reply(outcome: Result<Value, Refusal>) -> HttpResponse {
    match outcome {
        Ok(body) => answer(200, &body),
        Err(refusal) => refusal.respond(),
    }
}

/// Does what is asked, with whatever the dials make of it.
async fn perform(
    request: &HttpRequest,
    shared: &Shared,
    body: &[u8],
    charges: bool,
    act: impl FnOnce(&Asked<'_>) -> Result<Value, Refusal>,
) -> HttpResponse {
    if let Err(refusal) = authorise(request, shared) {
        return refusal.respond();
    }
    let Ok(form) = serde_urlencoded::from_bytes::<Form>(body) else {
        return Refusal::parameter("body", "parameter_invalid", "The body is not form-encoded.").respond();
    };
    let asked = Asked { key: header(request, "idempotency-key"), path: request.path(), form: &form };
    let (dials, mishap) = (shared.dials.read(), shared.dials.draw(charges));
    let wait = |ms| tokio::time::sleep(Duration::from_millis(ms));
    if dials.latency_ms > 0 {
        wait(dials.latency_ms).await;
    }
    if mishap == Mishap::HangBefore {
        wait(dials.hang_ms).await;
    }
    if mishap == Mishap::ErrorBefore {
        return Refusal::trouble().respond();
    }
    let mut outcome = act(&asked);
    if let Some(lie) = dials.lie.filter(|_| mishap == Mishap::None) {
        if charges {
            return lie.charged(outcome, dials.hang_ms).await;
        }
        outcome.iter_mut().for_each(|method| lie.twist_card(method));
    }
    if mishap == Mishap::HangAfter {
        wait(dials.hang_ms).await;
    }
    match mishap {
        Mishap::ErrorAfter => Refusal::trouble().respond(),
        Mishap::Drop => HttpResponse::Ok().force_close().body(lies::Gone),
        _ => reply(outcome),
    }
}

async fn create_customer(request: HttpRequest, shared: Data<Shared>, body: Bytes) -> HttpResponse {
    perform(&request, &shared, &body, false, |asked| shared.ledger.create_customer(asked)).await
}

async fn attach(request: HttpRequest, shared: Data<Shared>, body: Bytes, id: Path<String>) -> HttpResponse {
    perform(&request, &shared, &body, false, |asked| shared.ledger.attach(asked, &id)).await
}

async fn detach(request: HttpRequest, shared: Data<Shared>, body: Bytes, id: Path<String>) -> HttpResponse {
    perform(&request, &shared, &body, false, |asked| shared.ledger.detach(asked, &id)).await
}

async fn charge(request: HttpRequest, shared: Data<Shared>, body: Bytes) -> HttpResponse {
    perform(&request, &shared, &body, true, |asked| shared.ledger.charge(asked)).await
}

fn find(request: &HttpRequest, shared: &Shared, kind: &str, id: &str) -> HttpResponse {
    let mut found = authorise(request, shared).and_then(|()| shared.ledger.find(kind, id));
    if let (Ok(intent), Some(lie), "payment_intent") = (&mut found, shared.dials.read().lie, kind) {
        lie.twist_shown(intent);
    }
    reply(found)
}

async fn find_customer(request: HttpRequest, shared: Data<Shared>, id: Path<String>) -> HttpResponse {
    find(&request, &shared, "customer", &id)
}

async fn find_method(request: HttpRequest, shared: Data<Shared>, id: Path<String>) -> HttpResponse {
    find(&request, &shared, "PaymentMethod", &id)
}

async fn find_intent(request: HttpRequest, shared: Data<Shared>, id: Path<String>) -> HttpResponse {
    find(&request, &shared, "payment_intent", &id)
}

fn list(data: Vec<Value>, has_more: bool, url: &str) -> Value {
    json!({ "object": "list", "url": url, "has_more": has_more, "data": data })
}

fn methods_of(request: &HttpRequest, shared: &Shared, customer: Option<&str>) -> HttpResponse {
    let missing = || Refusal::parameter("customer", "parameter_missing", "Missing required param: customer.");
    reply(
        authorise(request, shared)
            .and_then(|()| customer.ok_or_else(missing))
            .map(|customer| list(shared.ledger.list_methods(customer), false, request.path())),
    )
}

async fn list_methods(request: HttpRequest, shared: Data<Shared>, query: web::Query<Form>) -> HttpResponse {
    methods_of(&request, &shared, query.get("customer").map(String::as_str))
}

async fn list_customer_methods(request: HttpRequest, shared: Data<Shared>, id: Path<String>) -> HttpResponse {
    methods_of(&request, &shared, Some(&id))
}

async fn list_intents(request: HttpRequest, shared: Data<Shared>, query: web::Query<Form>) -> HttpResponse {
    let text = |name: &str| query.get(name).map(String::as_str);
    let since = text("created[gte]").and_then(|value| value.parse().ok()).unwrap_or(0);
    let limit = text("limit").and_then(|value| value.parse().ok()).unwrap_or(10).clamp(1, 100);
    reply(authorise(&request, &shared).map(|()| {
        let (mut data, mut more) = shared.ledger.list_intents(text("customer"), since, text("starting_after"), limit);
        shared.dials.read().lie.iter().for_each(|lie| lie.listed(&mut data, &mut more));
        list(data, more, request.path())
    }))
}

/// What was charged: `{count, amount, declined, charges: […]}`; `from` and `limit` page through the charges.
async fn ledger(shared: Data<Shared>, query: web::Query<Form>) -> HttpResponse {
    let number = |name: &str, otherwise| query.get(name).and_then(|value| value.parse().ok()).unwrap_or(otherwise);
    let (count, amount, declined) = shared.ledger.totals();
    let charges = shared.ledger.charges(number("from", 0), number("limit", usize::MAX));
    answer(200, &json!({ "count": count, "amount": amount, "declined": declined, "charges": charges }))
}

async fn read_control(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(shared.dials.read())
}

/// Replaces all dials; those left out are at rest.
async fn turn_control(shared: Data<Shared>, body: Bytes) -> HttpResponse {
    match serde_json::from_slice::<Dials>(&body) {
        Ok(dials) => {
            shared.dials.turn(dials);
            HttpResponse::Ok().json(shared.dials.read())
        }
        Err(error) => {
            answer(400, &json!({ "error": { "type": "invalid_request_error", "message": error.to_string() } }))
        }
    }
}

async fn unknown(request: HttpRequest) -> HttpResponse {
    answer(
        404,
        &json!({ "error": {
        "type": "invalid_request_error",
        "message": format!("Unrecognized request URL ({}: {}).", request.method(), request.path()),
    } }),
    )
}
