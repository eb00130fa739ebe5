//! Watches end with the last login of their person, who could no longer sign in to end them. Account's feed tells it: a login that is
//! only disabled is still there, and its person's watches rest.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::changes::{Change, Place, record};
use kit::id::{OrganisationId, ProfileId, WatchId};
use kit::{Error, Meta};
use uuid::Uuid;

use super::SCHEMA;
use super::watches::ENDED;
use crate::model::{Target, watch_change};

/// Changes read in one step, and watches ended: a step is one short transaction.
const BATCH: i64 = 500;

kit::statement! {
    /// The next changes of Account's feed, in an order in which none is missed; of those that may have shut somebody out, the person.
    struct ReadLogins<'a>(xid: &'a str as Text, id: i64 as BigInt, limit: i64 as BigInt) -> (Text, BigInt, Nullable<Uuid>, Nullable<Text>) =
        "select c.xid::text, c.id, c.organisation_id,
            case when c.kind in ('LoginDeleted', 'LoginModified') then c.before ->> 'profileId' end
        from published.account_changes c
        where (c.xid, c.id) > ($1::text::xid8, $2) and c.xid < pg_snapshot_xmin(pg_current_snapshot())
        order by c.xid, c.id limit $3"
}

kit::statement! {
    /// The end of open watches of these people, so far as no login of theirs is left.
    struct EndWatchesOfGone<'a>(
        organisations: &'a [OrganisationId] as Array<Uuid>, profiles: &'a [ProfileId] as Array<Uuid>,
        now: DateTime<Utc> as Timestamptz, limit: i64 as BigInt,
    ) -> (Uuid, Uuid, Text, Uuid, Uuid) =
        "with gone as materialized (
            select distinct p.organisation_id, p.profile_id from unnest($1::uuid[], $2::uuid[]) as p (organisation_id, profile_id)
            where not exists (
                select from published.login_contacts l where l.organisation_id = p.organisation_id and l.profile_id = p.profile_id
            )
        ), open as materialized (
            select w.organisation_id, w.id from gone g
            join registry.watches w on w.organisation_id = g.organisation_id and w.profile_id = g.profile_id
            where w.ended_at is null
            order by w.organisation_id, w.id limit $4 for no key update of w
        )
        update registry.watches w set ended_at = $3, ended_xid = pg_catalog.pg_current_xact_id()
        from open o where w.organisation_id = o.organisation_id and w.id = o.id
        returning w.organisation_id, w.id, w.kind, w.target_id, w.profile_id"
}

/// Ends the watches of whom the next changes of Account's feed after `place` left without a login. Where to go on; none: that was all.
///
/// Nothing is lost when the place is: whoever reads the feed again finds ended what it has ended. Until a step is through the place stays.
///
/// # Errors
/// The database's; the step is done again then.
pub fn step(c: &mut PgConnection, place: Place, meta: &Meta) -> Result<Option<Place>, Error> {
    let xid = place.xid.to_string();
    let rows: Vec<(String, i64, Option<OrganisationId>, Option<String>)> =
        ReadLogins { xid: &xid, id: place.id, limit: BATCH }.load(c)?;
    let Some((xid, id, ..)) = rows.last() else { return Ok(None) };
    let end = Place { xid: xid.parse().map_err(Error::internal)?, id: *id };
    let person = |profile: String| profile.parse().ok().map(ProfileId);
    let (organisations, profiles): (Vec<_>, Vec<_>) =
        rows.into_iter().filter_map(|(_, _, organisation, profile)| organisation.zip(profile.and_then(person))).unzip();
    if profiles.is_empty() {
        return Ok(Some(end));
    }
    let ended: Vec<(OrganisationId, WatchId, Target, Uuid, ProfileId)> =
        EndWatchesOfGone { organisations: &organisations, profiles: &profiles, now: meta.now, limit: BATCH }.load(c)?;
    // A full batch may have left some open: the same changes once more.
    let next = if i64::try_from(ended.len()).is_ok_and(|ended| ended < BATCH) { end } else { place };
    for (organisation, id, kind, target_id, profile) in ended {
        let was = watch_change(kind, target_id, profile);
        record(c, SCHEMA, meta, Change::of("WatchEnded", organisation, id, ENDED).before(was).at_own_id())?;
    }
    Ok(Some(next))
}
