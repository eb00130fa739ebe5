//! The layer around the product's endpoints: facts before the handler, names after it. A stranger causes no call: who may not
//! ask of this organisation goes straight to the handler, which refuses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, FromRequest, HttpRequest, HttpResponse};
use futures_util::future::{join, join_all};
use kit::auth::{Member, Operator};
use kit::db::Timing;
use kit::error::Busy;
use kit::{Ctx, Error};
use serde_json::Value;
use uuid::Uuid;

use crate::edges::{self, Asked, EDGES, Edge, Rule};
use crate::facts::Fetched;
use crate::month_end;
use crate::names;
use crate::neighbour::{Away, Question};
use crate::node::Node;
use crate::nouns::Noun;

/// Names the services without whose answer this one was made.
pub const DEGRADED: HeaderName = HeaderName::from_static("x-degraded");

type Response = Result<ServiceResponse<BoxBody>, ActixError>;

/// What is known before a handler runs.
#[derive(Default)]
struct Before {
    /// A fact was written.
    changed: bool,
    /// Who was away, but may be.
    degraded: BTreeSet<&'static str>,
    /// Somebody was away who is needed wherever the handler doesn't find what was asked for.
    unknown: bool,
    /// The request can't be answered now.
    refused: bool,
}

/// Runs the handler with its facts before it and its names after it.
pub async fn around(node: Arc<Node>, request: ServiceRequest, next: Next<BoxBody>) -> Response {
    if starts_run(&node, request.request()) && month_end::fetch_all(&node).await.is_err() {
        node.metrics.degraded("all", "closed");
        return Ok(request.error_response(Error::Busy(Busy::Elsewhere)));
    }
    let Some(needs) = needs(&node, request.request()) else { return next.call(request).await };
    let asked = request.request().clone();
    let waited = Waited::of(&asked);
    // A read may run while its facts are fetched: where they turn out to be others, it runs again. One instance alone may: what
    // another one wrote meanwhile would not be noticed.
    let may_overlap = !node.in_sequence && request.method() == Method::GET;
    let (mut before, response) = if may_overlap && needs.iter().all(|(edge, _)| edge.rule == Rule::Open) {
        let answered = async {
            let response = next.call(request).await;
            (response, Instant::now())
        };
        let (before, (response, answered)) = join(facts(&node, &needs), answered).await;
        waited.since(answered);
        let response = response?;
        if before.changed && !before.refused {
            drop(response);
            (before, next.call(ServiceRequest::from_request(asked.clone())).await?)
        } else {
            (before, response)
        }
    } else {
        let began = Instant::now();
        let before = facts(&node, &needs).await;
        waited.since(began);
        if before.refused {
            return Ok(request.error_response(Error::Busy(Busy::Elsewhere)));
        }
        (before, next.call(request).await?)
    };
    if before.refused || before.unknown && says_unknown(&response) {
        return Ok(ServiceResponse::from_err(Error::Busy(Busy::Elsewhere), asked));
    }
    let mut response = match edges::after(node.name) {
        Some(edge) if asked.method() != Method::HEAD => named(&node, edge, response, &mut before, &waited).await?,
        _ => response,
    };
    if !before.degraded.is_empty() {
        let names: Vec<&str> = before.degraded.iter().copied().collect();
        if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
            response.headers_mut().insert(DEGRADED, value);
        }
    }
    Ok(response)
}

/// Counts into `Server-Timing` what a request waited for its neighbours, and for nothing else.
struct Waited(Option<Ctx>);

impl Waited {
    fn of(request: &HttpRequest) -> Self {
        Self(Ctx::from_request(request, &mut Payload::None).into_inner().ok())
    }

    fn since(&self, began: Instant) {
        if let Some(ctx) = &self.0 {
            ctx.add_timing(Timing { elsewhere: began.elapsed(), ..Timing::default() });
        }
    }
}

/// Whether an operator starts a run.
fn starts_run(node: &Node, request: &HttpRequest) -> bool {
    let run = node.name == "billing" && request.method() == Method::POST;
    run && request.match_pattern().as_deref() == Some("/api/v1/billing-runs")
        && Operator::from_request(request, &mut Payload::None).into_inner().is_ok()
}

