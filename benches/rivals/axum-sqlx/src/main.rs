//! Registry's read behind axum and sqlx.

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{Executor as _, Row as _};
use uuid::Uuid;

/// Registry's own, from whoever starts this.
static SQL: LazyLock<String> = LazyLock::new(|| std::env::var("STATEMENT").unwrap_or_default());

/// An API as Registry shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Api {
    id: Uuid,
    name: String,
    title: Option<String>,
    description: Option<String>,
    tags: Vec<String>,
    business_owner: Option<Person>,
    technical_owner: Option<Person>,
    domain: Reference,
    sub_domain: Reference,
    versions: Vec<Version>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    id: Uuid,
    name: String,
    job_title: Option<String>,
}

#[derive(Serialize)]
struct Reference {
    id: Uuid,
    name: String,
}

#[derive(Serialize)]
struct Version {
    major: i32,
    minor: i32,
    status: String,
}

fn api(row: &PgRow) -> Result<Option<Api>, sqlx::Error> {
    let Some(id) = row.try_get(1)? else {
        return Ok(None);
    };
    let person = |at: usize| -> Result<Option<Person>, sqlx::Error> {
        let id: Option<Uuid> = row.try_get(at)?;
        id.map(|id| Ok(Person { id, name: row.try_get(at + 1)?, job_title: row.try_get(at + 2)? })).transpose()
    };
    let reference = |at: usize| -> Result<Reference, sqlx::Error> {
        Ok(Reference { id: row.try_get(at)?, name: row.try_get(at + 1)? })
    };
    let versions: Vec<(i32, i32, String)> = row.try_get(16)?;
    Ok(Some(Api {
        id,
        name: row.try_get(2)?,
        title: row.try_get(3)?,
        description: row.try_get(4)?,
        tags: row.try_get(5)?,
        business_owner: person(6)?,
        technical_owner: person(9)?,
        domain: reference(12)?,
        sub_domain: reference(14)?,
        versions: versions.into_iter().map(|(major, minor, status)| Version { major, minor, status }).collect(),
        version: row.try_get(17)?,
        created_at: row.try_get(18)?,
        updated_at: row.try_get(19)?,
    }))
}

async fn find_api(State(pool): State<PgPool>, Path((org, id)): Path<(Uuid, Uuid)>) -> Response {
    let row = sqlx::query(&SQL).bind(org).bind(id).fetch_one(&pool).await;
    let found = row.and_then(|row| {
        let standing: Option<&str> = row.try_get(0)?;
        Ok((standing == Some("frozen"), api(&row)?))
    });
    match found {
        Ok((true, _)) => StatusCode::PAYMENT_REQUIRED.into_response(),
        Ok((_, Some(api))) => {
            let etag = format!("\"{}\"", api.version);
            ([("etag", etag)], Json(api)).into_response()
        }
        Ok((_, None)) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            eprintln!("{error}");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = PgPoolOptions::new()
        .min_connections(8)
        .max_connections(8)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("set plan_cache_mode = force_generic_plan").await?;
                Ok(())
            })
        })
        .connect(&std::env::var("DATABASE_READ_URL")?)
        .await?;
    let routes = Router::new()
        .route("/readyz", get(StatusCode::OK))
        .route("/api/v1/organisations/{org}/apis/{id}", get(find_api))
        .with_state(pool);
    let listener = tokio::net::TcpListener::bind(std::env::var("LISTEN")?).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, routes).await?;
    Ok(())
}
