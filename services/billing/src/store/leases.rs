//! Who of several instances does the work: a row with an end.
//!
//! A leased row and not an advisory lock: the roles hold no right to those, and a lock dies with its connection, not
//! with its holder. Nothing is charged twice without it either; it only keeps instances from doing the same work.

use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::Error;
use uuid::Uuid;

kit::statement! {
    /// Takes the lease or keeps it; no row: another instance has it.
    ///
    /// By the database's clock, not the service's: the instances share it, and moving days must not move who leads.
    struct Hold<'a>(name: &'a str as Text, holder: Uuid as Uuid, lease_ms: i64 as BigInt) -> Uuid =
        "insert into billing.leases as l (name, holder, expires_at) \
         values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond') \
         on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at \
         where l.holder = excluded.holder or l.expires_at <= clock_timestamp() returning l.holder"
}

/// True: `holder` has the lease for the time given, from now on.
pub fn hold(connection: &mut PgConnection, name: &str, holder: Uuid, lease_ms: i64) -> Result<bool, Error> {
    Ok(Hold { name, holder, lease_ms }.get_result::<Uuid>(connection).optional()?.is_some())
}
