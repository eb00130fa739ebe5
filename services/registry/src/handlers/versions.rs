//! `/apis/{api}/versions`

use actix_web::web::Data;
use kit::auth::Member;
use kit::id::{ApiId, OrganisationId};
use kit::{Answer, Ctx, Idempotency, Ids, IfMatch, Json, Page, call, reply};

use super::{change, create};
use crate::model::{NewStatus, NewVersion, Number};
use crate::store::Store;

type In = Ids<(OrganisationId, ApiId)>;
type Of = Ids<(OrganisationId, ApiId, Number)>;

pub async fn list_versions(ctx: Ctx, member: Member, ids: In, page: Page, store: Data<dyn Store>) -> Answer {
    let paged = call::read(&ctx, &store, move |store| store.list_versions(member.organisation, ids.0.1, &page)).await?;
    reply::page(&paged)
}

/// A version has no GET of its own: no `Location`, and the ETag is its API's.
pub async fn create_version(
    ctx: Ctx,
    member: Member,
    ids: In,
    key: Idempotency,
    body: Json<NewVersion>,
    store: Data<dyn Store>,
) -> Answer {
    let create = create(&ctx, &member, key);
    call::write(&ctx, &store, move |store| {
        store.create_version(&create, ids.0.1, body, &|version| {
            Ok(reply::json(actix_web::http::StatusCode::CREATED, version)?.etag(version.version))
        })
    })
    .await
}

pub async fn set_version_status(
    ctx: Ctx,
    member: Member,
    ids: Of,
    if_match: IfMatch,
    body: Json<NewStatus>,
    store: Data<dyn Store>,
) -> Answer {
    let (change, (_, api, number)) = (change(&ctx, &member, if_match), ids.0);
    let version = call::write(&ctx, &store, move |store| store.set_version_status(&change, api, number, body)).await?;
    reply::with_etag(version.version, &version)
}

pub async fn delete_version(ctx: Ctx, member: Member, ids: Of, if_match: IfMatch, store: Data<dyn Store>) -> Answer {
    let (change, (_, api, number)) = (change(&ctx, &member, if_match), ids.0);
    call::write(&ctx, &store, move |store| store.delete_version(&change, api, number)).await?;
    reply::no_content()
}
