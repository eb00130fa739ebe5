//! What an organisation may subscribe to.

use kit::auth::Operator;
use kit::{Answer, Ctx, Idempotency, Ids, IfMatch, Json, NoQuery, Page, call, reply};

use crate::model::{NewPlan, PlanPatch};
use crate::store::plans;

pub async fn create_plan(ctx: Ctx, _: Operator, key: Idempotency, body: Json<NewPlan>) -> Answer {
    let (meta, new) = (ctx.meta(), body.check()?);
    call::write(&ctx, move |c| plans::create(c, &meta, &key, new)).await
}

pub async fn list_plans(ctx: Ctx, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| plans::list(c, &page)).await?)
}

pub async fn find_plan(ctx: Ctx, code: Ids<String>, _: NoQuery) -> Answer {
    let found = call::read(&ctx, move |c| plans::find(c, &code.0)).await?;
    reply::with_etag(found.version, &found)
}

pub async fn update_plan(ctx: Ctx, _: Operator, code: Ids<String>, seen: IfMatch, body: Json<PlanPatch>) -> Answer {
    let meta = ctx.meta();
    let updated = call::write(&ctx, move |c| plans::update(c, &meta, &code.0, seen, body)).await?;
    reply::with_etag(updated.version, &updated)
}
