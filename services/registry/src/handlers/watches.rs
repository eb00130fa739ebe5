//! `/watches`

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use kit::auth::Member;
use kit::id::{OrganisationId, ProfileId, WatchId};
use kit::{Answer, Create, Ctx, Error, Idempotency, Ids, Json, Page, call, reply};

use crate::model::NewWatch;
use crate::store::watches;

/// A [`Member`] with a profile: extracted before the body is looked at, as every 403 is.
pub struct Watcher {
    organisation: OrganisationId,
    profile: ProfileId,
}

impl FromRequest for Watcher {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Member::from_request(request, payload).into_inner().and_then(|member| {
            let profile = member.profile.ok_or_else(watches::nobody)?;
            Ok(Self { organisation: member.organisation, profile })
        }))
    }
}

pub async fn list_watches(ctx: Ctx, member: Member, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| watches::list(c, member.organisation, member.profile, &page)).await?)
}

pub async fn create_watch(ctx: Ctx, watcher: Watcher, key: Idempotency, body: Json<NewWatch>) -> Answer {
    let create = Create::new(&ctx, watcher.organisation, key);
    call::write(&ctx, move |c| watches::create(c, &create, watcher.profile, body)).await
}

pub async fn end_watch(ctx: Ctx, member: Member, ids: Ids<(OrganisationId, WatchId)>) -> Answer {
    let meta = ctx.meta();
    call::write(&ctx, move |c| watches::end(c, member.organisation, &meta, member.profile, ids.0.1)).await?;
    reply::no_content()
}
