//! Old rows are removed, in batches.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::RunQueryDsl as _;
use kit::{Db, Error};

/// How long notifications and mails are kept.
const KEPT: TimeDelta = TimeDelta::days(400);
/// Rows of a batch: each is a short transaction of its own.
const BATCH: i64 = 1000;

kit::statement! {
    /// Old notifications.
    struct PurgeNotifications(until: DateTime<Utc> as Timestamptz, limit: i64 as BigInt) =
        "delete from notification.notifications where (organisation_id, id) in ( \
             select n.organisation_id, n.id from notification.notifications n where n.created_at < $1 and not n.pending \
             order by n.created_at limit $2)"
}

kit::statement! {
    /// Old mails that were sent or given up.
    struct PurgeDeliveries(until: DateTime<Utc> as Timestamptz, limit: i64 as BigInt) =
        "delete from notification.deliveries where (organisation_id, id) in ( \
             select d.organisation_id, d.id from notification.deliveries d where d.created_at < $1 and d.status <> 'waiting' \
             order by d.created_at limit $2)"
}

kit::statement! {
    /// Reminders of passwords that expired long ago.
    struct PurgeReminders(until: DateTime<Utc> as Timestamptz, limit: i64 as BigInt) =
        "delete from notification.reminders where (organisation_id, login_id, expires_at, days) in ( \
             select r.organisation_id, r.login_id, r.expires_at, r.days from notification.reminders r where r.expires_at < $1 \
             order by r.expires_at limit $2)"
}

kit::statement! {
    /// Links that have expired long ago.
    struct PurgeConfirmations(until: DateTime<Utc> as Timestamptz, limit: i64 as BigInt) =
        "delete from notification.confirmations where token_hash in ( \
             select c.token_hash from notification.confirmations c where c.expires_at < $1 order by c.expires_at limit $2)"
}

kit::statement! {
    /// Invitations of long ago.
    struct PurgeInvitations(until: DateTime<Utc> as Timestamptz, limit: i64 as BigInt) =
        "delete from notification.invitations where invitation_id in ( \
             select i.invitation_id from notification.invitations i where i.created_at < $1 order by i.created_at limit $2)"
}

kit::statement! {
    /// Windows that have ended: the longest is a day.
    struct PurgeCounters(until: DateTime<Utc> as Timestamptz, limit: i64 as BigInt) =
        "delete from notification.counters where (kind, id) in ( \
             select c.kind, c.id from notification.counters c where c.began_at < $1 order by c.began_at limit $2)"
}

/// Removes everything older than 400 days; how much.
pub fn run(db: &Db, now: DateTime<Utc>) -> Result<usize, Error> {
    let (until, limit) = (now - KEPT, BATCH);
    let mut all = 0;
    loop {
        let removed = db.write(|connection| {
            Ok(PurgeNotifications { until, limit }.execute(connection)?
                + PurgeDeliveries { until, limit }.execute(connection)?
                + PurgeReminders { until, limit }.execute(connection)?
                + PurgeConfirmations { until, limit }.execute(connection)?
                + PurgeInvitations { until, limit }.execute(connection)?
                + PurgeCounters { until: now - TimeDelta::days(2), limit }.execute(connection)?)
        })?;
        all += removed;
        if removed == 0 {
            return Ok(all);
        }
    }
}
