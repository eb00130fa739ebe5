//! The feed's two endpoints, which each service that publishes changes has: [`crate::Routes::changes`] adds both.

use actix_web::web::Data;

use super::{After, feed};
use crate::Ctx;
use crate::app::App;
use crate::auth::{Member, Operator};
use crate::id::OrganisationId;
use crate::reply::{self, Answer};

/// `GET /organisations/{org}/<svc>-changes`: the changes of one organisation, for its members.
pub(crate) async fn list_changes(ctx: Ctx, member: Member, after: After, app: Data<App>) -> Answer {
    read(&ctx, Some(member.organisation), &after, &app).await
}

/// `GET /<svc>-changes`: all changes, for operators.
pub(crate) async fn list_all_changes(ctx: Ctx, _: Operator, after: After, app: Data<App>) -> Answer {
    read(&ctx, None, &after, &app).await
}

async fn read(ctx: &Ctx, organisation: Option<OrganisationId>, after: &After, app: &Data<App>) -> Answer {
    let (place, limit) = (after.place(app.name)?, after.limit);
    let work = move |app: &App| app.db.read(|connection| feed(connection, app.name, organisation, place, limit));
    reply::ok(&crate::call::read(ctx, app, work).await?)
}
