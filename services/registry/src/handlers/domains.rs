//! `/domains`

use actix_web::web::Data;
use kit::auth::Member;
use kit::id::{DomainId, OrganisationId};
use kit::{Answer, Ctx, Idempotency, Ids, IfMatch, Json, NoQuery, Page, call, reply};

use super::{change, create};
use crate::model::{DomainPatch, NewDomain};
use crate::store::Store;

type Of = Ids<(OrganisationId, DomainId)>;

pub async fn list_domains(ctx: Ctx, member: Member, page: Page, store: Data<dyn Store>) -> Answer {
    let paged = call::read(&ctx, &store, move |store| store.list_domains(member.organisation, &page)).await?;
    reply::page(&paged)
}

pub async fn find_domain(ctx: Ctx, member: Member, ids: Of, _: NoQuery, store: Data<dyn Store>) -> Answer {
    let domain = call::read(&ctx, &store, move |store| store.find_domain(member.organisation, ids.0.1)).await?;
    reply::with_etag(domain.version, &domain)
}

pub async fn create_domain(
    ctx: Ctx,
    member: Member,
    key: Idempotency,
    body: Json<NewDomain>,
    store: Data<dyn Store>,
) -> Answer {
    let (create, org) = (create(&ctx, &member, key), member.organisation);
    call::write(&ctx, &store, move |store| {
        store.create_domain(&create, body, &|domain| {
            reply::created(format!("/organisations/{org}/domains/{}", domain.id), domain.version, domain)
        })
    })
    .await
}

pub async fn update_domain(
    ctx: Ctx,
    member: Member,
    ids: Of,
    if_match: IfMatch,
    body: Json<DomainPatch>,
    store: Data<dyn Store>,
) -> Answer {
    let change = change(&ctx, &member, if_match);
    let domain = call::write(&ctx, &store, move |store| store.update_domain(&change, ids.0.1, body)).await?;
    reply::with_etag(domain.version, &domain)
}

pub async fn delete_domain(ctx: Ctx, member: Member, ids: Of, if_match: IfMatch, store: Data<dyn Store>) -> Answer {
    let change = change(&ctx, &member, if_match);
    call::write(&ctx, &store, move |store| store.delete_domain(&change, ids.0.1)).await?;
    reply::no_content()
}
