//! When people want to be notified.

use chrono::{DateTime, NaiveTime, Utc};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::changes::{Change, record};
use kit::id::{OrganisationId, ProfileId};
use kit::{Error, Json, Update};

use super::SCHEMA;
use crate::model::{NewNotificationSettings, NotificationSettings};

kit::statement! {
    /// Whoever is deleted has no settings any more.
    struct FindSettings(organisation_id: OrganisationId as Uuid, profile_id: ProfileId as Uuid)
        -> (Text, Nullable<Time>, Nullable<Text>, BigInt, Timestamptz) =
        "select s.mode, s.at, s.weekday, s.version, s.updated_at
        from profile.notification_settings s
        where s.organisation_id = $1 and s.profile_id = $2"
}

kit::statement! {
    /// The person is locked as well, and first: a deletion then comes wholly before this in the feed, or after it.
    struct LockSettings(organisation_id: OrganisationId as Uuid, profile_id: ProfileId as Uuid)
        -> (Text, Nullable<Time>, Nullable<Text>, BigInt, Timestamptz) =
        "select s.mode, s.at, s.weekday, s.version, s.updated_at
        from profile.profiles p
        join profile.notification_settings s on s.organisation_id = p.organisation_id and s.profile_id = p.id
        where p.organisation_id = $1 and p.id = $2 and p.deleted_at is null
        for no key update of p, s"
}

kit::statement! {
    struct UpdateSettings<'a>(
        organisation_id: OrganisationId as Uuid, profile_id: ProfileId as Uuid, mode: &'a str as Text, at: Option<NaiveTime> as Nullable<Time>,
        weekday: Option<&'a str> as Nullable<Text>, version: i64 as BigInt, now: DateTime<Utc> as Timestamptz,
    ) =
        "update profile.notification_settings
        set mode = $3, at = $4, weekday = $5, version = $6, updated_at = $7
        where organisation_id = $1 and profile_id = $2"
}

/// When a person wants to be notified.
pub fn find(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    profile_id: ProfileId,
) -> Result<NotificationSettings, Error> {
    FindSettings { organisation_id, profile_id }.get_result(c).optional()?.ok_or(Error::NotFound)
}

/// Sets when a person wants to be notified; writes nothing where nothing differs.
pub fn update(
    c: &mut PgConnection,
    update: &Update,
    profile_id: ProfileId,
    new: Json<NewNotificationSettings>,
) -> Result<NotificationSettings, Error> {
    let (organisation_id, now) = (update.organisation, update.meta.now);
    let locked = LockSettings { organisation_id, profile_id }.get_result::<NotificationSettings>(c).optional()?;
    let before = locked.ok_or(Error::NotFound)?;
    update.check(before.version)?;
    let after = before.replaced(new.check()?);
    if after == before {
        return Ok(before);
    }
    let after = NotificationSettings { version: before.version + 1, updated_at: now, ..after };
    let (mode, at, weekday, version) = (after.mode.as_str(), after.at, after.weekday.as_deref(), after.version);
    UpdateSettings { organisation_id, profile_id, mode, at, weekday, version, now }.execute(c)?;
    let change = Change::of("NotificationSettingsModified", organisation_id, profile_id, version);
    record(c, SCHEMA, &update.meta, change.before(before.published()).after(after.published()))?;
    Ok(after)
}
