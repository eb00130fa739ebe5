//! The endpoints that every service has beside its contract.

use actix_web::http::{Method, header};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::json;

use super::ready;
use crate::app::App;
use crate::error::Error;
use crate::reply::Reply;
use crate::routes::{allowed, answering};

/// The page may use its own styles and load nothing.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Behind a gateway the five services share an origin: each serves its contract below its name as well.
pub(super) fn routes(config: &mut ServiceConfig, name: &str) {
    // Every path has its own 405.
    macro_rules! get {
        ($path:expr, $handler:path) => {
            config.service(
                web::resource($path).route(answering(&Method::GET).to($handler)).default_service(web::to(other)),
            )
        };
    }
    get!("/healthz", healthz);
    get!("/readyz", ready::readyz);
    get!("/metrics", metrics);
    for prefix in [String::new(), format!("/{name}")] {
        get!(format!("{prefix}/openapi.json"), openapi);
        get!(format!("{prefix}/docs"), docs);
    }
}

async fn other() -> Result<Reply, Error> {
    Err(Error::MethodNotAllowed { allow: allowed(&Method::GET).to_owned() })
}

/// Liveness: the process answers.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

async fn metrics(app: Data<App>) -> Result<HttpResponse, Error> {
    let text = app.metrics.text(&app.db, &app.lanes, &app.threads, &app.measured, &app.registries);
    let text = text.await.map_err(Error::internal)?;
    Ok(typed(HttpResponse::Ok(), "text/plain; version=0.0.4; charset=utf-8").body(text))
}

async fn openapi(app: Data<App>) -> HttpResponse {
    typed(HttpResponse::Ok(), "application/json").body(app.openapi.clone())
}

async fn docs(app: Data<App>) -> HttpResponse {
    typed(HttpResponse::Ok(), "text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .body(app.docs.clone())
}

fn typed(mut response: HttpResponseBuilder, media_type: &'static str) -> HttpResponseBuilder {
    response.insert_header((header::CONTENT_TYPE, media_type));
    response
}
