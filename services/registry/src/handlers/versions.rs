//! `/apis/{api}/versions`

use kit::auth::Member;
use kit::id::{ApiId, OrganisationId};
use kit::{Answer, Create, Ctx, Idempotency, Ids, IfMatch, Json, Page, Update, call, reply};

use crate::model::{NewStatus, NewVersion, Number};
use crate::store::versions;

type In = Ids<(OrganisationId, ApiId)>;
type Of = Ids<(OrganisationId, ApiId, Number)>;

pub async fn list_versions(ctx: Ctx, member: Member, ids: In, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| versions::list(c, member.organisation, ids.0.1, &page)).await?)
}

pub async fn create_version(ctx: Ctx, member: Member, ids: In, key: Idempotency, body: Json<NewVersion>) -> Answer {
    let create = Create::new(&ctx, member.organisation, key);
    call::write(&ctx, move |c| versions::create(c, &create, ids.0.1, body)).await
}

pub async fn set_version_status(ctx: Ctx, member: Member, ids: Of, seen: IfMatch, body: Json<NewStatus>) -> Answer {
    let (update, (_, api, number)) = (Update::new(&ctx, member.organisation, seen), ids.0);
    let version = call::write(&ctx, move |c| versions::set_status(c, &update, api, number, body)).await?;
    reply::with_etag(version.version, &version)
}

pub async fn delete_version(ctx: Ctx, member: Member, ids: Of, seen: IfMatch) -> Answer {
    let (update, (_, api, number)) = (Update::new(&ctx, member.organisation, seen), ids.0);
    call::write(&ctx, move |c| versions::delete(c, &update, api, number)).await?;
    reply::no_content()
}
