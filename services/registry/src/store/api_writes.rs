//! Changing and deleting APIs.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::changes::{Change, record};
use kit::error::OnConstraint;
use kit::id::{ApiId, OrganisationId, ProfileId, SubDomainId};
use kit::{Error, Json, Update};
use serde_json::Value;

use super::limits::Resource;
use super::{SCHEMA, apis, owners, watches};
use crate::model::{Api, ApiMove, ApiPatch, Asked, Person, Target};

kit::statement! {
    /// An API's new fields and tags.
    pub struct UpdateApi<'a>(
        organisation_id: OrganisationId as Uuid, id: ApiId as Uuid, name: &'a str as Text, title: Option<&'a str> as Nullable<Text>,
        description: Option<&'a str> as Nullable<Text>, business_owner_id: Option<ProfileId> as Nullable<Uuid>,
        technical_owner_id: Option<ProfileId> as Nullable<Uuid>, now: DateTime<Utc> as Timestamptz, tags: &'a [&'a str] as Array<Text>,
    ) =
        "with gone as (
            delete from registry.api_tags g where g.organisation_id = $1 and g.api_id = $2 and g.tag <> all ($9::text[])
        ), added as (
            insert into registry.api_tags (organisation_id, api_id, tag) select $1, $2, tag from unnest($9::text[]) tag
            on conflict do nothing
        )
        update registry.apis
        set name = $3, title = $4, description = $5, business_owner_id = $6, technical_owner_id = $7,
            version = version + 1, updated_at = $8
        where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// An API's new sub domain.
    pub struct MoveApi(organisation_id: OrganisationId as Uuid, id: ApiId as Uuid, sub_domain_id: SubDomainId as Uuid, now: DateTime<Utc> as Timestamptz) =
        "update registry.apis set sub_domain_id = $3, version = version + 1, updated_at = $4 where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// The end of an API, its versions and its tags.
    pub struct DeleteApi(organisation_id: OrganisationId as Uuid, id: ApiId as Uuid) =
        "delete from registry.apis where organisation_id = $1 and id = $2"
}

/// Changes an API, or nothing where the patch says what is there.
pub fn update(c: &mut PgConnection, update: &Update, id: ApiId, body: Json<ApiPatch>) -> Result<Api, Error> {
    let before = locked(c, update, id)?;
    let (old, new) = (before.fields(), before.patched(&body.check()?));
    if new == old {
        return Ok(before);
    }
    // Only who is new: who owns already can't be deleted meanwhile.
    let business = new.business_owner_id.filter(|_| new.business_owner_id != old.business_owner_id);
    let technical = new.technical_owner_id.filter(|_| new.technical_owner_id != old.technical_owner_id);
    owners::check(c, update.organisation, business, technical)?;
    rewrite(c, update, id, &new)?;
    let after = owned(c, update.organisation, id, business, technical)?;
    changed(c, update, "ApiModified", &before, after)
}

fn rewrite(c: &mut PgConnection, update: &Update, id: ApiId, new: &Asked) -> Result<(), Error> {
    let tags: Vec<&str> = new.tags.iter().map(String::as_str).collect();
    let statement = UpdateApi {
        organisation_id: update.organisation,
        id,
        name: &new.name,
        title: new.title.as_deref(),
        description: new.description.as_deref(),
        business_owner_id: new.business_owner_id,
        technical_owner_id: new.technical_owner_id,
        now: update.meta.now,
        tags: &tags,
    };
    written(statement.execute(c).map_err(Error::from)).map(drop)
}

/// Puts an API into another sub domain.
pub fn relocate(c: &mut PgConnection, update: &Update, id: ApiId, body: Json<ApiMove>) -> Result<Api, Error> {
    let before = locked(c, update, id)?;
    let ApiMove { sub_domain_id } = body.check()?;
    if sub_domain_id.0 == before.sub_domain.id {
        return Ok(before);
    }
    let statement = MoveApi { organisation_id: update.organisation, id, sub_domain_id, now: update.meta.now };
    written(statement.execute(c).map_err(Error::from))?;
    let after = apis::find(c, update.organisation, id)?;
    changed(c, update, "ApiMoved", &before, after)
}

/// Deletes an API with its versions and tags and ends its watches.
pub fn delete(c: &mut PgConnection, update: &Update, id: ApiId) -> Result<(), Error> {
    let organisation_id = update.organisation;
    let before = locked(c, update, id)?;
    Resource::Apis.release(c, organisation_id)?;
    DeleteApi { organisation_id, id }.execute(c)?;
    let change =
        Change::of("ApiDeleted", organisation_id, id, before.version + 1).before(Value::Object(before.change()));
    record(c, SCHEMA, &update.meta, change)?;
    watches::end_all(c, organisation_id, &update.meta, Target::Api, id.0)
}

/// The API as it is under its lock, if it is the one the client saw.
fn locked(c: &mut PgConnection, update: &Update, id: ApiId) -> Result<Api, Error> {
    let api = apis::locked(c, update.organisation, id)?;
    update.check(api.version)?;
    Ok(api)
}

/// The API as it is now, its change recorded.
fn changed(c: &mut PgConnection, update: &Update, kind: &'static str, before: &Api, after: Api) -> Result<Api, Error> {
    let change = Change::of(kind, update.organisation, after.id, after.version);
    let [was, is] = before.difference(&after);
    record(c, SCHEMA, &update.meta, change.before(was).after(is))?;
    Ok(after)
}

/// The API as written, if the people who are to own it are still there: see [`owners`].
pub fn owned(
    c: &mut PgConnection,
    organisation: OrganisationId,
    id: ApiId,
    business: Option<ProfileId>,
    technical: Option<ProfileId>,
) -> Result<Api, Error> {
    let api = apis::find(c, organisation, id)?;
    owners::require(&[
        ("businessOwnerId", business.is_none() || Person::is_there(api.business_owner.as_ref())),
        ("technicalOwnerId", technical.is_none() || Person::is_there(api.technical_owner.as_ref())),
    ])?;
    Ok(api)
}

/// What the constraints of an API mean.
pub fn written<T>(result: Result<T, Error>) -> Result<T, Error> {
    result
        .on_constraint("apis_name_key", || Error::conflict("name-taken", "the organisation has an API of this name"))
        .on_constraint("apis_sub_domain_id_fkey", nowhere)
        .on_constraint("apis_business_owner_id_fkey", || owners::unknown("businessOwnerId"))
        .on_constraint("apis_technical_owner_id_fkey", || owners::unknown("technicalOwnerId"))
        // What is lower case to the database may differ for a letter newer than one of the two.
        .on_constraint("api_tags_tag_check", || Error::invalid("tags", "not_lower_case", "must be lower case"))
}

pub fn nowhere() -> Error {
    Error::invalid("subDomainId", "not_found", "must be a sub domain of the organisation")
}
