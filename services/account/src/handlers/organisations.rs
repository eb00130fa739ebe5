//! The tenants.

use actix_web::HttpRequest;
use actix_web::web::Data;
use kit::auth::{Admin, Member};
use kit::id::OrganisationId;
use kit::{Answer, Batch, Ctx, Idempotency, IfMatch, Json, NoQuery, call, reply};

use crate::keys::BodySecret;
use crate::model::{NewOrganisation, Organisation, OrganisationPatch};
use crate::sign_up::SignUp;
use crate::store::Store;

pub(super) async fn create_organisation(
    ctx: Ctx,
    request: HttpRequest,
    key: Idempotency,
    body: Json<NewOrganisation>,
    secret: Data<BodySecret>,
    sign_up: Data<SignUp>,
    store: Data<dyn Store>,
) -> Answer {
    let new = body.check()?;
    let address = kit::clients::address(&request);
    let password = sign_up.password(address, &new.admin.password).await?;
    let (meta, key) = (ctx.meta(), key.keyed(&secret.0));
    call::write(&ctx, &store, move |store| store.create_organisation(&meta, &key, &new, &password)).await
}

pub(super) async fn find_organisation(
    ctx: Ctx,
    member: Member,
    _: NoQuery,
    organisations: Data<Batch<OrganisationId, Organisation>>,
) -> Answer {
    let found = organisations.find(&ctx, member.organisation).await?;
    reply::with_etag(found.version, &found)
}

pub(super) async fn update_organisation(
    ctx: Ctx,
    admin: Admin,
    seen: IfMatch,
    body: Json<OrganisationPatch>,
    store: Data<dyn Store>,
) -> Answer {
    let meta = ctx.meta();
    let updated =
        call::write(&ctx, &store, move |store| store.update_organisation(&meta, admin.organisation, seen, body))
            .await?;
    reply::with_etag(updated.version, &updated)
}
