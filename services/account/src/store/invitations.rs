//! Logins that the owners of their addresses have accepted.

use diesel::prelude::*;
use kit::id::LoginId;
use kit::{Error, Meta};
use uuid::Uuid;

use super::logins;
use crate::model::Login;
use crate::schema::logins as table;

kit::statement! {
    /// Logins that were accepted, and whose address no other one has. Each open login is looked up by itself (`offset 0`): of all that were ever
    /// accepted, the database would read every one each second.
    struct FindAccepted(limit: i64 as BigInt) -> (Uuid, Uuid) =
        "select l.id, l.invitation_id from account.logins l \
         where l.invitation_id is not null \
         and (select true from published.accepted_invitations a where a.invitation_id = l.invitation_id offset 0) \
         and not exists (select from account.logins o where lower(o.email) = lower(l.email) and o.invitation_id is null) \
         order by l.id limit $1"
}

/// Logins that were accepted and can be used now, oldest first, each with its invitation.
pub fn accepted(c: &mut PgConnection, limit: i64) -> Result<Vec<(LoginId, Uuid)>, Error> {
    Ok(FindAccepted { limit }.load(c)?)
}

/// Accepted by the owner of its address: from now on somebody can sign in with it. False: its invitation is another one by now, or it is gone.
pub fn accept(c: &mut PgConnection, meta: &Meta, id: LoginId, invitation: Uuid) -> Result<bool, Error> {
    let invited = table::table.filter(table::id.eq(id)).filter(table::invitation_id.eq(invitation));
    let found: Option<Login> = invited.select(Login::as_select()).for_no_key_update().first(c).optional()?;
    let Some(before) = found else { return Ok(false) };
    let version = before.version + 1;
    let after = Login { invitation_id: None, version, updated_at: meta.now, ..before.clone() };
    logins::write(c, meta, &before, &after)?;
    Ok(true)
}
