//! APIs, changed.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::error::OnConstraint;
use kit::id::{ApiId, OrganisationId, ProfileId, SubDomainId};
use kit::{Error, Json};

use super::limits::Resource;
use super::{Change, apis, owners, pg, watches};
use crate::model::{Api, ApiMove, ApiPatch, Asked, Target};

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

pub(super) fn update(
    connection: &mut PgConnection,
    change: &Change,
    id: ApiId,
    body: Json<ApiPatch>,
) -> Result<Api, Error> {
    let organisation = change.organisation;
    let before = apis::locked(connection, organisation, id)?;
    change.if_match.check(before.version)?;
    let (old, new) = (before.fields(), before.patched(&body.check()?));
    if new == old {
        return Ok(before);
    }
    // Only who is new: who owns already can't be deleted meanwhile.
    let business = new.business_owner_id.filter(|_| new.business_owner_id != old.business_owner_id);
    let technical = new.technical_owner_id.filter(|_| new.technical_owner_id != old.technical_owner_id);
    owners::check(connection, organisation, business, technical)?;
    rewrite(connection, change, id, &new)?;
    let after = owned(connection, organisation, id, business, technical)?;
    let (was, is) = (before.change(), after.change());
    pg::record(connection, &change.meta, organisation, "ApiModified", id.0, after.version, Some(was), Some(is))?;
    Ok(after)
}

fn rewrite(connection: &mut PgConnection, change: &Change, id: ApiId, new: &Asked) -> Result<(), Error> {
    let tags: Vec<&str> = new.tags.iter().map(String::as_str).collect();
    let update = UpdateApi {
        organisation_id: change.organisation,
        id,
        name: &new.name,
        title: new.title.as_deref(),
        description: new.description.as_deref(),
        business_owner_id: new.business_owner_id,
        technical_owner_id: new.technical_owner_id,
        now: change.meta.now,
        tags: &tags,
    };
    written(update.execute(connection).map_err(Error::from)).map(drop)
}

pub(super) fn relocate(
    connection: &mut PgConnection,
    change: &Change,
    id: ApiId,
    body: Json<ApiMove>,
) -> Result<Api, Error> {
    let organisation = change.organisation;
    let before = apis::locked(connection, organisation, id)?;
    change.if_match.check(before.version)?;
    let ApiMove { sub_domain_id } = body.check()?;
    if sub_domain_id.0 == before.sub_domain.id {
        return Ok(before);
    }
    let relocate = MoveApi { organisation_id: organisation, id, sub_domain_id, now: change.meta.now };
    written(relocate.execute(connection).map_err(Error::from))?;
    let after = apis::find(connection, organisation, id)?;
    let (was, is) = (before.change(), after.change());
    pg::record(connection, &change.meta, organisation, "ApiMoved", id.0, after.version, Some(was), Some(is))?;
    Ok(after)
}

pub(super) fn delete(connection: &mut PgConnection, change: &Change, id: ApiId) -> Result<(), Error> {
    let organisation = change.organisation;
    let before = apis::locked(connection, organisation, id)?;
    change.if_match.check(before.version)?;
    Resource::Apis.release(connection, organisation)?;
    DeleteApi { organisation_id: organisation, id }.execute(connection)?;
    pg::record(
        connection,
        &change.meta,
        organisation,
        "ApiDeleted",
        id.0,
        before.version + 1,
        Some(before.change()),
        None,
    )?;
    watches::end_all(connection, organisation, &change.meta, Target::Api, id.0)
}

/// The API as written, if the people who are to own it are still there: see [`owners`].
pub(super) fn owned(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    id: ApiId,
    business: Option<ProfileId>,
    technical: Option<ProfileId>,
) -> Result<Api, Error> {
    let api = apis::find(connection, organisation, id)?;
    owners::require(&[
        ("businessOwnerId", business.is_none() || api.business_owner.is_some()),
        ("technicalOwnerId", technical.is_none() || api.technical_owner.is_some()),
    ])?;
    Ok(api)
}

/// What the constraints of an API mean.
pub(super) fn written<T>(result: Result<T, Error>) -> Result<T, Error> {
    result
        .on_constraint("apis_name_key", || Error::conflict("name-taken", "the organisation has an API of this name"))
        .on_constraint("apis_sub_domain_id_fkey", nowhere)
        .on_constraint("apis_business_owner_id_fkey", || owners::unknown("businessOwnerId"))
        .on_constraint("apis_technical_owner_id_fkey", || owners::unknown("technicalOwnerId"))
        // What is lower case to the database may differ for a letter newer than one of the two.
        .on_constraint("api_tags_tag_check", || Error::invalid("tags", "not_lower_case", "must be lower case"))
}

pub(super) fn nowhere() -> Error {
    Error::invalid("subDomainId", "not_found", "must be a sub domain of the organisation")
}
