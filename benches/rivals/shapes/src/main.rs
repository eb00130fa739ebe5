//! The ways from an event loop to the database, in one small program: what ADR 0006 decides between.
//!
//! `SHAPE` is `threads` (own threads behind a queue), `block` (`web::block`) or `inline` (on the event loop, which then waits
//! for the database: not for a product); `BATCH_MAX` is how many keys share a statement. All take their connections from an
//! r2d2 pool, read by Registry's own function and leave out what Registry does besides: tokens, log, counts, deadlines.
//! `lab bench shapes` builds it and compares all of them; nothing else does.

mod rows;
mod ways;

use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::{PgConnection, connection::SimpleConnection as _};
use kit::Error;
use uuid::Uuid;

use ways::Way;

/// Connections, whatever the shape: twice the processors was best in every one.
const CONNECTIONS: u32 = 4;

/// Sets up a session as Registry does.
#[derive(Debug)]
struct Planned;

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for Planned {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute("set plan_cache_mode = force_generic_plan").map_err(diesel::r2d2::Error::QueryError)
    }
}

async fn find_api(way: web::Data<Way>, ids: web::Path<(Uuid, Uuid)>) -> HttpResponse {
    let (organisation, id) = ids.into_inner();
    match way.find((organisation.into(), id.into())).await {
        Some(Ok(api)) => HttpResponse::Ok().insert_header(("etag", format!("\"{}\"", api.version))).json(api),
        Some(Err(Error::PaymentRequired { .. })) => HttpResponse::PaymentRequired().finish(),
        Some(Err(Error::NotFound)) => HttpResponse::NotFound().finish(),
        _ => HttpResponse::ServiceUnavailable().finish(),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let setting = |name: &str| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let (shape, max) = (setting("SHAPE")?, setting("BATCH_MAX")?.parse()?);
    let pool = Pool::builder()
        .max_size(CONNECTIONS)
        .test_on_check_out(false)
        .connection_customizer(Box::new(Planned))
        .build(ConnectionManager::new(setting("DATABASE_READ_URL")?))?;
    let way = match shape.as_str() {
        "threads" => Way::threads(pool, max),
        "block" => Way::block(pool, max),
        "inline" => Way::inline(pool, max),
        other => return Err(format!("SHAPE: {other} is none of them").into()),
    };
    // Event loops that wait for the database must be more.
    let workers = if shape == "inline" { 4 } else { 2 };
    let way = web::Data::from(Arc::new(way));
    HttpServer::new(move || {
        App::new()
            .app_data(way.clone())
            .route("/readyz", web::get().to(HttpResponse::Ok))
            .route("/api/v1/organisations/{org}/apis/{id}", web::get().to(find_api))
    })
    .workers(workers)
    .bind(setting("LISTEN")?)?
    .run()
    .await?;
    Ok(())
}