/// What the request needs; none of one that isn't of the organisation in its path, or of a HEAD.
fn needs(node: &Node, request: &HttpRequest) -> Option<Vec<(&'static Edge, Question)>> {
    if request.method() == Method::HEAD {
        return None;
    }
    let pattern = request.match_pattern()?;
    let route = pattern.strip_prefix("/api/v1/organisations/{org}")?;
    let member = Member::from_request(request, &mut Payload::None).into_inner().ok()?;
    let body =
        kit::body::raw(request).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null);
    let asked = Asked {
        method: request.method(),
        route,
        organisation: member.organisation.0,
        profile: member.profile.map(|profile| profile.0),
        id: last_id(request),
        body,
    };
    let edges = EDGES.iter().filter(|edge| edge.consumer == node.name);
    Some(edges.filter_map(|edge| Some((edge, edge.before(&asked)?))).collect())
}

/// The id at the path's end, decoded as the handler decodes it: else an encoded one would pass the edges.
fn last_id(request: &HttpRequest) -> Option<Uuid> {
    let last = request.path().rsplit('/').next()?;
    percent_encoding::percent_decode_str(last).decode_utf8().ok()?.parse().ok()
}

async fn facts(node: &Node, needs: &[(&'static Edge, Question)]) -> Before {
    let all = needs.iter().map(|(edge, question)| async move {
        let owner = node.owner(question.noun)?;
        Some((*edge, question, node.facts.ensure(owner, question).await))
    });
    let mut before = Before::default();
    for fetched in join_all(all).await {
        match fetched {
            Some((_, _, Ok(Fetched::Known { changed }))) => before.changed |= changed,
            Some((edge, question, Ok(Fetched::Away(away, local)))) => {
                missing(node, edge, question, &away, local.is_empty(), &mut before).await;
            }
            // Fetched and not written: else a frozen organisation would read.
            Some((_, _, Err(error))) => {
                tracing::warn!(error = %error, "a fact can't be written");
                before.refused = true;
            }
            None => before.refused = true,
        }
    }
    before
}

/// The edge's rule, where its owner is away.
async fn missing(node: &Node, edge: &Edge, question: &Question, away: &Away, nothing: bool, before: &mut Before) {
    let owner = question.noun.owner;
    tracing::debug!(owner, rule = edge.rule.name(), why = %away, "a neighbour is away");
    node.metrics.degraded(owner, edge.rule.name());
    match edge.rule {
        Rule::Open => {}
        Rule::LastKnown if !nothing => {}
        Rule::LastKnown | Rule::Closed => before.refused = true,
        Rule::ClosedIfNew => {
            before.unknown = true;
            before.refused |= node.facts.forget(question).await.is_err();
        }
    }
    before.degraded.insert(owner);
}

/// Whether the handler refused because somebody isn't there.
fn says_unknown(response: &ServiceResponse<BoxBody>) -> bool {
    match response.response().error().and_then(|error| error.as_error::<Error>()) {
        Some(Error::Invalid(fields)) => fields.iter().any(|field| field.code == "not_found"),
        Some(Error::Forbidden { slug, .. }) => *slug == "profile-missing",
        _ => false,
    }
}

/// The answer with its owners' names as they are now.
async fn named(
    node: &Node,
    (edge, noun): (&Edge, &'static Noun),
    response: ServiceResponse<BoxBody>,
    before: &mut Before,
    waited: &Waited,
) -> Response {
    if !response.status().is_success() {
        return Ok(response);
    }
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body).await.map_err(|_| Error::internal("an answer without its body"))?;
    let answer = serde_json::from_slice::<Value>(&bytes).ok();
    let with = |bytes| HttpResponse::set_body(head, BoxBody::new::<actix_web::web::Bytes>(bytes));
    let Some(mut answer) = answer else { return Ok(ServiceResponse::new(request, with(bytes))) };
    let ids = names::named(&mut answer);
    let member = Member::from_request(&request, &mut Payload::None).into_inner();
    if let (false, Ok(member), Some(profile)) = (ids.is_empty(), member, node.owner(noun)) {
        let began = Instant::now();
        let persons = profile.ask(&Question::some(noun, member.organisation.0, ids)).await;
        waited.since(began);
        match &persons {
            Ok(persons) => names::fill(&mut answer, &persons.items),
            Err(_) => {
                node.metrics.degraded(noun.owner, edge.rule.name());
                before.degraded.insert(noun.owner);
                names::fill(&mut answer, &[]);
            }
        }
    }
    let bytes = serde_json::to_vec(&answer).map_err(Error::internal)?;
    Ok(ServiceResponse::new(request, with(bytes.into())))
}
