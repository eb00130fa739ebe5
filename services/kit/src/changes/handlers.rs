//! The feed's two endpoints, which each service that publishes changes has: [`crate::Routes::changes`] adds both.

use super::{After, feed};
use crate::auth::{Member, Operator};
use crate::id::OrganisationId;
use crate::reply::{self, Answer};
use crate::{Ctx, call};

/// `GET /organisations/{org}/<svc>-changes`: the changes of one organisation, for its members.
pub(crate) async fn list_changes(ctx: Ctx, member: Member, after: After) -> Answer {
    read(&ctx, Some(member.organisation), &after).await
}

/// `GET /<svc>-changes`: all changes, for operators.
pub(crate) async fn list_all_changes(ctx: Ctx, _: Operator, after: After) -> Answer {
    read(&ctx, None, &after).await
}

async fn read(ctx: &Ctx, organisation: Option<OrganisationId>, after: &After) -> Answer {
    let service = ctx.app().name;
    let (place, limit) = (after.place(service)?, after.limit);
    reply::ok(&call::read(ctx, move |c| feed(c, service, organisation, place, limit)).await?)
}
