//! The tenants.

use actix_web::HttpRequest;
use actix_web::web::Data;
use diesel::PgConnection;
use kit::auth::{Admin, Member};
use kit::id::OrganisationId;
use kit::{Answer, Batch, Ctx, Idempotency, IfMatch, Json, NoQuery, Update, call, reply};

use crate::keys::BodySecret;
use crate::model::{NewOrganisation, Organisation, OrganisationPatch};
use crate::sign_up::SignUp;
use crate::store;

pub async fn create_organisation(
    ctx: Ctx,
    request: HttpRequest,
    key: Idempotency,
    body: Json<NewOrganisation>,
    secret: Data<BodySecret>,
    sign_up: Data<SignUp>,
) -> Answer {
    let new = body.check()?;
    let address = kit::address(&request);
    let password = sign_up.password(address, &new.admin.password).await?;
    let (meta, key) = (ctx.meta(), key.keyed(&secret.0));
    call::write(&ctx, move |c| store::sign_up::create(c, &meta, &key, &new, &password)).await
}

pub async fn find_organisation(
    ctx: Ctx,
    member: Member,
    _: NoQuery,
    organisations: Data<Batch<OrganisationId, Organisation>>,
) -> Answer {
    let found = organisations.find(&ctx, member.organisation).await?;
    reply::with_etag(found.version, &found)
}

pub async fn update_organisation(ctx: Ctx, admin: Admin, seen: IfMatch, body: Json<OrganisationPatch>) -> Answer {
    let update = Update::new(&ctx, admin.organisation, seen);
    let replanned = body.peek().is_some_and(|patch| patch.plan.is_some());
    let mut updated = call::write(&ctx, move |c| store::organisations::update(c, &update, body)).await?;
    if replanned {
        // After the commit: what was created meanwhile on the plan as it was is counted only now.
        let find = move |c: &mut PgConnection| store::organisations::find(c, admin.organisation);
        // What is done is done, even if this can't be told now.
        if let Ok(now) = call::read(&ctx, find).await {
            updated.excess = now.excess;
        }
    }
    reply::with_etag(updated.version, &updated)
}
