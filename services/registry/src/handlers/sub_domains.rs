//! `/domains/{domain}/sub-domains` and `/sub-domains`

use kit::auth::Member;
use kit::id::{DomainId, OrganisationId, SubDomainId};
use kit::{Answer, Create, Ctx, Idempotency, Ids, IfMatch, Json, NoQuery, Page, Update, call, reply};

use crate::model::{NewSubDomain, SubDomainMove, SubDomainPatch};
use crate::store::sub_domains;

type In = Ids<(OrganisationId, DomainId)>;
type Of = Ids<(OrganisationId, SubDomainId)>;

pub async fn list_sub_domains(ctx: Ctx, member: Member, ids: In, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| sub_domains::list(c, member.organisation, ids.0.1, &page)).await?)
}

pub async fn find_sub_domain(ctx: Ctx, member: Member, ids: Of, _: NoQuery) -> Answer {
    let sub_domain = call::read(&ctx, move |c| sub_domains::find(c, member.organisation, ids.0.1)).await?;
    reply::with_etag(sub_domain.version, &sub_domain)
}

pub async fn create_sub_domain(
    ctx: Ctx,
    member: Member,
    ids: In,
    key: Idempotency,
    body: Json<NewSubDomain>,
) -> Answer {
    let create = Create::new(&ctx, member.organisation, key);
    call::write(&ctx, move |c| sub_domains::create(c, &create, ids.0.1, body)).await
}

pub async fn update_sub_domain(ctx: Ctx, member: Member, ids: Of, seen: IfMatch, body: Json<SubDomainPatch>) -> Answer {
    let update = Update::new(&ctx, member.organisation, seen);
    let sub_domain = call::write(&ctx, move |c| sub_domains::update(c, &update, ids.0.1, body)).await?;
    reply::with_etag(sub_domain.version, &sub_domain)
}

pub async fn move_sub_domain(ctx: Ctx, member: Member, ids: Of, seen: IfMatch, body: Json<SubDomainMove>) -> Answer {
    let update = Update::new(&ctx, member.organisation, seen);
    let sub_domain = call::write(&ctx, move |c| sub_domains::relocate(c, &update, ids.0.1, body)).await?;
    reply::with_etag(sub_domain.version, &sub_domain)
}

pub async fn delete_sub_domain(ctx: Ctx, member: Member, ids: Of, seen: IfMatch) -> Answer {
    let update = Update::new(&ctx, member.organisation, seen);
    call::write(&ctx, move |c| sub_domains::delete(c, &update, ids.0.1)).await?;
    reply::no_content()
}
