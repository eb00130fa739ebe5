//! Owners: people of the same organisation, as long as they own.
//!
//! The row that names an owner is written first: its foreign key locks the person's row, so that Profile's deletion,
//! which locks it too, has either ended before or waits for this transaction. Only a later statement, whose snapshot
//! is newer than that lock, can tell whether the person is still there.

use diesel::{PgConnection, RunQueryDsl};
use kit::Error;
use kit::error::FieldError;
use kit::id::{OrganisationId, ProfileId};

kit::statement! {
    /// Whether two people are there; true where none is named.
    pub struct FindPersons(organisation_id: OrganisationId as Uuid, business: Option<ProfileId> as Nullable<Uuid>, technical: Option<ProfileId> as Nullable<Uuid>)
        -> (Bool, Bool) =
        "select
            $2::uuid is null or exists (select from published.persons p where p.organisation_id = $1 and p.id = $2),
            $3::uuid is null or exists (select from published.persons p where p.organisation_id = $1 and p.id = $3)"
}

/// An owner that must be there: the field that names it, and whether it is.
pub type Owner = (&'static str, bool);

/// 422 for every owner that isn't there.
pub fn require(owners: &[Owner]) -> Result<(), Error> {
    let missing: Vec<FieldError> = owners
        .iter()
        .filter(|(_, there)| !there)
        .map(|(field, _)| FieldError::new(*field, "not_found", "must be a person of the organisation"))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::Invalid(missing)) }
}

/// The 422 of an owner without even a tombstone, whom the foreign key refuses.
pub fn unknown(field: &'static str) -> Error {
    Error::invalid(field, "not_found", "must be a person of the organisation")
}

/// 422 unless the people who are to own something are there, asked before anything is written: so a 422 comes before
/// the 409 of a name. That they stay is ensured otherwise: see the module.
pub fn check(
    c: &mut PgConnection,
    organisation_id: OrganisationId,
    business: Option<ProfileId>,
    technical: Option<ProfileId>,
) -> Result<(), Error> {
    if business.is_none() && technical.is_none() {
        return Ok(());
    }
    let (first, second) = FindPersons { organisation_id, business, technical }.get_result(c)?;
    require(&[("businessOwnerId", first), ("technicalOwnerId", second)])
}
