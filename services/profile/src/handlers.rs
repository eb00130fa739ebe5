//! The wire: routes on top, then one function per endpoint.

use actix_web::web::Data;
use kit::auth::{Admin, Member};
use kit::id::{OrganisationId, ProfileId};
use kit::reply::{self, Answer};
use kit::{Batch, Ctx, Filtered, Idempotency, Ids, IfMatch, Json, Routes, call};

use crate::access::Editor;
use crate::model::{NewNotificationSettings, NewProfile, Profile, ProfileFilter, ProfilePatch};
use crate::store::{ProfileKey, Store};

/// Closures name the store by this: a plain `&dyn Store` there would mean one that lives no longer than the borrow.
type AnyStore = dyn Store;
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
        .changes("profile")
}

async fn list_profiles(ctx: Ctx, member: Member, list: Filtered<ProfileFilter>, store: Data<dyn Store>) -> Answer {
    let prefix = list.filter.prefix()?;
    let find = move |store: &AnyStore| store.list_profiles(member.organisation, prefix.as_deref(), &list.page);
    reply::page(&call::read(&ctx, &store, find).await?)
}

async fn create_profile(
    ctx: Ctx,
    admin: Admin,
    idempotency: Idempotency,
    new: Json<NewProfile>,
    store: Data<dyn Store>,
) -> Answer {
    let meta = ctx.meta();
    let create = move |store: &AnyStore| store.create_profile(admin.organisation, new, &idempotency, &meta);
    call::write(&ctx, &store, create).await
}

async fn find_profile(ctx: Ctx, _: Member, path: Path, people: Data<Batch<ProfileKey, Profile>>) -> Answer {
    let profile = people.find(&ctx, path.0).await?;
    reply::with_etag(profile.version, &profile)
}

async fn update_profile(
    ctx: Ctx,
    _: Editor,
    path: Path,
    seen: IfMatch,
    patch: Json<ProfilePatch>,
    store: Data<dyn Store>,
) -> Answer {
    let (Ids((organisation, id)), meta) = (path, ctx.meta());
    let update = move |store: &AnyStore| store.update_profile(organisation, id, seen, patch, &meta);
    let profile = call::write(&ctx, &store, update).await?;
    reply::with_etag(profile.version, &profile)
}

async fn delete_profile(ctx: Ctx, _: Admin, path: Path, seen: IfMatch, store: Data<dyn Store>) -> Answer {
    let (Ids((organisation, id)), meta) = (path, ctx.meta());
    call::write(&ctx, &store, move |store| store.delete_profile(organisation, id, seen, &meta)).await?;
    reply::no_content()
}

async fn find_notification_settings(ctx: Ctx, _: Member, path: Path, store: Data<dyn Store>) -> Answer {
    let Ids((organisation, id)) = path;
    let settings = call::read(&ctx, &store, move |store| store.find_notification_settings(organisation, id)).await?;
    reply::with_etag(settings.version, &settings)
}

async fn update_notification_settings(
    ctx: Ctx,
    _: Editor,
    path: Path,
    seen: IfMatch,
    new: Json<NewNotificationSettings>,
    store: Data<dyn Store>,
) -> Answer {
    let (Ids((organisation, id)), meta) = (path, ctx.meta());
    let update = move |store: &AnyStore| store.update_notification_settings(organisation, id, seen, new, &meta);
    let settings = call::write(&ctx, &store, update).await?;
    reply::with_etag(settings.version, &settings)
}
