//! The feed. Not kit's own handlers: the feed of a frozen organisation is a 402, in one statement.

use kit::auth::{Member, Operator};
use kit::changes::{After, feed};
use kit::{Answer, Ctx, call, reply};

use crate::store::{self, SCHEMA};

pub async fn list_registry_changes(ctx: Ctx, member: Member, after: After) -> Answer {
    let (org, place, limit) = (member.organisation, after.place(SCHEMA)?, after.limit);
    reply::ok(&call::read(&ctx, move |c| store::feed::list(c, org, place, limit)).await?)
}

/// The feed of all organisations, for the platform's own staff: no organisation, nobody frozen.
pub async fn list_all_registry_changes(ctx: Ctx, _: Operator, after: After) -> Answer {
    let (place, limit) = (after.place(SCHEMA)?, after.limit);
    reply::ok(&call::read(&ctx, move |c| feed(c, SCHEMA, None, place, limit)).await?)
}
