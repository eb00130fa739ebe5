//! An API as Registry shows it, and how it is read.

use chrono::{DateTime, Utc};
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::{PgConnection, QueryResult, Queryable, RunQueryDsl};
use serde::Serialize;
use uuid::Uuid;

/// What an API is found by: organisation and id.
pub type Key = (Uuid, Uuid);
/// An id in Rust: in a statement `Uuid` is the type in SQL.
type Id = Uuid;
/// Connections.
pub type Connections = Pool<ConnectionManager<PgConnection>>;

/// What stands under a key.
pub enum Answer {
    Found(Box<Api>),
    Frozen,
    Missing,
    Failed,
}

#[derive(Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Api {
    id: Uuid,
    name: String,
    title: Option<String>,
    description: Option<String>,
    tags: Vec<String>,
    business_owner: Option<Person>,
    technical_owner: Option<Person>,
    domain: Reference,
    sub_domain: Reference,
    #[serde(serialize_with = "versions")]
    versions: Vec<(i32, i32, String)>,
    pub version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    id: Uuid,
    name: String,
    job_title: Option<String>,
}

#[derive(Queryable, Serialize)]
pub struct Reference {
    id: Uuid,
    name: String,
}

#[derive(Serialize)]
struct Version<'a> {
    major: i32,
    minor: i32,
    status: &'a str,
}

fn versions<S: serde::Serializer>(of: &[(i32, i32, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(of.iter().map(|(major, minor, status)| Version { major: *major, minor: *minor, status }))
}

mod row {
    use diesel::pg::sql_types::*;
    use diesel::sql_types::*;

    type Person = Nullable<(Uuid, Text, Nullable<Text>)>;
    pub type Api = (
        Uuid,
        Text,
        Nullable<Text>,
        Nullable<Text>,
        Array<Text>,
        Person,
        Person,
        (Uuid, Text),
        (Uuid, Text),
        Array<Record<(Integer, Integer, Text)>>,
        BigInt,
        Timestamptz,
        Timestamptz,
    );
}

kit::statement! {
    /// Registry's.
    pub struct FindApi(organisation_id: Id as Uuid, id: Id as Uuid) -> (Nullable<Text>, Nullable<row::Api>) =
        include_str!("find_api.sql")
}

kit::statement! {
    /// Registry's for many.
    pub struct FindApis<'a>(organisation_ids: &'a [Id] as Array<Uuid>, ids: &'a [Id] as Array<Uuid>)
        -> (BigInt, (Nullable<Text>, Nullable<row::Api>)) =
        include_str!("find_apis.sql")
}

type Row = (Option<String>, Option<Api>);

/// Each key's answer, in their order; one alone by the statement for one.
pub fn find(pool: &Connections, keys: &[Key]) -> Vec<Answer> {
    #[expect(clippy::disallowed_methods, reason = "no product: there is no kit::Db here")]
    let found = pool
        .get()
        .map_err(|error| error.to_string())
        .and_then(|mut connection| rows(&mut connection, keys).map_err(|error| error.to_string()));
    match found {
        Ok(rows) => rows.into_iter().map(answer).collect(),
        Err(error) => {
            eprintln!("{error}");
            keys.iter().map(|_| Answer::Failed).collect()
        }
    }
}

fn rows(connection: &mut PgConnection, keys: &[Key]) -> QueryResult<Vec<Row>> {
    if let &[(organisation_id, id)] = keys {
        let one = FindApi { organisation_id, id };
        return Ok(vec![one.get_result(connection)?]);
    }
    let (organisation_ids, ids): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
    let many = FindApis { organisation_ids: &organisation_ids, ids: &ids };
    let mut rows: Vec<(i64, Row)> = many.load(connection)?;
    rows.sort_unstable_by_key(|(n, _)| *n);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn answer((standing, api): Row) -> Answer {
    match (standing.as_deref(), api) {
        (Some("frozen"), _) => Answer::Frozen,
        (_, Some(api)) => Answer::Found(Box::new(api)),
        (_, None) => Answer::Missing,
    }
}
