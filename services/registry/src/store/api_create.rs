//! Creating an API: counted, inserted with tags, first version and change by one statement, so that the counter's row is
//! locked as briefly as possible: for two more round trips, the reading back and the commit.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::id::{ApiId, LoginId, OrganisationId, ProfileId};
use kit::reply::{self, Answer};
use kit::{Create, Error, Json};
use serde_json::Value;
use uuid::Uuid;

use super::api_writes::{nowhere, owned, written};
use super::limits::{Reservation, Resource, counted, reservation, row};
use super::{SCHEMA, standing};
use crate::model::{NewApi, NewVersion};

kit::statement! {
    /// Counts one more API if the plan allows it, and makes it: with its tags, its first version and its change.
    ///
    /// The change's keys are the API's, as the client said them; its domain is added here, where it is known.
    pub struct CreateApi<'a>(
        organisation_id: OrganisationId as Uuid, sub_domain_id: Uuid as Uuid,
        business_owner_id: Option<ProfileId> as Nullable<Uuid>, technical_owner_id: Option<ProfileId> as Nullable<Uuid>,
        id: ApiId as Uuid, now: DateTime<Utc> as Timestamptz, name: &'a str as Text,
        title: Option<&'a str> as Nullable<Text>, description: Option<&'a str> as Nullable<Text>,
        tags: &'a [String] as Array<Text>, major: i32 as Integer, minor: i32 as Integer,
        actor: Option<LoginId> as Nullable<Uuid>, request_id: &'a str as Text, after: &'a Value as Jsonb,
    ) -> row::Reservation = concat!(
        counted!("apis", "api_limit", "sub_domains"),
        ", made as (
            insert into registry.apis (organisation_id, id, sub_domain_id, name, title, description,
                business_owner_id, technical_owner_id, version, created_at, updated_at)
            select c.organisation_id, $5, $2, $7, $8, $9, $3, $4, 1, $6, $6 from counted c
        ), tagged as (
            insert into registry.api_tags (organisation_id, api_id, tag)
            select c.organisation_id, $5, tag from counted c, unnest($10::text[]) tag
        ), versioned as (
            insert into registry.versions (organisation_id, api_id, major, minor, status, created_at, updated_at)
            select c.organisation_id, $5, $11, $12, 'inception', $6, $6 from counted c
        ), changed as (
            insert into registry.changes (at, kind, organisation_id, entity_id, version, actor_id, request_id, after)
            select $6, 'ApiCreated', c.organisation_id, $5::text, 1, $13, $14,
                $15::jsonb || jsonb_build_object('domainId', s.domain_id)
            from counted c
            join registry.sub_domains s on s.organisation_id = c.organisation_id and s.id = $2
        )",
        reservation!("apis")
    )
}

/// Makes an API with its first version, within the plan.
pub fn create(c: &mut PgConnection, create: &Create, body: Json<NewApi>) -> Answer {
    let organisation = create.organisation;
    standing::check_early(c, create, &body)?;
    let new = body.check()?;
    create.once(c, SCHEMA, |c| {
        let id = ApiId::new(create.meta.now);
        insert(c, create, id, &new)?;
        let made = owned(c, organisation, id, new.business_owner_id, new.technical_owner_id)?;
        reply::created(format!("/organisations/{organisation}/apis/{id}"), made.version, &made)
    })
}

fn insert(c: &mut PgConnection, create: &Create, id: ApiId, new: &NewApi) -> Result<(), Error> {
    let NewVersion { major, minor } = new.version.unwrap_or(NewVersion::FIRST);
    let after = new.change();
    let statement = CreateApi {
        organisation_id: create.organisation,
        sub_domain_id: new.sub_domain_id.0,
        business_owner_id: new.business_owner_id,
        technical_owner_id: new.technical_owner_id,
        id,
        now: create.meta.now,
        name: &new.name,
        title: new.title.as_deref(),
        description: new.description.as_deref(),
        tags: &new.tags,
        major,
        minor,
        actor: create.meta.actor,
        request_id: &create.meta.request_id,
        after: &after,
    };
    let attempt = |c: &mut PgConnection| -> Result<Reservation, Error> {
        written(statement.clone().get_result(c).map_err(Error::from))
    };
    Resource::Apis.reserve(c, create.organisation, attempt, nowhere)?;
    kit::changes::recorded();
    Ok(())
}
