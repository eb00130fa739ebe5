//! `/internal/v1`: what the public contract lacks, for the other services alone. A gateway doesn't pass these paths on.
//! Each noun that the service publishes is an endpoint: `GET /internal/v1/persons?organisation=…&ids=…,…`.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use kit::error::Busy;
use kit::{Answer, Ctx, Error, Query, Reply, Routes, reply};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::credentials::LIFETIME_S;
use crate::node::Node;
use crate::nouns::NOUNS;
use crate::sql::Parameter;
use crate::trace::Trace;

/// The most ids of one question.
const MOST: usize = 1_000;
/// Changes of one page.
const PAGE: usize = 500;

/// Adds the internal endpoints of `service`.
#[must_use]
pub fn add(routes: Routes, service: &str) -> Routes {
    let own = NOUNS.iter().filter(|noun| noun.owner == service);
    let routes = own.fold(routes, |routes, noun| routes.get_at_root(&format!("/internal/v1/{}", noun.name), rows));
    let routes = match service {
        // It tells what others did, and has no feed of its own.
        "notification" => routes,
        _ => routes.get_at_root("/internal/v1/changes", changes),
    };
    match service {
        "account" => routes
            .post_at_root("/internal/v1/token", token)
            .get_at_root("/internal/v1/organisation-ids", organisation_ids),
        _ => routes,
    }
}

/// Which rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    organisation: Option<Uuid>,
    ids: Option<String>,
}

impl Which {
    fn ids(&self) -> Result<Option<Vec<Uuid>>, Error> {
        let Some(text) = &self.ids else { return Ok(None) };
        let wrong = |what| Error::bad_request("ids", "invalid_format", what);
        let read: Result<Vec<Uuid>, _> = text.split(',').filter(|id| !id.is_empty()).map(str::parse).collect();
        let ids = read.map_err(|_| wrong("must be ids, with commas between"))?;
        if ids.len() > MOST { Err(wrong("may be 1000 at most")) } else { Ok(Some(ids)) }
    }
}

async fn rows(ctx: Ctx, request: HttpRequest, node: Data<Node>, which: Query<Which>) -> Answer {
    admit(&ctx, &request, &node).await?;
    let name = request.path().rsplit('/').next().unwrap_or_default();
    let noun = NOUNS.iter().find(|noun| noun.name == name).ok_or(Error::NotFound)?;
    let (organisation, ids) = (which.0.organisation, which.0.ids()?);
    // A question without a scope would read a whole table.
    if organisation.is_none() && ids.is_none() {
        return Err(Error::bad_request("ids", "missing_field", "organisation or ids must be given"));
    }
    let parameters: [Parameter<'_>; 2] = [&organisation, &ids];
    answer(&request, &node, &noun.statements(ids.is_some()).answer, &parameters).await
}

/// Which page of organisations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Beyond {
    after: Uuid,
}

/// A page of organisations' ids, in their order.
async fn organisation_ids(ctx: Ctx, request: HttpRequest, node: Data<Node>, beyond: Query<Beyond>) -> Answer {
    admit(&ctx, &request, &node).await?;
    let text = "select coalesce(jsonb_agg(o.id order by o.id), '[]')::text from (
            select o.id from published.organisations o where o.id > $1 order by o.id limit 200
        ) o";
    answer(&request, &node, text, &[&beyond.0.after]).await
}

/// Where in the feed: the position of the last change known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    xid: u64,
    id: i64,
}

/// The feed with all columns of its view: the public one shows neither ids nor organisations. In an order in which nothing is missed.
async fn changes(ctx: Ctx, request: HttpRequest, node: Data<Node>, after: Query<After>) -> Answer {
    admit(&ctx, &request, &node).await?;
    let text = format!(
        "select coalesce(jsonb_agg(to_jsonb(c) order by c.xid, c.id), '[]')::text from (
            select c.* from published.{}_changes c
            where (c.xid, c.id) > ($1::text::xid8, $2::bigint)
                and c.xid < pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())
            order by c.xid, c.id limit {PAGE}
        ) c",
        node.name
    );
    answer(&request, &node, &text, &[&after.0.xid.to_string(), &after.0.id]).await
}

/// The rows of a statement on the service's own views, passed on as the database wrote them.
async fn answer(request: &HttpRequest, node: &Node, text: &str, parameters: &[Parameter<'_>]) -> Answer {
    let items = Trace::of(request).within(node.reader.text(text, parameters)).await.map_err(|error| {
        tracing::warn!(error = %error, "a neighbour's question can't be answered");
        Error::Busy(Busy::Pool)
    })?;
    Ok(Reply::ok_text(format!("{{\"items\":{items}}}")))
}

/// 401 for everybody but a service.
async fn admit(ctx: &Ctx, request: &HttpRequest, node: &Node) -> Result<(), Error> {
    node.guard.check(authorization(request)?, &node.reader, &node.jwt_issuer, ctx.now().timestamp()).await
}

/// Client credentials (RFC 6749, 4.4): a name and a secret for a token of five minutes.
async fn token(request: HttpRequest, node: Data<Node>) -> Answer {
    let issuer = node.issuer.as_ref().ok_or(Error::NotFound)?;
    let token = issuer.exchange(authorization(&request)?)?;
    reply::ok(&json!({ "accessToken": token, "tokenType": "Bearer", "expiresIn": LIFETIME_S }))
}

fn authorization(request: &HttpRequest) -> Result<&str, Error> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.ok_or(Error::Unauthorized)
}
