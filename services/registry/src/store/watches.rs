//! Watches. They are ended, never deleted: a change concerns those that were open at its time.

use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::changes::{Change, record};
use kit::error::{Busy, OnConstraint};
use kit::id::{OrganisationId, ProfileId, WatchId};
use kit::reply::{self, Answer};
use kit::{Create, Error, Json, Keyset, Meta, Page, Paged};
use serde_json::Value;
use uuid::Uuid;

use super::SCHEMA;
use super::standing::{self, Standing, found, items, unfrozen};
use crate::model::{NewWatch, Target, Watch, watch_change};

kit::statement! {
    /// A page of a person's open watches.
    pub struct ListWatches(
        organisation_id: OrganisationId as Uuid, profile_id: Option<ProfileId> as Nullable<Uuid>,
        created_at: DateTime<Utc> as Timestamptz, after: Uuid as Uuid, limit: i64 as BigInt,
    ) -> (Nullable<Text>, Nullable<(Uuid, Text, Uuid, BigInt, Timestamptz)>) =
        "select st.standing, w.id, w.kind, w.target_id, w.version, w.created_at
        from (select $1::uuid as organisation_id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join lateral (
            select w.id, w.kind, w.target_id, 1::bigint as version, w.created_at
            from registry.watches w
            where w.organisation_id = q.organisation_id and w.profile_id = $2 and w.ended_at is null
                and (w.created_at, w.id) > ($3, $4)
            order by w.created_at, w.id
            limit $5
        ) w on st.standing is distinct from 'frozen'
        order by w.created_at, w.id"
}

/// Locks what is to be watched. `for share`, not `for key share`: it must wait for a deletion *before* this transaction has
/// an xid, or the feed would show the watch's end before its beginning.
macro_rules! lock_target {
    ($name:ident, $table:literal) => {
        kit::statement! {
            /// Whether the target is there, locked against being changed or deleted.
            pub struct $name(organisation_id: OrganisationId as Uuid, id: Uuid as Uuid) -> (Nullable<Text>, Nullable<Uuid>) = concat!(
                "select st.standing, x.id
                from (select $1::uuid as organisation_id, $2::uuid as id) q
                left join published.standings st on st.organisation_id = q.organisation_id
                left join lateral (
                    select x.id from registry.", $table, " x
                    where x.organisation_id = q.organisation_id and x.id = q.id
                    for share
                ) x on true"
            )
        }
    };
}
lock_target!(ShareApi, "apis");
lock_target!(ShareDomain, "domains");
lock_target!(ShareSubDomain, "sub_domains");

kit::statement! {
    /// A new watch, unless one is open.
    pub struct InsertWatch(
        organisation_id: OrganisationId as Uuid, id: WatchId as Uuid, profile_id: ProfileId as Uuid, kind: Target as Text,
        target_id: Uuid as Uuid, now: DateTime<Utc> as Timestamptz,
    ) =
        "insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (organisation_id, profile_id, kind, target_id) where ended_at is null do nothing"
}

kit::statement! {
    /// A person's open watch of a target, and whether the person is still there.
    pub struct FindWatch(
        organisation_id: OrganisationId as Uuid, profile_id: ProfileId as Uuid, kind: Target as Text, target_id: Uuid as Uuid,
    ) -> (Bool, Nullable<(Uuid, Text, Uuid, BigInt, Timestamptz)>) =
        "select exists (select from published.persons p where p.organisation_id = $1 and p.id = $2),
            w.id, w.kind, w.target_id, 1::bigint, w.created_at
        from (select $1::uuid as organisation_id) q
        left join registry.watches w on w.organisation_id = q.organisation_id and w.profile_id = $2
            and w.kind = $3 and w.target_id = $4 and w.ended_at is null"
}

kit::statement! {
    /// A person's open watch, locked.
    pub struct LockWatch(organisation_id: OrganisationId as Uuid, id: WatchId as Uuid, profile_id: Option<ProfileId> as Nullable<Uuid>)
        -> (Nullable<Text>, Nullable<(Text, Uuid, Uuid)>) =
        "select st.standing, w.kind, w.target_id, w.profile_id
        from (select $1::uuid as organisation_id, $2::uuid as id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join lateral (
            select w.kind, w.target_id, w.profile_id
            from registry.watches w
            where w.organisation_id = q.organisation_id and w.id = q.id and w.profile_id = $3 and w.ended_at is null
            for no key update
        ) w on true"
}

kit::statement! {
    /// The end of a watch.
    pub struct EndWatch(organisation_id: OrganisationId as Uuid, id: WatchId as Uuid, now: DateTime<Utc> as Timestamptz) =
        "update registry.watches set ended_at = $3, ended_xid = pg_catalog.pg_current_xact_id()
        where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// The end of all open watches of a target, after the change that deleted it: that one they are told.
    pub struct EndWatchesOf(
        organisation_id: OrganisationId as Uuid, kind: Target as Text, target_id: Uuid as Uuid, now: DateTime<Utc> as Timestamptz,
    ) -> (Uuid, Uuid) =
        "update registry.watches set ended_at = $4, ended_xid =
            (greatest(pg_catalog.pg_current_xact_id()::text::bigint, pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint - 1)
                + 1)::text::xid8
        where organisation_id = $1 and kind = $2 and target_id = $3 and ended_at is null
        returning id, profile_id"
}

kit::statement! {
    /// The person's oldest open watch, locked: creates of one person wait here for each other, or two would take the last place. After the
    /// target's lock, as a deletion ends watches after it.
    struct LockOldest(organisation_id: OrganisationId as Uuid, profile_id: ProfileId as Uuid) -> Uuid =
        "select w.id from registry.watches w
        where w.organisation_id = $1 and w.profile_id = $2 and w.ended_at is null
        order by w.created_at, w.id limit 1 for no key update"
}

kit::statement! {
    /// How many watches are open: the person's, and those of the target.
    struct CountWatches(
        organisation_id: OrganisationId as Uuid, profile_id: ProfileId as Uuid, target_id: Uuid as Uuid,
    ) -> (BigInt, BigInt) =
        "select (select count(*) from registry.watches w
                where w.organisation_id = $1 and w.profile_id = $2 and w.ended_at is null),
            (select count(*) from registry.watches w
                where w.organisation_id = $1 and w.target_id = $3 and w.ended_at is null)"
}

/// The most watches one person may have open.
const OF_A_PERSON_MAX: usize = 1000;
/// The most watches one thing may have: they end in the transaction that deletes it. Creates at the same moment may pass this one by a few.
const OF_A_TARGET_MAX: usize = 10_000;

/// The version of a watch while it is open.
const OPEN: i64 = 1;
/// The version of a watch that has ended.
pub(super) const ENDED: i64 = OPEN + 1;

/// A person's open watches, by creation.
pub fn list(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    profile_id: Option<ProfileId>,
    page: &Page,
) -> Result<Paged<Watch>, Error> {
    let (created_at, after) = page.place();
    let rows = ListWatches { organisation_id, profile_id, created_at, after, limit: page.fetch() }.load(c)?;
    Ok(page.finish(items(rows)?, |watch: &Watch| Keyset::new(watch.created_at, watch.id)))
}

/// Opens a watch (201), or finds the one that is open (200).
pub fn create(c: &mut PgConnection, create: &Create, profile_id: ProfileId, body: Json<NewWatch>) -> Answer {
    let organisation = create.organisation;
    standing::check_early(c, create, &body)?;
    let new = body.check()?;
    create.once(c, SCHEMA, |c| {
        share_target(c, organisation, new)?;
        LockOldest { organisation_id: organisation, profile_id }.execute(c)?;
        let (watch, opened) = open(c, create, profile_id, new)?;
        if !opened {
            return reply::ok(&watch);
        }
        check_room(c, organisation, profile_id, new.target_id)?;
        let is = watch_change(new.kind, new.target_id, profile_id);
        // The watch keeps this transaction's id, and is told what stands at or after it.
        let created = Change::of("WatchCreated", organisation, watch.id, OPEN).after(is).at_own_id();
        record(c, SCHEMA, &create.meta, created)?;
        reply::json(StatusCode::CREATED, &watch)
    })
}

/// 422 unless the target is there; it then stays until this transaction ends, and its deletion ends the watch.
fn share_target(c: &mut PgConnection, organisation_id: OrganisationId, new: NewWatch) -> Result<(), Error> {
    let id = new.target_id;
    let row: Standing<Option<Uuid>> = match new.kind {
        Target::Api => ShareApi { organisation_id, id }.get_result(c),
        Target::Domain => ShareDomain { organisation_id, id }.get_result(c),
        Target::SubDomain => ShareSubDomain { organisation_id, id }.get_result(c),
    }?;
    match unfrozen(row)? {
        Some(_) => Ok(()),
        None => Err(Error::invalid("targetId", "not_found", "must be something of this kind in the organisation")),
    }
}

/// The open watch, and whether it was opened now.
fn open(c: &mut PgConnection, create: &Create, profile_id: ProfileId, new: NewWatch) -> Result<(Watch, bool), Error> {
    let (organisation_id, now) = (create.organisation, create.meta.now);
    let NewWatch { kind, target_id } = new;
    // The one that is open may end between the two statements: then there is room for a new one.
    for _ in 0..3 {
        let opened = InsertWatch { organisation_id, id: WatchId::new(now), profile_id, kind, target_id, now }
            .execute(c)
            .on_constraint("watches_profile_id_fkey", nobody)?;
        let (person, watch): (bool, Option<Watch>) =
            FindWatch { organisation_id, profile_id, kind, target_id }.get_result(c)?;
        if !person {
            return Err(nobody());
        }
        if let Some(watch) = watch {
            return Ok((watch, opened == 1));
        }
    }
    Err(Error::Busy(Busy::Serialization))
}

/// 409 where the watch that has just been opened is one too many.
fn check_room(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    profile_id: ProfileId,
    target_id: Uuid,
) -> Result<(), Error> {
    let (of_person, of_target): (i64, i64) = CountWatches { organisation_id, profile_id, target_id }.get_result(c)?;
    let above = |count: i64, most: usize| usize::try_from(count).is_ok_and(|count| count > most);
    match () {
        () if above(of_person, OF_A_PERSON_MAX) => Err(Error::limit("watches", OF_A_PERSON_MAX, "a person")),
        () if above(of_target, OF_A_TARGET_MAX) => Err(Error::limit("watches", OF_A_TARGET_MAX, "one thing")),
        () => Ok(()),
    }
}

/// The 403 of a login without a person: nobody would get the messages.
pub fn nobody() -> Error {
    Error::Forbidden { slug: "profile-missing", detail: "only a login with a profile can watch".to_owned() }
}

/// Ends a watch of this person.
pub fn end(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    meta: &Meta,
    profile_id: Option<ProfileId>,
    id: WatchId,
) -> Result<(), Error> {
    let row = LockWatch { organisation_id, id, profile_id }.get_result(c)?;
    let (kind, target_id, profile): (Target, Uuid, ProfileId) = found(row)?;
    EndWatch { organisation_id, id, now: meta.now }.execute(c)?;
    record(c, SCHEMA, meta, ended(organisation_id, id, watch_change(kind, target_id, profile)).at_own_id())
}

/// Ends the watches of what has just been deleted: in a statement after the deletion, which has waited for those being opened.
pub fn end_all(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    meta: &Meta,
    kind: Target,
    target_id: Uuid,
) -> Result<(), Error> {
    let rows: Vec<(WatchId, ProfileId)> = EndWatchesOf { organisation_id, kind, target_id, now: meta.now }.load(c)?;
    for (id, profile) in rows {
        record(c, SCHEMA, meta, ended(organisation_id, id, watch_change(kind, target_id, profile)))?;
    }
    Ok(())
}

fn ended(organisation: OrganisationId, id: WatchId, was: Value) -> Change {
    Change::of("WatchEnded", organisation, id, ENDED).before(was)
}
