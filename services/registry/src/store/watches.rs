//! Watches. They are ended, never deleted: a change concerns those that were open at its time.

mod sql;

use diesel::{PgConnection, RunQueryDsl};
use kit::error::{Busy, OnConstraint};
use kit::id::{OrganisationId, ProfileId, WatchId};
use kit::reply::Answer;
use kit::{Error, Idempotency, Json, Keyset, Meta, Page, Paged};
use uuid::Uuid;

use self::sql::{
    EndWatch, EndWatchesOf, FindWatch, InsertWatch, ListWatches, LockWatch, ShareApi, ShareDomain, ShareSubDomain,
};
use super::standing::{Standing, items, unfrozen};
use super::{Create, Shape, pg, standing};
use crate::model::{NewWatch, Target, Watch, watch_change};

/// The version of a watch while it is open; one more when it has ended.
const OPEN: i64 = 1;

pub(super) fn list(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    profile_id: Option<ProfileId>,
    page: &Page,
) -> Result<Paged<Watch>, Error> {
    let (created_at, after) = pg::place(page);
    let rows = ListWatches { organisation_id, profile_id, created_at, after, limit: page.fetch() }.load(connection)?;
    Ok(page.finish(items(rows)?, |watch: &Watch| Keyset::new(watch.created_at, watch.id)))
}

pub(super) fn create(
    connection: &mut PgConnection,
    create: &Create,
    profile_id: ProfileId,
    body: Json<NewWatch>,
    shape: Shape<'_, (Watch, bool)>,
) -> Answer {
    let organisation = create.organisation;
    if body.peek().is_none() || create.idempotency != Idempotency::none() {
        standing::check(connection, organisation)?;
    }
    let new = body.check()?;
    kit::idempotency::once(connection, super::SCHEMA, &create.idempotency, &create.meta, |connection| {
        share_target(connection, organisation, new)?;
        let (watch, opened) = open(connection, create, profile_id, new)?;
        if opened {
            let is = watch_change(new.kind, new.target_id, profile_id);
            pg::record(connection, &create.meta, organisation, "WatchCreated", watch.id.0, OPEN, None, Some(is))?;
        }
        shape(&(watch, opened))
    })
}

/// 422 unless the target is there; it then stays until this transaction ends, and its deletion ends the watch.
fn share_target(connection: &mut PgConnection, organisation_id: OrganisationId, new: NewWatch) -> Result<(), Error> {
    let id = new.target_id;
    let row: Standing<Option<Uuid>> = match new.kind {
        Target::Api => ShareApi { organisation_id, id }.get_result(connection),
        Target::Domain => ShareDomain { organisation_id, id }.get_result(connection),
        Target::SubDomain => ShareSubDomain { organisation_id, id }.get_result(connection),
    }?;
    match unfrozen(row)? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("targetId", "not_found", "must be something of this kind in the organisation")),
    }
}

fn open(
    connection: &mut PgConnection,
    create: &Create,
    profile_id: ProfileId,
    new: NewWatch,
) -> Result<(Watch, bool), Error> {
    let (organisation_id, now) = (create.organisation, create.meta.now);
    let NewWatch { kind, target_id } = new;
    // The one that is open may end between the two statements: then there is room for a new one.
    for _ in 0..3 {
        let opened = InsertWatch { organisation_id, id: WatchId::new(now), profile_id, kind, target_id, now }
            .execute(connection)
            .on_constraint("watches_profile_id_fkey", nobody)?;
        let (person, watch): (bool, Option<Watch>) =
            FindWatch { organisation_id, profile_id, kind, target_id }.get_result(connection)?;
        if !person {
            return Err(nobody());
        }
        if let Some(watch) = watch {
            return Ok((watch, opened == 1));
        }
    }
    Err(Error::Busy(Busy::Serialization))
}

/// Nobody is there to be told.
pub fn nobody() -> Error {
    Error::Forbidden { slug: "profile-missing", detail: "only a login with a profile can watch".to_owned() }
}

pub(super) fn end(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    meta: &Meta,
    profile_id: Option<ProfileId>,
    id: WatchId,
) -> Result<(), Error> {
    let row = LockWatch { organisation_id, id, profile_id }.get_result(connection)?;
    let (kind, target_id, profile): (Target, Uuid, ProfileId) = standing::found(row)?;
    EndWatch { organisation_id, id, now: meta.now }.execute(connection)?;
    ended(connection, organisation_id, meta, id, watch_change(kind, target_id, profile))
}

/// Ends the watches of what has just been deleted: in a statement after the deletion, which has waited for those being opened.
pub(super) fn end_all(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    meta: &Meta,
    kind: Target,
    target_id: Uuid,
) -> Result<(), Error> {
    let rows: Vec<(WatchId, ProfileId)> =
        EndWatchesOf { organisation_id, kind, target_id, now: meta.now }.load(connection)?;
    for (id, profile) in rows {
        ended(connection, organisation_id, meta, id, watch_change(kind, target_id, profile))?;
    }
    Ok(())
}

fn ended(
    connection: &mut PgConnection,
    organisation: OrganisationId,
    meta: &Meta,
    id: WatchId,
    was: serde_json::Value,
) -> Result<(), Error> {
    pg::record(connection, meta, organisation, "WatchEnded", id.0, OPEN + 1, Some(was), None)
}
