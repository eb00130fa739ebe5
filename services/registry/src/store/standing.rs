//! Frozen organisations: a column of every statement, so that it costs no statement of its own.

use diesel::{PgConnection, RunQueryDsl};
use kit::Error;
use kit::id::OrganisationId;

kit::statement! {
    /// How an organisation stands; no row of Billing's: active.
    pub struct FindStanding(organisation_id: OrganisationId as Uuid) -> (Nullable<Text>,) =
        "select st.standing
        from (select $1::uuid as organisation_id) q
        left join published.standings st on st.organisation_id = q.organisation_id"
}

/// A row of a statement that starts at the organisation: how that stands, and what was asked for, if it is there.
pub type Standing<T> = (Option<String>, T);

/// What was asked for, or 402.
pub fn unfrozen<T>((standing, value): Standing<T>) -> Result<T, Error> {
    match standing.as_deref() {
        Some("frozen") => Err(Error::PaymentRequired {
            slug: "organisation-frozen",
            detail: "the organisation is frozen until its overdue invoices are paid".to_owned(),
        }),
        _ => Ok(value),
    }
}

/// What was asked for, or 402, or 404.
pub fn found<T>(row: Standing<Option<T>>) -> Result<T, Error> {
    unfrozen(row)?.ok_or(Error::NotFound)
}

/// A list's rows, or 402. There is always one row, which an empty list leaves without an item.
pub fn items<T>(rows: Vec<Standing<Option<T>>>) -> Result<Vec<T>, Error> {
    rows.into_iter().filter_map(|row| unfrozen(row).transpose()).collect()
}

/// 402 for a frozen organisation; for requests that are refused or repeated before any other statement says so.
pub fn check(connection: &mut PgConnection, organisation_id: OrganisationId) -> Result<(), Error> {
    let (standing,): (Option<String>,) = FindStanding { organisation_id }.get_result(connection)?;
    unfrozen((standing, ()))
}
