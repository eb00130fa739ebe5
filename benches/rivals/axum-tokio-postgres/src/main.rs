//! Registry's read behind axum and tokio-postgres: requests are pipelined over a few connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, NoTls, Row, Statement};
use uuid::Uuid;

const CONNECTIONS: usize = 4;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Connections, each with its statement, taken in turn.
struct Pool {
    clients: Vec<(Client, Statement)>,
    next: AtomicUsize,
}

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

/// `record[]` in binary: no library knows what is in a record.
struct Versions(Vec<Version>);

impl<'a> FromSql<'a> for Versions {
    fn from_sql(_: &Type, mut raw: &'a [u8]) -> Result<Self, Error> {
        let (dimensions, _, _) = (int(&mut raw)?, int(&mut raw)?, int(&mut raw)?);
        if dimensions == 0 {
            return Ok(Self(Vec::new()));
        }
        let (count, _) = (int(&mut raw)?, int(&mut raw)?);
        let versions = (0..count)
            .map(|_| {
                let (_, _) = (int(&mut raw)?, int(&mut raw)?);
                Ok(Version {
                    major: int(&mut field(&mut raw)?)?,
                    minor: int(&mut field(&mut raw)?)?,
                    status: String::from_utf8(field(&mut raw)?.to_vec())?,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self(versions))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::RECORD_ARRAY
    }
}

fn int(raw: &mut &[u8]) -> Result<i32, Error> {
    let (bytes, rest) = raw.split_first_chunk().ok_or("too short")?;
    *raw = rest;
    Ok(i32::from_be_bytes(*bytes))
}

/// A field of a record: its type, its length, itself.
fn field<'a>(raw: &mut &'a [u8]) -> Result<&'a [u8], Error> {
    let _type = int(raw)?;
    let length = usize::try_from(int(raw)?)?;
    let (field, rest) = raw.split_at_checked(length).ok_or("too short")?;
    *raw = rest;
    Ok(field)
}

fn api(row: &Row) -> Result<Option<Api>, tokio_postgres::Error> {
    let Some(id) = row.try_get(1)? else {
        return Ok(None);
    };
    let person = |at: usize| -> Result<Option<Person>, tokio_postgres::Error> {
        let id: Option<Uuid> = row.try_get(at)?;
        id.map(|id| Ok(Person { id, name: row.try_get(at + 1)?, job_title: row.try_get(at + 2)? })).transpose()
    };
    let reference = |at: usize| -> Result<Reference, tokio_postgres::Error> {
        Ok(Reference { id: row.try_get(at)?, name: row.try_get(at + 1)? })
    };
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
        versions: row.try_get::<_, Versions>(16)?.0,
        version: row.try_get(17)?,
        created_at: row.try_get(18)?,
        updated_at: row.try_get(19)?,
    }))
}

async fn find_api(State(pool): State<Arc<Pool>>, Path((org, id)): Path<(Uuid, Uuid)>) -> Response {
    let next = pool.next.fetch_add(1, Ordering::Relaxed);
    let (client, statement) = &pool.clients[next % pool.clients.len()];
    let found = client.query_one(statement, &[&org, &id]).await.and_then(|row| {
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
async fn main() -> Result<(), Error> {
    let url = std::env::var("DATABASE_READ_URL")?;
    // Registry's own, from whoever starts this.
    let sql = std::env::var("STATEMENT")?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("set plan_cache_mode = force_generic_plan").await?;
        let statement = client.prepare(&sql).await?;
        clients.push((client, statement));
    }
    let pool = Arc::new(Pool { clients, next: AtomicUsize::new(0) });
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
