//! The endpoints that every service has beside its contract.

use actix_web::http::{Method, header};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::json;

use crate::app::App;
use crate::error::Error;
use crate::readable::Probe;
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
    get!("/readyz", readyz);
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

/// Readiness: the database answers, every table and view can be read, and the service isn't stopping.
async fn readyz(app: Data<App>) -> HttpResponse {
    let mut failed: Vec<String> = app.checks.iter().filter_map(|check| check().err()).collect();
    if app.draining() {
        failed.push("stopping".to_owned());
    }
    let (db, probes) = (app.db.clone(), app.probes.clone());
    let read = app.lanes.read.run(move || db.read(|c| failing(&probes, c)));
    let (db, probes) = (app.db.clone(), app.probes.clone());
    let write = app.lanes.write.run(move || db.write_unbound(|c| failing(&probes, c)));
    for (role, result) in [("reader", read.await.0), ("writer", write.await.0)] {
        match result {
            Ok(names) => failed.extend(names.into_iter().map(|name| format!("{name} can't be read by the {role}"))),
            // Busy is not away: taken out of service for that, its load would fall on the other instances.
            Err(Error::Busy(crate::error::Busy::Queue)) => {}
            Err(_) => failed.push(format!("the database doesn't answer the {role}")),
        }
    }
    if failed.is_empty() {
        return HttpResponse::Ok().json(json!({ "ready": true }));
    }
    tracing::warn!(service = app.name, failed = ?failed, "not ready");
    HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, "1"))
        .json(json!({ "ready": false, "failed": failed }))
}

/// The probes that fail; an error if the database isn't there at all.
fn failing(probes: &[Probe], c: &mut diesel::PgConnection) -> Result<Vec<&'static str>, Error> {
    use diesel::connection::SimpleConnection;
    c.batch_execute("select 1")?;
    let mut names = Vec::new();
    for probe in probes {
        match (probe.run)(c).map_err(Error::from) {
            Ok(_) => {}
            Err(busy @ Error::Busy(_)) => return Err(busy),
            Err(error) => {
                tracing::warn!(probe = probe.name, error = %error, "can't be read");
                names.push(probe.name);
            }
        }
    }
    Ok(names)
}

async fn metrics(app: Data<App>) -> Result<HttpResponse, Error> {
    let text = app.metrics.text(&app.db, &app.lanes, &app.measured).await.map_err(Error::internal)?;
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
