//! Watches: the statements.

use chrono::{DateTime, Utc};
use kit::id::{OrganisationId, ProfileId, WatchId};
use uuid::Uuid;

use crate::model::Target;

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
        "update registry.watches set ended_at = $3 where organisation_id = $1 and id = $2"
}

kit::statement! {
    /// The end of all open watches of a target.
    pub struct EndWatchesOf(
        organisation_id: OrganisationId as Uuid, kind: Target as Text, target_id: Uuid as Uuid, now: DateTime<Utc> as Timestamptz,
    ) -> (Uuid, Uuid) =
        "update registry.watches set ended_at = $4
        where organisation_id = $1 and kind = $2 and target_id = $3 and ended_at is null
        returning id, profile_id"
}
