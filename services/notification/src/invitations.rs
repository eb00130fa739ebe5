//! Logins that the owners of their addresses have yet to accept: the mail, and what its link accepts. Account lets people sign in once it reads
//! here (`published.accepted_invitations`) that they did.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

use crate::addresses::address_id;
use crate::feed::Change;
use crate::text::{id, text};

/// The subject of the mail.
const SUBJECT: &str = "Accept your login";

kit::statement! {
    /// The mail, held back until its mailbox and its organisation may have one more; one for each invitation, whatever is read again.
    struct Invite<'a>(
        organisation_id: Uuid as Uuid, id: Uuid as Uuid, login_id: Uuid as Uuid, recipient: &'a str as Text, subject: &'a str as Text,
        due_at: DateTime<Utc> as Timestamptz, created_at: DateTime<Utc> as Timestamptz, address_id: Uuid as Uuid,
    ) =
        "with made as ( \
             insert into notification.invitations (invitation_id, organisation_id, address_id, created_at) values ($2, $1, $8, $7) \
             on conflict do nothing returning invitation_id \
         ) \
         insert into notification.deliveries (organisation_id, id, login_id, recipient, subject, status, attempts, next_attempt_at, version, \
             created_at, address_id, confirms) \
         select $1, invitation_id, $3, $4, $5, 'held', 0, $6, 1, $7, $8, true from made"
}

kit::statement! {
    /// Whether there is still a login to accept.
    struct FindInvited(invitation_id: Uuid as Uuid) -> Bool =
        "select exists (select from published.login_contacts l where l.invitation_id = $1)"
}

/// Makes the mail that invites, if the change asks for one: how many (0 or 1). `times`: as when it was made, and when it is due.
pub fn invite(
    connection: &mut PgConnection,
    change: &Change,
    (created_at, due_at): (DateTime<Utc>, DateTime<Utc>),
) -> QueryResult<i64> {
    let invitation = |side: &Option<_>| side.as_ref().and_then(|side| id(side, "invitationId"));
    let email = change.after.as_ref().map_or("", |after| text(after, "email"));
    let (Some(organisation_id), Ok(login_id), Some(id), Some(address_id)) =
        (change.organisation_id, change.entity_id.parse(), invitation(&change.after), address_id(email))
    else {
        return Ok(0);
    };
    if invitation(&change.before) == Some(id) {
        return Ok(0);
    }
    let (recipient, subject) = (email, SUBJECT);
    let made = Invite { organisation_id, id, login_id, recipient, subject, due_at, created_at, address_id };
    made.execute(connection).map(|made| i64::from(made > 0))
}

/// Whether there is still a login to accept.
pub fn is_open(connection: &mut PgConnection, invitation_id: Uuid) -> QueryResult<bool> {
    FindInvited { invitation_id }.get_result(connection)
}
