//! Who may administrate an organisation now: a token says who might a while ago.

use diesel::prelude::*;
use kit::id::{LoginId, OrganisationId};
use kit::{Error, Meta};

kit::statement! {
    /// Whether somebody can administrate the organisation now, whatever a token says.
    pub struct IsWorkingAdmin(organisation: OrganisationId as Uuid, id: LoginId as Uuid) -> Bool =
        "select exists (select from account.logins l \
         where l.organisation_id = $1 and l.id = $2 and l.scope = 'admin' and l.disabled_at is null \
         and l.invitation_id is null)"
}

/// 403 unless the caller is an admin still: a token outlives its login's removal, and who was removed must not make a new one.
pub fn require(c: &mut PgConnection, meta: &Meta, organisation: OrganisationId) -> Result<(), Error> {
    let admin = match meta.actor {
        Some(id) => IsWorkingAdmin { organisation, id }.get_result(c)?,
        None => false,
    };
    if admin { Ok(()) } else { Err(Error::forbidden("this needs an admin of the organisation")) }
}
