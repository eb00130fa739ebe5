//! What an organisation may subscribe to.

use actix_web::web::Data;
use kit::auth::Operator;
use kit::{Answer, Ctx, Idempotency, Ids, IfMatch, Json, NoQuery, Page, call, reply};

use crate::model::{NewPlan, PlanPatch};
use crate::store::Store;

pub(super) async fn create_plan(
    ctx: Ctx,
    _: Operator,
    key: Idempotency,
    body: Json<NewPlan>,
    store: Data<dyn Store>,
) -> Answer {
    let meta = ctx.meta();
    call::write(&ctx, &store, move |store| store.create_plan(&meta, &key, body)).await
}

pub(super) async fn list_plans(ctx: Ctx, page: Page, store: Data<dyn Store>) -> Answer {
    reply::page(&call::read(&ctx, &store, move |store| store.list_plans(page)).await?)
}

pub(super) async fn find_plan(ctx: Ctx, code: Ids<String>, _: NoQuery, store: Data<dyn Store>) -> Answer {
    let found = call::read(&ctx, &store, move |store| store.find_plan(&code.0)).await?;
    reply::with_etag(found.version, &found)
}

pub(super) async fn update_plan(
    ctx: Ctx,
    _: Operator,
    code: Ids<String>,
    seen: IfMatch,
    body: Json<PlanPatch>,
    store: Data<dyn Store>,
) -> Answer {
    let meta = ctx.meta();
    let updated = call::write(&ctx, &store, move |store| store.update_plan(&meta, &code.0, seen, body)).await?;
    reply::with_etag(updated.version, &updated)
}
