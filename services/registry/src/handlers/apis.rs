//! `/apis` and `/tags`

use actix_web::web::Data;
use kit::auth::Member;
use kit::id::{ApiId, OrganisationId};
use kit::{Answer, Batch, Ctx, Filtered, Idempotency, Ids, IfMatch, Json, NoQuery, Query, call, reply};

use super::{change, create};
use crate::model::{Api, ApiFilter, ApiMove, ApiPatch, NewApi, TagPage};
use crate::store::{ApiKey, Store};

type Of = Ids<(OrganisationId, ApiId)>;

pub async fn list_apis(ctx: Ctx, member: Member, of: Filtered<ApiFilter>, store: Data<dyn Store>) -> Answer {
    of.filter.check()?;
    let paged =
        call::read(&ctx, &store, move |store| store.list_apis(member.organisation, &of.filter, &of.page)).await?;
    reply::page(&paged)
}

pub async fn find_api(ctx: Ctx, member: Member, ids: Of, _: NoQuery, apis: Data<Batch<ApiKey, Api>>) -> Answer {
    let api = apis.find(&ctx, (member.organisation, ids.0.1)).await?;
    reply::with_etag(api.version, &api)
}

pub async fn create_api(
    ctx: Ctx,
    member: Member,
    key: Idempotency,
    body: Json<NewApi>,
    store: Data<dyn Store>,
) -> Answer {
    let (create, org) = (create(&ctx, &member, key), member.organisation);
    call::write(&ctx, &store, move |store| {
        store.create_api(&create, body, &|api| {
            reply::created(format!("/organisations/{org}/apis/{}", api.id), api.version, api)
        })
    })
    .await
}

pub async fn update_api(
    ctx: Ctx,
    member: Member,
    ids: Of,
    if_match: IfMatch,
    body: Json<ApiPatch>,
    store: Data<dyn Store>,
) -> Answer {
    let change = change(&ctx, &member, if_match);
    let api = call::write(&ctx, &store, move |store| store.update_api(&change, ids.0.1, body)).await?;
    reply::with_etag(api.version, &api)
}

pub async fn move_api(
    ctx: Ctx,
    member: Member,
    ids: Of,
    if_match: IfMatch,
    body: Json<ApiMove>,
    store: Data<dyn Store>,
) -> Answer {
    let change = change(&ctx, &member, if_match);
    let api = call::write(&ctx, &store, move |store| store.move_api(&change, ids.0.1, body)).await?;
    reply::with_etag(api.version, &api)
}

pub async fn delete_api(ctx: Ctx, member: Member, ids: Of, if_match: IfMatch, store: Data<dyn Store>) -> Answer {
    let change = change(&ctx, &member, if_match);
    call::write(&ctx, &store, move |store| store.delete_api(&change, ids.0.1)).await?;
    reply::no_content()
}

pub async fn list_tags(ctx: Ctx, member: Member, page: Query<TagPage>, store: Data<dyn Store>) -> Answer {
    let org = member.organisation;
    let (limit, after) = (page.0.limit()?, page.0.after(org)?);
    let rows = call::read(&ctx, &store, move |store| store.list_tags(org, &after, limit)).await?;
    reply::page(&TagPage::finish(org, limit, rows))
}
