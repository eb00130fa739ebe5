//! What a downgrade left above its plan: a create that had read the plan before may end after it (ADR 0004). Looked at again when such
//! creates have ended, and told to the admins by the feed.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::changes::{Change, record};
use kit::id::OrganisationId;
use kit::{Error, Meta};
use serde_json::json;

use super::{SCHEMA, organisations};

/// Changes of plans are looked at for so long: far longer than a create may take, and than clocks of instances differ.
const LOOKED_AT: TimeDelta = TimeDelta::minutes(10);

kit::statement! {
    /// Organisations that changed their plan lately, and of which nothing above it has been told since.
    struct FindReplanned(
        since: DateTime<Utc> as Timestamptz, after: OrganisationId as Uuid, limit: i64 as BigInt,
        only: Option<OrganisationId> as Nullable<Uuid>,
    ) -> Uuid =
        "select distinct c.organisation_id from account.changes c \
         where c.at > $1 and c.kind = 'SubscriptionPlanModified' and c.organisation_id > $2 \
         and c.organisation_id = coalesce($4, c.organisation_id) and not exists ( \
             select from account.changes t where t.organisation_id = c.organisation_id and (t.xid, t.id) > (c.xid, c.id) \
             and t.kind in ('PlanLimitExceeded', 'SubscriptionPlanModified')) \
         order by c.organisation_id limit $3"
}

/// Tells of the organisations among the next `limit` that are above a plan they chose lately, each once for each choice. The last one
/// looked at; none: these were all.
///
/// # Errors
/// The database's: nothing is told then, and all of it is looked at again.
pub fn tell(
    c: &mut PgConnection,
    after: OrganisationId,
    limit: i64,
    meta: &Meta,
) -> Result<Option<OrganisationId>, Error> {
    let find = FindReplanned { since: meta.now - LOOKED_AT, after, limit, only: None };
    let replanned: Vec<OrganisationId> = find.clone().load(c)?;
    for id in &replanned {
        let organisation = organisations::find_written(c, *id)?;
        if organisation.excess.is_empty() {
            continue;
        }
        let (_, plan, version) = organisations::lock(c, *id)?;
        // Under the lock: another instance may have told it, or an admin chosen another plan, while this one looked.
        let still: Vec<OrganisationId> = FindReplanned { only: Some(*id), ..find.clone() }.load(c)?;
        if plan == organisation.plan && !still.is_empty() {
            let told = json!({"plan": plan, "excess": organisation.excess});
            record(c, SCHEMA, meta, Change::of("PlanLimitExceeded", *id, *id, version).after(told))?;
        }
    }
    Ok(replanned.last().copied())
}
