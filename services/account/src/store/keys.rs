//! Signing keys, as the others see them.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use kit::Error;

use crate::schema::signing_keys;

kit::statement! {
    /// A new key, or one that returns.
    struct PublishKey<'a>(id: &'a str as Text, public_key: &'a str as Text, now: DateTime<Utc> as Timestamptz) =
        "insert into account.signing_keys as k (id, public_key, valid_from, valid_until) values ($1, $2, $3, null) \
         on conflict (id) do update set valid_until = null where k.valid_until is not null"
}

kit::statement! {
    /// All keys but these end, if they haven't an end already.
    struct RetireOthers(ids: Vec<String> as Array<Text>, until: DateTime<Utc> as Timestamptz) =
        "update account.signing_keys set valid_until = $2 where valid_until is null and id <> all($1)"
}

/// The public keys that verify tokens now, as JSON texts.
pub fn list(c: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<String>, Error> {
    let keys = signing_keys::table
        .filter(signing_keys::valid_until.is_null().or(signing_keys::valid_until.gt(now)))
        .order((signing_keys::valid_from, signing_keys::id))
        .select(signing_keys::public_key)
        .load(c)?;
    Ok(keys)
}

/// Publishes these keys (id, JWK) and retires all others, an hour from now: until then their tokens live.
pub fn publish(c: &mut PgConnection, keys: &[(String, String)], now: DateTime<Utc>) -> Result<(), Error> {
    // In the order of their ids: two processes that start at once must not lock the rows crosswise.
    let mut sorted: Vec<_> = keys.iter().collect();
    sorted.sort();
    for (id, public_key) in sorted {
        PublishKey { id, public_key, now }.execute(c)?;
    }
    let until = now + TimeDelta::seconds(kit::auth::LIFETIME_MAX_SECONDS);
    RetireOthers { ids: keys.iter().map(|(id, _)| id.clone()).collect(), until }.execute(c)?;
    Ok(())
}
