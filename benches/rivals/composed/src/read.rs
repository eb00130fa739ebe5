//! The part of the read that its own tables answer, and the whole as the contract has it.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, PgConnection, Queryable, RunQueryDsl};
use kit::Error;
use kit::id::{ApiId, OrganisationId, ProfileId};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::calls::Person;

kit::statement! {
    /// One API with its place, its versions and its tags.
    pub struct FindOwn(organisation_id: OrganisationId as Uuid, id: ApiId as Uuid)
        -> (Uuid, Text, Nullable<Text>, Nullable<Text>, Array<Text>, Nullable<Uuid>, Nullable<Uuid>, Uuid, Text, Uuid, Text, Jsonb, BigInt, Timestamptz, Timestamptz) =
        "select a.id, a.name, a.title, a.description,
            coalesce((
                select array_agg(g.tag order by g.tag)
                from registry.api_tags g
                where g.organisation_id = a.organisation_id and g.api_id = a.id
            ), '{}'),
            a.business_owner_id, a.technical_owner_id, d.id, d.name, s.id, s.name,
            (
                select jsonb_agg(jsonb_build_object('major', v.major, 'minor', v.minor, 'status', v.status) order by v.major, v.minor)
                from registry.versions v
                where v.organisation_id = a.organisation_id and v.api_id = a.id
            ),
            a.version, a.created_at, a.updated_at
        from registry.apis a
        join registry.sub_domains s on s.organisation_id = a.organisation_id and s.id = a.sub_domain_id
        join registry.domains d on d.organisation_id = s.organisation_id and d.id = s.domain_id
        where a.organisation_id = $1 and a.id = $2"
}

/// A row of its own tables.
#[derive(Queryable)]
pub struct Row {
    id: Uuid,
    name: String,
    title: Option<String>,
    description: Option<String>,
    tags: Vec<String>,
    pub business_owner_id: Option<ProfileId>,
    pub technical_owner_id: Option<ProfileId>,
    domain_id: Uuid,
    domain: String,
    sub_domain_id: Uuid,
    sub_domain: String,
    versions: Value,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// An API as the contract shows it.
#[derive(Serialize)]
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
    versions: Value,
    pub version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Reference {
    id: Uuid,
    name: String,
}

/// The row, if there is one.
pub fn own(connection: &mut PgConnection, organisation_id: OrganisationId, id: ApiId) -> Result<Option<Row>, Error> {
    let statement = FindOwn { organisation_id, id };
    Ok(statement.get_result(connection).optional()?)
}

impl Row {
    /// With what the neighbours answered.
    pub fn compose(self, business_owner: Option<Person>, technical_owner: Option<Person>) -> Api {
        Api {
            id: self.id,
            name: self.name,
            title: self.title,
            description: self.description,
            tags: self.tags,
            business_owner,
            technical_owner,
            domain: Reference { id: self.domain_id, name: self.domain },
            sub_domain: Reference { id: self.sub_domain_id, name: self.sub_domain },
            versions: self.versions,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
