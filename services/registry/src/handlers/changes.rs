//! The feed. Not kit's own handlers: the feed of a frozen organisation is a 402, in one statement.

use actix_web::web::Data;
use kit::auth::{Member, Operator};
use kit::changes::After;
use kit::{Answer, Ctx, call, reply};

use crate::store::{SCHEMA, Store};

pub async fn list_registry_changes(ctx: Ctx, member: Member, after: After, store: Data<dyn Store>) -> Answer {
    let (org, place, limit) = (member.organisation, after.place(SCHEMA)?, after.limit);
    reply::ok(&call::read(&ctx, &store, move |store| store.list_changes(org, place, limit)).await?)
}

pub async fn list_all_registry_changes(ctx: Ctx, _: Operator, after: After, store: Data<dyn Store>) -> Answer {
    let (place, limit) = (after.place(SCHEMA)?, after.limit);
    reply::ok(&call::read(&ctx, &store, move |store| store.list_all_changes(place, limit)).await?)
}
