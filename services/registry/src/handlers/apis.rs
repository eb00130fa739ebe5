//! `/apis` and `/tags`

use actix_web::web::Data;
use kit::auth::Member;
use kit::id::{ApiId, OrganisationId};
use kit::{Answer, Batch, Create, Ctx, Filtered, Idempotency, Ids, IfMatch, Json, NoQuery, Query, Update, call, reply};

use crate::model::{Api, ApiFilter, ApiMove, ApiPatch, NewApi, TagPage};
use crate::store::apis::ApiKey;
use crate::store::{api_create, api_list, api_writes, tags};

type Of = Ids<(OrganisationId, ApiId)>;

pub async fn list_apis(ctx: Ctx, member: Member, of: Filtered<ApiFilter>) -> Answer {
    of.filter.check()?;
    reply::page(&call::read(&ctx, move |c| api_list::list(c, member.organisation, &of.filter, &of.page)).await?)
}

pub async fn find_api(ctx: Ctx, member: Member, ids: Of, _: NoQuery, apis: Data<Batch<ApiKey, Api>>) -> Answer {
    let api = apis.find(&ctx, (member.organisation, ids.0.1)).await?;
    reply::with_etag(api.version, &api)
}

pub async fn create_api(ctx: Ctx, member: Member, key: Idempotency, body: Json<NewApi>) -> Answer {
    let create = Create::new(&ctx, member.organisation, key);
    call::write(&ctx, move |c| api_create::create(c, &create, body)).await
}

pub async fn update_api(ctx: Ctx, member: Member, ids: Of, seen: IfMatch, body: Json<ApiPatch>) -> Answer {
    let update = Update::new(&ctx, member.organisation, seen);
    let api = call::write(&ctx, move |c| api_writes::update(c, &update, ids.0.1, body)).await?;
    reply::with_etag(api.version, &api)
}

pub async fn move_api(ctx: Ctx, member: Member, ids: Of, seen: IfMatch, body: Json<ApiMove>) -> Answer {
    let update = Update::new(&ctx, member.organisation, seen);
    let api = call::write(&ctx, move |c| api_writes::relocate(c, &update, ids.0.1, body)).await?;
    reply::with_etag(api.version, &api)
}

pub async fn delete_api(ctx: Ctx, member: Member, ids: Of, seen: IfMatch) -> Answer {
    let update = Update::new(&ctx, member.organisation, seen);
    call::write(&ctx, move |c| api_writes::delete(c, &update, ids.0.1)).await?;
    reply::no_content()
}

pub async fn list_tags(ctx: Ctx, member: Member, page: Query<TagPage>) -> Answer {
    let org = member.organisation;
    let (limit, after) = (page.0.limit()?, page.0.after(org)?);
    let rows = call::read(&ctx, move |c| tags::list(c, org, &after, limit)).await?;
    reply::page(&TagPage::finish(org, limit, rows))
}
