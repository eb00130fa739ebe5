//! The wire: routes on top, then one function per endpoint.

use actix_web::web::Data;
use kit::auth::{Admin, Member};
use kit::id::{OrganisationId, ProfileId};
use kit::reply::{self, Answer};
use kit::{Batch, Create, Ctx, Filtered, Idempotency, Ids, IfMatch, Json, Routes, Update, call};

use crate::access::Editor;
use crate::model::{NewNotificationSettings, NewProfile, Profile, ProfileFilter, ProfilePatch};
use crate::store::profiles::ProfileKey;
use crate::store::{SCHEMA, profiles, settings};

type Path = Ids<(OrganisationId, ProfileId)>;

/// Every endpoint of the contract.
pub fn routes() -> Routes {
    Routes::new()
        .get("/organisations/{org}/profiles", list_profiles)
        .post("/organisations/{org}/profiles", create_profile)
        .get("/organisations/{org}/profiles/{id}", find_profile)
        .patch("/organisations/{org}/profiles/{id}", update_profile)
        .delete("/organisations/{org}/profiles/{id}", delete_profile)
        .get("/organisations/{org}/profiles/{id}/notification-settings", find_notification_settings)
        .put("/organisations/{org}/profiles/{id}/notification-settings", update_notification_settings)
        .changes(SCHEMA)
}

async fn list_profiles(ctx: Ctx, member: Member, list: Filtered<ProfileFilter>) -> Answer {
    let (organisation, prefix) = (member.organisation, list.filter.prefix()?);
    reply::page(&call::read(&ctx, move |c| profiles::list(c, organisation, prefix.as_deref(), &list.page)).await?)
}

async fn create_profile(ctx: Ctx, admin: Admin, key: Idempotency, new: Json<NewProfile>) -> Answer {
    let create = Create::new(&ctx, admin.organisation, key);
    call::write(&ctx, move |c| profiles::create(c, &create, new)).await
}

async fn find_profile(ctx: Ctx, _: Member, path: Path, people: Data<Batch<ProfileKey, Profile>>) -> Answer {
    let profile = people.find(&ctx, path.0).await?;
    reply::with_etag(profile.version, &profile)
}

async fn update_profile(ctx: Ctx, _: Editor, path: Path, seen: IfMatch, patch: Json<ProfilePatch>) -> Answer {
    let Ids((organisation, id)) = path;
    let update = Update::new(&ctx, organisation, seen);
    let profile = call::write(&ctx, move |c| profiles::update(c, &update, id, patch)).await?;
    reply::with_etag(profile.version, &profile)
}

async fn delete_profile(ctx: Ctx, _: Admin, path: Path, seen: IfMatch) -> Answer {
    let Ids((organisation, id)) = path;
    let update = Update::new(&ctx, organisation, seen);
    call::write(&ctx, move |c| profiles::delete(c, &update, id)).await?;
    reply::no_content()
}

async fn find_notification_settings(ctx: Ctx, _: Member, path: Path) -> Answer {
    let Ids((organisation, id)) = path;
    let settings = call::read(&ctx, move |c| settings::find(c, organisation, id)).await?;
    reply::with_etag(settings.version, &settings)
}

async fn update_notification_settings(
    ctx: Ctx,
    _: Editor,
    path: Path,
    seen: IfMatch,
    new: Json<NewNotificationSettings>,
) -> Answer {
    let Ids((organisation, id)) = path;
    let update = Update::new(&ctx, organisation, seen);
    let settings = call::write(&ctx, move |c| settings::update(c, &update, id, new)).await?;
    reply::with_etag(settings.version, &settings)
}
