//! `Idempotency-Key`: a POST that is sent twice is done once.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Binary, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::auth::Caller;
use crate::body::RawBody;
use crate::reply::Reply;
use crate::sql::Sql;
use crate::{Error, Meta};

/// The request's `Idempotency-Key`, if it has one, with whose it is and a fingerprint of the request.
///
/// An extractor: a key that isn't 1..=128 visible ASCII characters is a 400. Passed to the write, and there to [`once`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Idempotency(Option<Key>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    caller: String,
    key: String,
    fingerprint: Vec<u8>,
}

impl Idempotency {
    /// No key: the work is simply done.
    pub fn none() -> Self {
        Self(None)
    }

    /// Mixes a secret of the service into the fingerprint: where bodies hold passwords, a plain hash of one would be a hint.
    #[must_use]
    pub fn keyed(mut self, secret: &[u8]) -> Self {
        if let Some(key) = &mut self.0 {
            let mac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
            key.fingerprint = ring::hmac::sign(&mac, &key.fingerprint).as_ref().to_vec();
        }
        self
    }

    fn of(request: &HttpRequest) -> Result<Self, Error> {
        let mut values = request.headers().get_all("idempotency-key");
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let key = value.to_str().unwrap_or_default();
        if values.next().is_some() || !crate::is_visible_ascii(key, 128) {
            return Err(Error::bad_request(
                "Idempotency-Key",
                "invalid_format",
                "must be 1 to 128 visible ASCII characters",
            ));
        }
        let body = RawBody::of(request)?;
        // No request that takes a key has a query or a precondition: path and body are all that it says.
        let mut hash = Sha256::new();
        for part in [request.method().as_str().as_bytes(), request.path().as_bytes()] {
            hash.update(part);
            hash.update([0]);
        }
        hash.update(&body);
        // Callers without a token are told apart by their address: otherwise one could use, and read, another's key.
        let caller = Caller::of(request).map_or_else(
            |_| format!("anonymous {}", crate::server::address(request)),
            |caller| caller.login.to_string(),
        );
        Ok(Self(Some(Key { caller, key: key.to_owned(), fingerprint: hash.finalize().to_vec() })))
    }
}

impl FromRequest for Idempotency {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// A kept answer, as its columns: fingerprint, status, location, etag, body.
type Row = (Binary, Nullable<Integer>, Nullable<Text>, Nullable<Text>, Nullable<Jsonb>);
type Kept = (Vec<u8>, Option<i32>, Option<String>, Option<String>, Option<Value>);

/// Does `work` once per key: a repeat gets the first answer again, a repeat with another request is a 422.
///
/// Called inside the write transaction, after the lock of an existing entity and before the first other write.
/// The row that stands for the key is inserted first, so that a concurrent repeat waits here for the first one; if that
/// fails, its row is gone with it and the repeat does the work. An error of `work` keeps nothing.
pub fn once(
    connection: &mut PgConnection,
    schema: &'static str,
    idempotency: &Idempotency,
    meta: &Meta,
    work: impl FnOnce(&mut PgConnection) -> Result<Reply, Error>,
) -> Result<Reply, Error> {
    let Some(key) = &idempotency.0 else {
        return work(connection);
    };
    if !claim(connection, schema, key, meta.now)? {
        return repeat(connection, schema, key);
    }
    let reply = work(connection)?;
    keep(connection, schema, key, &reply)?;
    Ok(reply)
}

/// The answer kept for this key, if there is one: for work that can't be done within one transaction.
///
/// Such work looks here before it begins, and calls [`once`] in the transaction that ends it.
pub fn kept(
    connection: &mut PgConnection,
    schema: &'static str,
    idempotency: &Idempotency,
) -> Result<Option<Reply>, Error> {
    match &idempotency.0 {
        Some(key) => find(connection, schema, key),
        None => Ok(None),
    }
}

fn claim(connection: &mut PgConnection, schema: &'static str, key: &Key, now: DateTime<Utc>) -> Result<bool, Error> {
    let insert: Sql<'_> = Sql::new(
        "insert into {schema}.idempotency_keys (caller, key, fingerprint, created_at) values ($1, $2, $3, $4) \
         on conflict (caller, key) do nothing",
        schema,
    );
    let inserted = insert
        .bind::<Text, _>(key.caller.as_str())
        .bind::<Text, _>(key.key.as_str())
        .bind::<Binary, _>(key.fingerprint.as_slice())
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
    Ok(inserted == 1)
}

