//! `/domains`

use kit::auth::Member;
use kit::id::{DomainId, OrganisationId};
use kit::{Answer, Create, Ctx, Idempotency, Ids, IfMatch, Json, NoQuery, Page, Update, call, reply};

use crate::model::{DomainPatch, NewDomain};
use crate::store::domains;

type Of = Ids<(OrganisationId, DomainId)>;

pub async fn list_domains(ctx: Ctx, member: Member, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| domains::list(c, member.organisation, &page)).await?)
}

pub async fn find_domain(ctx: Ctx, member: Member, ids: Of, _: NoQuery) -> Answer {
    let domain = call::read(&ctx, move |c| domains::find(c, member.organisation, ids.0.1)).await?;
    reply::with_etag(domain.version, &domain)
}

pub async fn create_domain(ctx: Ctx, member: Member, key: Idempotency, body: Json<NewDomain>) -> Answer {
    let create = Create::new(&ctx, member.organisation, key);
    call::write(&ctx, move |c| domains::create(c, &create, body)).await
}

pub async fn update_domain(ctx: Ctx, member: Member, ids: Of, seen: IfMatch, body: Json<DomainPatch>) -> Answer {
    let update = Update::new(&ctx, member.organisation, seen);
    let domain = call::write(&ctx, move |c| domains::update(c, &update, ids.0.1, body)).await?;
    reply::with_etag(domain.version, &domain)
}

pub async fn delete_domain(ctx: Ctx, member: Member, ids: Of, seen: IfMatch) -> Answer {
    let update = Update::new(&ctx, member.organisation, seen);
    call::write(&ctx, move |c| domains::delete(c, &update, ids.0.1)).await?;
    reply::no_content()
}
