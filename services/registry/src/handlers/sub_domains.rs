//! `/domains/{domain}/sub-domains` and `/sub-domains`

use actix_web::web::Data;
use kit::auth::Member;
use kit::id::{DomainId, OrganisationId, SubDomainId};
use kit::{Answer, Ctx, Idempotency, Ids, IfMatch, Json, NoQuery, Page, call, reply};

use super::{change, create};
use crate::model::{NewSubDomain, SubDomainMove, SubDomainPatch};
use crate::store::Store;

type In = Ids<(OrganisationId, DomainId)>;
type Of = Ids<(OrganisationId, SubDomainId)>;

pub async fn list_sub_domains(ctx: Ctx, member: Member, ids: In, page: Page, store: Data<dyn Store>) -> Answer {
    let paged =
        call::read(&ctx, &store, move |store| store.list_sub_domains(member.organisation, ids.0.1, &page)).await?;
    reply::page(&paged)
}

pub async fn find_sub_domain(ctx: Ctx, member: Member, ids: Of, _: NoQuery, store: Data<dyn Store>) -> Answer {
    let sub_domain = call::read(&ctx, &store, move |store| store.find_sub_domain(member.organisation, ids.0.1)).await?;
    reply::with_etag(sub_domain.version, &sub_domain)
}

pub async fn create_sub_domain(
    ctx: Ctx,
    member: Member,
    ids: In,
    key: Idempotency,
    body: Json<NewSubDomain>,
    store: Data<dyn Store>,
) -> Answer {
    let (create, org) = (create(&ctx, &member, key), member.organisation);
    call::write(&ctx, &store, move |store| {
        store.create_sub_domain(&create, ids.0.1, body, &|sub_domain| {
            reply::created(
                format!("/organisations/{org}/sub-domains/{}", sub_domain.id),
                sub_domain.version,
                sub_domain,
            )
        })
    })
    .await
}

pub async fn update_sub_domain(
    ctx: Ctx,
    member: Member,
    ids: Of,
    if_match: IfMatch,
    body: Json<SubDomainPatch>,
    store: Data<dyn Store>,
) -> Answer {
    let change = change(&ctx, &member, if_match);
    let sub_domain = call::write(&ctx, &store, move |store| store.update_sub_domain(&change, ids.0.1, body)).await?;
    reply::with_etag(sub_domain.version, &sub_domain)
}

pub async fn move_sub_domain(
    ctx: Ctx,
    member: Member,
    ids: Of,
    if_match: IfMatch,
    body: Json<SubDomainMove>,
    store: Data<dyn Store>,
) -> Answer {
    let change = change(&ctx, &member, if_match);
    let sub_domain = call::write(&ctx, &store, move |store| store.move_sub_domain(&change, ids.0.1, body)).await?;
    reply::with_etag(sub_domain.version, &sub_domain)
}

pub async fn delete_sub_domain(ctx: Ctx, member: Member, ids: Of, if_match: IfMatch, store: Data<dyn Store>) -> Answer {
    let change = change(&ctx, &member, if_match);
    call::write(&ctx, &store, move |store| store.delete_sub_domain(&change, ids.0.1)).await?;
    reply::no_content()
}