fn repeat(connection: &mut PgConnection, schema: &'static str, key: &Key) -> Result<Reply, Error> {
    // Gone between the two statements: the purge took it. The client's next try does the work.
    find(connection, schema, key)?.ok_or(Error::Busy(crate::error::Busy::Serialization))
}

fn find(connection: &mut PgConnection, schema: &'static str, key: &Key) -> Result<Option<Reply>, Error> {
    let select: Sql<'_, Row> = Sql::new(
        "select fingerprint, status, location, etag, body from {schema}.idempotency_keys where caller = $1 and key = $2",
        schema,
    );
    let kept: Option<Kept> = select
        .bind::<Text, _>(key.caller.as_str())
        .bind::<Text, _>(key.key.as_str())
        .get_result(connection)
        .optional()?;
    let Some((fingerprint, status, location, etag, body)) = kept else {
        return Ok(None);
    };
    if fingerprint != key.fingerprint {
        return Err(Error::invalid("Idempotency-Key", "key_reused", "was used for another request"));
    }
    let status = status.and_then(|status| u16::try_from(status).ok());
    let status = status.ok_or_else(|| Error::internal("an idempotency row without its answer was committed"))?;
    Ok(Some(Reply { status, location, etag, body: body.map(|body| body.to_string()) }))
}

fn keep(connection: &mut PgConnection, schema: &'static str, key: &Key, reply: &Reply) -> Result<(), Error> {
    let body: Option<Value> = reply.body.as_deref().map(serde_json::from_str).transpose().map_err(Error::internal)?;
    let update: Sql<'_> = Sql::new(
        "update {schema}.idempotency_keys set status = $3, location = $4, etag = $5, body = $6 where caller = $1 and key = $2",
        schema,
    );
    update
        .bind::<Text, _>(key.caller.as_str())
        .bind::<Text, _>(key.key.as_str())
        .bind::<Integer, _>(i32::from(reply.status))
        .bind::<Nullable<Text>, _>(reply.location.as_deref())
        .bind::<Nullable<Text>, _>(reply.etag.as_deref())
        .bind::<Nullable<Jsonb>, _>(body)
        .execute(connection)?;
    Ok(())
}

/// Writes a row of so many bytes, for a transaction that is rolled back: whether anything can be written now.
pub(crate) fn try_to_write(connection: &mut PgConnection, schema: &'static str, bytes: usize) -> Result<(), Error> {
    use ring::rand::SecureRandom as _;
    // Random, or it would be compressed.
    let mut fingerprint = vec![0; bytes];
    ring::rand::SystemRandom::new().fill(&mut fingerprint).map_err(Error::internal)?;
    let key = Key { caller: "readyz".to_owned(), key: uuid::Uuid::now_v7().to_string(), fingerprint };
    claim(connection, schema, &key, Utc::now()).map(drop)
}

/// Removes up to `batch` keys from before `until`; how many were removed.
pub(crate) fn purge(
    connection: &mut PgConnection,
    schema: &'static str,
    until: DateTime<Utc>,
    batch: i64,
) -> Result<usize, Error> {
    let delete: Sql<'_> = Sql::new(
        "delete from {schema}.idempotency_keys where (caller, key) in \
         (select caller, key from {schema}.idempotency_keys where created_at < $1 order by created_at limit $2 \
          for update skip locked)",
        schema,
    );
    Ok(delete.bind::<Timestamptz, _>(until).bind::<diesel::sql_types::BigInt, _>(batch).execute(connection)?)
}
