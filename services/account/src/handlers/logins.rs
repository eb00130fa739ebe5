//! Who may sign in.

use actix_web::HttpRequest;
use actix_web::web::Data;
use kit::auth::{Admin, Caller, Member};
use kit::id::{LoginId, OrganisationId};
use kit::{Answer, Create, Ctx, Idempotency, Ids, IfMatch, Json, NoQuery, Page, Update, call, reply};

use crate::hashing::Hasher;
use crate::keys::BodySecret;
use crate::model::{LoginPatch, NewLogin, PasswordChange};
use crate::sign_in::SignIn;
use crate::store::logins;

type Of = Ids<(OrganisationId, LoginId)>;

pub async fn create_login(
    ctx: Ctx,
    admin: Admin,
    key: Idempotency,
    body: Json<NewLogin>,
    secret: Data<BodySecret>,
    hasher: Data<Hasher>,
) -> Answer {
    let new = body.check()?;
    let password = hasher.hash(&admin.login.to_string(), &new.password).await?;
    let create = Create::new(&ctx, admin.organisation, key.keyed(&secret.0));
    call::write(&ctx, move |c| logins::create(c, &create, &new, &password)).await
}

pub async fn list_logins(ctx: Ctx, member: Member, page: Page) -> Answer {
    reply::page(&call::read(&ctx, move |c| logins::list(c, member.organisation, &page)).await?)
}

pub async fn find_login(ctx: Ctx, _: Member, ids: Of, _: NoQuery) -> Answer {
    let (organisation, id) = ids.0;
    let found = call::read(&ctx, move |c| logins::find(c, organisation, id)).await?;
    reply::with_etag(found.version, &found)
}

pub async fn update_login(
    ctx: Ctx,
    admin: Admin,
    ids: Of,
    seen: IfMatch,
    body: Json<LoginPatch>,
    hasher: Data<Hasher>,
) -> Answer {
    let password = match body.peek().and_then(|patch| patch.password.as_deref()) {
        Some(password) => Some(hasher.hash(&admin.login.to_string(), password).await?),
        None => None,
    };
    let update = Update::new(&ctx, admin.organisation, seen);
    let updated = call::write(&ctx, move |c| logins::update(c, &update, ids.0.1, body, password.as_ref())).await?;
    reply::with_etag(updated.version, &updated)
}

pub async fn delete_login(ctx: Ctx, admin: Admin, ids: Of, seen: IfMatch) -> Answer {
    let update = Update::new(&ctx, admin.organisation, seen);
    call::write(&ctx, move |c| logins::delete(c, &update, ids.0.1)).await?;
    reply::no_content()
}

pub async fn change_password(
    ctx: Ctx,
    caller: Caller,
    request: HttpRequest,
    body: Json<PasswordChange>,
    sign_in: Data<SignIn>,
) -> Answer {
    let change = body.check()?;
    sign_in.change_password(&ctx, caller.login, kit::address(&request), &change).await?;
    reply::no_content()
}
