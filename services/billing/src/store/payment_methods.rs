//! Cards.

use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::id::OrganisationId;
use kit::{Error, IfMatch, Meta, OnConstraint};

use crate::model::{PaymentMethod, StoredCard};
use crate::provider::Card;

macro_rules! columns {
    () => {
        "m.customer_id, m.token, m.brand, m.last_four, m.expiry_month, m.expiry_year, m.version, m.created_at, m.updated_at"
    };
}

type Row = (
    diesel::sql_types::Text,
    diesel::sql_types::Text,
    (
        diesel::sql_types::Text,
        diesel::sql_types::Text,
        diesel::sql_types::Integer,
        diesel::sql_types::Integer,
        diesel::sql_types::BigInt,
        diesel::sql_types::Timestamptz,
        diesel::sql_types::Timestamptz,
    ),
);

kit::statement! {
    /// The card of an organisation.
    struct FindCard(organisation_id: OrganisationId as Uuid) -> Row =
        concat!("select ", columns!(), " from billing.payment_methods m where m.organisation_id = $1")
}

kit::statement! {
    /// The same, locked.
    struct LockCard(organisation_id: OrganisationId as Uuid) -> Row = concat!(
        "select ", columns!(), " from billing.payment_methods m where m.organisation_id = $1 for no key update"
    )
}

kit::statement! {
    /// The first card of an organisation, or another one in place of it. No row: the first, but somebody else's came first.
    struct StoreCard<'a>(
        organisation_id: OrganisationId as Uuid,
        customer_id: &'a str as Text,
        token: &'a str as Text,
        brand: &'a str as Text,
        last_four: &'a str as Text,
        expiry_month: i32 as Integer,
        expiry_year: i32 as Integer,
        now: chrono::DateTime<chrono::Utc> as Timestamptz,
        first: bool as Bool,
    ) -> Row = concat!(
        "insert into billing.payment_methods as m (organisation_id, customer_id, token, brand, last_four, expiry_month, \
         expiry_year, version, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8) \
         on conflict (organisation_id) do update set customer_id = excluded.customer_id, token = excluded.token, \
         brand = excluded.brand, last_four = excluded.last_four, expiry_month = excluded.expiry_month, \
         expiry_year = excluded.expiry_year, version = m.version + 1, updated_at = excluded.updated_at \
         where not $9 returning ",
        columns!()
    )
}

kit::statement! {
    /// No card any more.
    struct DeleteCard(organisation_id: OrganisationId as Uuid) =
        "delete from billing.payment_methods where organisation_id = $1"
}

/// The card, if there is one.
pub fn find(connection: &mut PgConnection, organisation_id: OrganisationId) -> Result<Option<StoredCard>, Error> {
    Ok(FindCard { organisation_id }.get_result(connection).optional()?)
}

/// Keeps a card that the provider has taken. True: it is the first one.
pub fn set(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    seen: Option<IfMatch>,
    customer_id: &str,
    card: &Card,
    meta: &Meta,
) -> Result<(PaymentMethod, bool), Error> {
    let (token, brand, last_four) = (&card.token, &card.brand, &card.last_four);
    let (expiry_month, expiry_year, now) = (card.expiry_month, card.expiry_year, meta.now);
    let before: Option<StoredCard> = LockCard { organisation_id }.get_result(connection).optional()?;
    check_seen(before.as_ref(), seen)?;
    let first = before.is_none();
    let store =
        StoreCard { organisation_id, customer_id, token, brand, last_four, expiry_month, expiry_year, now, first };
    let stored: Option<StoredCard> = store
        .get_result(connection)
        .optional()
        .on_constraint("payment_methods_organisation_id_fkey", || Error::NotFound)?;
    // Somebody else's first card came in between: it would have had to be seen.
    let stored = stored.ok_or(Error::PreconditionRequired)?;
    Ok((stored.shown, first))
}

/// Forgets the card; what it was.
pub fn delete(
    connection: &mut PgConnection,
    organisation_id: OrganisationId,
    seen: IfMatch,
) -> Result<StoredCard, Error> {
    let before: Option<StoredCard> = LockCard { organisation_id }.get_result(connection).optional()?;
    let before = before.ok_or(Error::NotFound)?;
    seen.check(before.shown.version)?;
    DeleteCard { organisation_id }.execute(connection)?;
    Ok(before)
}

/// The first card needs no `If-Match`; a further one does, and it must be of the card there is.
pub fn check_seen(before: Option<&StoredCard>, seen: Option<IfMatch>) -> Result<(), Error> {
    match (before, seen) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Error::Stale),
        (Some(_), None) => Err(Error::PreconditionRequired),
        (Some(before), Some(seen)) => seen.check(before.shown.version),
    }
}
