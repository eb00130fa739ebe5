//! Who may sign in.

use actix_web::HttpRequest;
use actix_web::web::Data;
use kit::auth::{Admin, Caller, Member};
use kit::id::{LoginId, OrganisationId};
use kit::{Answer, Ctx, Idempotency, Ids, IfMatch, Json, NoQuery, Page, call, reply};

use crate::hashing::Hasher;
use crate::keys::BodySecret;
use crate::model::{LoginPatch, NewLogin, PasswordChange};
use crate::sign_in::SignIn;
use crate::store::Store;

pub(super) async fn create_login(
    ctx: Ctx,
    admin: Admin,
    key: Idempotency,
    body: Json<NewLogin>,
    secret: Data<BodySecret>,
    hasher: Data<Hasher>,
    store: Data<dyn Store>,
) -> Answer {
    let new = body.check()?;
    let password = hasher.hash(&admin.login.to_string(), &new.password).await?;
    let (meta, key) = (ctx.meta(), key.keyed(&secret.0));
    call::write(&ctx, &store, move |store| store.create_login(&meta, &key, admin.organisation, &new, &password)).await
}

pub(super) async fn list_logins(ctx: Ctx, member: Member, page: Page, store: Data<dyn Store>) -> Answer {
    reply::page(&call::read(&ctx, &store, move |store| store.list_logins(member.organisation, page)).await?)
}

pub(super) async fn find_login(
    ctx: Ctx,
    _: Member,
    ids: Ids<(OrganisationId, LoginId)>,
    _: NoQuery,
    store: Data<dyn Store>,
) -> Answer {
    let (organisation, id) = ids.0;
    let found = call::read(&ctx, &store, move |store| store.find_login(organisation, id)).await?;
    reply::with_etag(found.version, &found)
}

pub(super) async fn update_login(
    ctx: Ctx,
    admin: Admin,
    ids: Ids<(OrganisationId, LoginId)>,
    seen: IfMatch,
    body: Json<LoginPatch>,
    hasher: Data<Hasher>,
    store: Data<dyn Store>,
) -> Answer {
    let password = match body.peek().and_then(|patch| patch.password.as_deref()) {
        Some(password) => Some(hasher.hash(&admin.login.to_string(), password).await?),
        None => None,
    };
    let meta = ctx.meta();
    let updated =
        call::write(&ctx, &store, move |store| store.update_login(&meta, ids.0, seen, body, password.as_ref())).await?;
    reply::with_etag(updated.version, &updated)
}

pub(super) async fn delete_login(
    ctx: Ctx,
    _: Admin,
    ids: Ids<(OrganisationId, LoginId)>,
    seen: IfMatch,
    store: Data<dyn Store>,
) -> Answer {
    let meta = ctx.meta();
    call::write(&ctx, &store, move |store| store.delete_login(&meta, ids.0, seen)).await?;
    reply::no_content()
}

pub(super) async fn change_password(
    ctx: Ctx,
    caller: Caller,
    request: HttpRequest,
    body: Json<PasswordChange>,
    sign_in: Data<SignIn>,
    store: Data<dyn Store>,
) -> Answer {
    let change = body.check()?;
    sign_in.change_password(&ctx, &store, caller.login, kit::clients::address(&request), &change).await?;
    reply::no_content()
}
