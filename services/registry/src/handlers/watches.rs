//! `/watches`

use actix_web::http::StatusCode;
use actix_web::web::Data;
use kit::auth::Member;
use kit::id::{OrganisationId, ProfileId, WatchId};
use kit::{Answer, Ctx, Error, Idempotency, Ids, Json, Page, call, reply};

use super::create;
use crate::model::NewWatch;
use crate::store::{Store, nobody};

/// A [`Member`] with a profile: extracted before the body is looked at, as every 403 is.
pub struct Watcher {
    member: Member,
    profile: ProfileId,
}

impl actix_web::FromRequest for Watcher {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(request: &actix_web::HttpRequest, payload: &mut actix_web::dev::Payload) -> Self::Future {
        let member = Member::from_request(request, payload).into_inner();
        let watcher = member.and_then(|member| {
            let profile = member.profile.ok_or_else(nobody)?;
            Ok(Self { member, profile })
        });
        std::future::ready(watcher)
    }
}

pub async fn list_watches(ctx: Ctx, member: Member, page: Page, store: Data<dyn Store>) -> Answer {
    let paged =
        call::read(&ctx, &store, move |store| store.list_watches(member.organisation, member.profile, &page)).await?;
    reply::page(&paged)
}

pub async fn create_watch(
    ctx: Ctx,
    watcher: Watcher,
    key: Idempotency,
    body: Json<NewWatch>,
    store: Data<dyn Store>,
) -> Answer {
    let (create, profile) = (create(&ctx, &watcher.member, key), watcher.profile);
    call::write(&ctx, &store, move |store| {
        store.create_watch(&create, profile, body, &|(watch, opened)| {
            reply::json(if *opened { StatusCode::CREATED } else { StatusCode::OK }, watch)
        })
    })
    .await
}

pub async fn end_watch(
    ctx: Ctx,
    member: Member,
    ids: Ids<(OrganisationId, WatchId)>,
    store: Data<dyn Store>,
) -> Answer {
    let (meta, org, profile) = (ctx.meta(), member.organisation, member.profile);
    call::write(&ctx, &store, move |store| store.end_watch(org, &meta, profile, ids.0.1)).await?;
    reply::no_content()
}
