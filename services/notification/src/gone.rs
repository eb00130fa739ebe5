//! Who has been deleted or shut out: what waits for them isn't sent.

use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use serde_json::Value;
use uuid::Uuid;

use crate::audience;
use crate::feed::Change;
use crate::text::id;

kit::statement! {
    /// Mails to somebody who has been deleted: the address goes, and what waits isn't sent.
    struct EraseDeliveries(organisation_id: Uuid as Uuid, profile_id: Uuid as Uuid) =
        "update notification.deliveries set recipient = '', version = version + 1, next_attempt_at = null, \
             reason = case when status in ('waiting', 'held') then 'the person has been deleted' else reason end, \
             status = case when status in ('waiting', 'held') then 'failed' else status end \
         where organisation_id = $1 and profile_id = $2 and recipient <> ''"
}

kit::statement! {
    /// Who was to be asked, but isn't any more: somebody else may have the address, and is asked then. Not where the mail may have gone.
    struct ForgetAsking(organisation_id: Uuid as Uuid, profile_id: Uuid as Uuid) =
        "update notification.addresses a set asked_at = null from notification.deliveries d \
         where d.organisation_id = $1 and d.profile_id = $2 and d.confirms and d.status = 'waiting' \
         and a.organisation_id = d.organisation_id and a.address_id = d.address_id and a.confirmed_at is null \
         and not exists (select from notification.confirmations c where c.organisation_id = a.organisation_id and c.address_id = a.address_id)"
}

kit::statement! {
    /// Notifications about the person are deleted with it; the others stay, and nobody reads them any more.
    struct EraseNotifications(organisation_id: Uuid as Uuid, profile_id: Uuid as Uuid) =
        "delete from notification.notifications where organisation_id = $1 and profile_id = $2 \
         and kind in ('profileModified', 'notificationSettingsModified')"
}

kit::statement! {
    /// Nothing waits for a roll-up any more.
    struct EndPending(organisation_id: Uuid as Uuid, profile_id: Uuid as Uuid) =
        "update notification.notifications set pending = false where organisation_id = $1 and profile_id = $2 and pending"
}

kit::statement! {
    /// Mails that wait for a login that can't be used.
    struct EndLogin(organisation_id: Uuid as Uuid, login_id: Uuid as Uuid) =
        "update notification.deliveries set status = 'failed', next_attempt_at = null, version = version + 1, \
             reason = 'the login has been disabled or deleted' \
         where organisation_id = $1 and login_id = $2 and status in ('waiting', 'held') and not confirms \
         and not exists (select from published.login_contacts l where l.login_id = $2 and l.disabled_at is null \
             and l.invitation_id is null)"
}

kit::statement! {
    /// Mails that wait for a person whose last login is out of use.
    struct EndPerson(organisation_id: Uuid as Uuid, profile_id: Uuid as Uuid) =
        "update notification.deliveries set status = 'failed', next_attempt_at = null, version = version + 1, \
             reason = 'the login has been disabled or deleted' \
         where organisation_id = $1 and profile_id = $2 and status in ('waiting', 'held') and not confirms"
}

/// Forgets what a change ends: a person that was erased, a login that is disabled, deleted or another person's now. What is so at present
/// decides: a feed read again shuts nobody out who is back. Before the change's own messages are made,
/// which tell the login of it.
pub fn forget(connection: &mut PgConnection, change: &Change) -> QueryResult<()> {
    if let Some((organisation_id, profile_id)) = erased(change) {
        return erase(connection, organisation_id, profile_id);
    }
    let of_a_login = matches!(change.kind.as_str(), "LoginModified" | "LoginDeleted");
    match change.organisation_id.zip(change.entity_id.parse().ok()).filter(|_| of_a_login) {
        Some((organisation_id, login_id)) => shut(connection, change, organisation_id, login_id),
        None => Ok(()),
    }
}

fn shut(connection: &mut PgConnection, change: &Change, organisation_id: Uuid, login_id: Uuid) -> QueryResult<()> {
    EndLogin { organisation_id, login_id }.execute(connection)?;
    for side in [&change.before, &change.after].into_iter().flatten() {
        let Some(profile_id) = id(side, "profileId") else { continue };
        if audience::admitted(connection, &[organisation_id], &[profile_id])?.is_empty() {
            EndPerson { organisation_id, profile_id }.execute(connection)?;
            EndPending { organisation_id, profile_id }.execute(connection)?;
        }
    }
    Ok(())
}

/// Somebody has been deleted.
fn erase(connection: &mut PgConnection, organisation_id: Uuid, profile_id: Uuid) -> QueryResult<()> {
    ForgetAsking { organisation_id, profile_id }.execute(connection)?;
    EraseDeliveries { organisation_id, profile_id }.execute(connection)?;
    EraseNotifications { organisation_id, profile_id }.execute(connection)?;
    EndPending { organisation_id, profile_id }.execute(connection)?;
    Ok(())
}

/// The person that a change erased, if it did.
fn erased(change: &Change) -> Option<(Uuid, Uuid)> {
    let gone = change.kind == "ProfileDeleted" && change.after.as_ref().is_none_or(|after| *after == Value::Null);
    change.organisation_id.filter(|_| gone).zip(change.entity_id.parse().ok())
}
