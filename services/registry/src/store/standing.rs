//! Frozen organisations: a column of every statement, so that it costs no statement of its own.

use diesel::{PgConnection, RunQueryDsl};
use kit::id::OrganisationId;
use kit::{Create, Error, Json};

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

/// A row of a list within something: also whether that is there.
type Within<T> = (Option<String>, bool, Option<T>);

/// The rows of a list within something, or 402, or 404 where that isn't there.
pub fn items_within<T>(rows: Vec<Within<T>>) -> Result<Vec<T>, Error> {
    let found = |(standing, there, item): Within<T>| found((standing, there.then_some(item))).transpose();
    rows.into_iter().filter_map(found).collect()
}

/// 402 for a frozen organisation, of a create that is refused or repeated before any other statement says so.
pub fn check_early<T>(c: &mut PgConnection, create: &Create, body: &Json<T>) -> Result<(), Error> {
    if body.peek().is_some() && !create.may_be_repeat() {
        return Ok(());
    }
    let (standing,): (Option<String>,) = FindStanding { organisation_id: create.organisation }.get_result(c)?;
    unfrozen((standing, ()))
}
