//! Signing in, and the keys that tokens are verified with.

use actix_web::HttpRequest;
use actix_web::web::Data;
use kit::{Answer, Ctx, Error, Json, NoQuery, call, reply};

use crate::model::{Credentials, Jwks};
use crate::sign_in::SignIn;
use crate::store::Store;

pub(super) async fn create_session(
    ctx: Ctx,
    request: HttpRequest,
    body: Json<Credentials>,
    sign_in: Data<SignIn>,
    store: Data<dyn Store>,
) -> Answer {
    let credentials = body.check()?;
    reply::ok(&sign_in.session(&ctx, &store, kit::clients::address(&request), credentials).await?)
}

pub(super) async fn list_keys(ctx: Ctx, _: NoQuery, store: Data<dyn Store>) -> Answer {
    let now = ctx.now();
    let texts = call::read(&ctx, &store, move |store| store.list_keys(now)).await?;
    let keys =
        texts.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>().map_err(Error::internal)?;
    reply::ok(&Jwks { keys })
}
