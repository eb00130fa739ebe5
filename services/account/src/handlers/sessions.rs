//! Signing in, and the keys that tokens are verified with.

use actix_web::HttpRequest;
use actix_web::web::Data;
use kit::{Answer, Ctx, Error, Json, NoQuery, call, reply};

use crate::model::{Credentials, Jwks};
use crate::sign_in::SignIn;
use crate::store::keys;

pub async fn create_session(ctx: Ctx, request: HttpRequest, body: Json<Credentials>, sign_in: Data<SignIn>) -> Answer {
    let credentials = body.check()?;
    reply::ok(&sign_in.session(&ctx, kit::address(&request), credentials).await?)
}

pub async fn list_keys(ctx: Ctx, _: NoQuery) -> Answer {
    let now = ctx.now();
    let texts = call::read(&ctx, move |c| keys::list(c, now)).await?;
    let keys = texts.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>();
    reply::ok(&Jwks { keys: keys.map_err(Error::internal)? })
}
