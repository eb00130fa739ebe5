//! The public keys that tokens are verified with: from `published.signing_keys`, or from a file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::{AUDIENCE, Claims, LIFETIME_MAX_SECONDS};
use crate::db::{Db, Lane};
use crate::{Clock, Error};

/// An unknown key id is looked up, but a flood of them reads the keys once a second at most.
const REREAD: Duration = Duration::from_secs(1);
/// A key that was withdrawn stops being believed after this long.
const REFRESH: Duration = Duration::from_secs(60);
/// A token from a machine whose clock is ahead.
const LEEWAY_SECONDS: i64 = 2;

crate::statement! {
    /// All keys that Account has published.
    pub(crate) struct ListSigningKeys() -> (Text, Text, Nullable<Timestamptz>) =
        "select k.id, k.public_key, k.valid_until from published.signing_keys k"
}

/// Where keys come from.
pub(crate) enum Source {
    /// `published.signing_keys`, through the read lane.
    Database { db: Db, lane: Lane },
    /// A JSON Web Key Set in a file.
    File(PathBuf),
}

struct Key {
    decoding: DecodingKey,
    algorithm: Algorithm,
    valid_until: Option<DateTime<Utc>>,
}

type Set = Arc<HashMap<String, Key>>;

/// The keys known now, and how to learn new ones.
pub(crate) struct Keys {
    source: Source,
    issuer: String,
    clock: Clock,
    set: RwLock<Set>,
    /// When the keys were last asked for; held while asking, so that only one asks.
    asked: tokio::sync::Mutex<Option<Instant>>,
}

impl Keys {
    pub fn new(source: Source, issuer: String, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            source,
            issuer,
            clock,
            set: RwLock::default(),
            asked: tokio::sync::Mutex::new(None),
        })
    }

    /// The claims of a valid token; 401 for any other, 503 where that can't be told.
    pub async fn verify(self: &Arc<Self>, token: &str) -> Result<Claims, Error> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::Unauthorized)?;
        let kid = header.kid.ok_or(Error::Unauthorized)?;
        let mut set = self.set();
        if !set.contains_key(&kid) {
            // A kid is the client's text: nothing but its absence from the set is made of it.
            set = self.reread(&kid).await?;
        } else {
            self.refresh();
        }
        let key = set.get(&kid).ok_or(Error::Unauthorized)?;
        self.check(token, header.alg, key)
    }

    fn set(&self) -> Set {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything about time is ours to check: jsonwebtoken would ask the system's clock.
    fn check(&self, token: &str, algorithm: Algorithm, key: &Key) -> Result<Claims, Error> {
        let now = self.clock.now();
        if algorithm != key.algorithm || key.valid_until.is_some_and(|until| until <= now) {
            return Err(Error::Unauthorized);
        }
        let mut validation = Validation::new(key.algorithm);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation)
            .map_err(|_| Error::Unauthorized)?
            .claims;
        let now = now.timestamp();
        let timely = claims.exp > now
            && claims.exp.saturating_sub(now) <= LIFETIME_MAX_SECONDS + LEEWAY_SECONDS
            && claims.nbf.is_none_or(|from| from <= now + LEEWAY_SECONDS);
        // Operators have no organisation, all others have one: a token that says otherwise is nobody's.
        let whose = (claims.scope == super::Scope::Operator) == claims.org.is_none();
        if timely && whose {
            Ok(claims)
        } else {
            Err(Error::Unauthorized)
        }
    }

    /// Reads the keys for an unknown id, waiting for its turn: a new key is believed within a second of being published.
    async fn reread(&self, kid: &str) -> Result<Set, Error> {
        let came = Instant::now();
        let mut asked = self.asked.lock().await;
        // Somebody else read while this one waited in line.
        if asked.is_some_and(|at| at >= came) || self.set().contains_key(kid) {
            return Ok(self.set());
        }
        if let Some(at) = *asked {
            tokio::time::sleep(REREAD.saturating_sub(at.elapsed())).await;
        }
        *asked = Some(Instant::now());
        self.read().await
    }

    /// Now and then, without making a request wait; what is known stays if it fails.
    fn refresh(self: &Arc<Self>) {
        let Ok(mut asked) = self.asked.try_lock() else {
            return;
        };
        if asked.is_some_and(|at| at.elapsed() < REFRESH) {
            return;
        }
        *asked = Some(Instant::now());
        let keys = Arc::clone(self);
        actix_web::rt::spawn(async move {
            if let Err(error) = keys.read().await {
                tracing::warn!(error = %error, "signing keys can't be read again; those known stay");
            }
        });
    }

    async fn read(&self) -> Result<Set, Error> {
        let set = Arc::new(match &self.source {
            Source::Database { db, lane } => from_database(db.clone(), lane).await?,
            Source::File(path) => from_file(path).map_err(Error::internal)?,
        });
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&set);
        Ok(set)
    }
}

async fn from_database(db: Db, lane: &Lane) -> Result<HashMap<String, Key>, Error> {
    use diesel::RunQueryDsl;
    type Row = (String, String, Option<DateTime<Utc>>);
    let work = move || db.read(|connection| Ok(ListSigningKeys {}.load::<Row>(connection)?));
    let rows = lane.run(work).await.0?;
    let key = |(id, text, valid_until): Row| match serde_json::from_str::<Jwk>(&text)
        .ok()
        .and_then(|jwk| key(&jwk, valid_until))
    {
        Some(key) => Some((id, key)),
        None => {
            tracing::error!(kid = %id, "a published signing key is no Ed25519 or P-256 JWK; it is not used");
            None
        }
    };
    Ok(rows.into_iter().filter_map(key).collect())
}

/// The keys of a JSON Web Key Set; those of other kinds are left out.
pub(crate) fn check_file(path: &PathBuf) -> Result<usize, String> {
    from_file(path).map(|keys| keys.len())
}

fn from_file(path: &PathBuf) -> Result<HashMap<String, Key>, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} can't be read: {error}", path.display()))?;
    let set: JwkSet = serde_json::from_str(&text)
        .map_err(|error| format!("{} is no JSON Web Key Set: {error}", path.display()))?;
    Ok(set
        .keys
        .iter()
        .filter_map(|jwk| Some((jwk.common.key_id.clone()?, key(jwk, None)?)))
        .collect())
}

/// EdDSA and ES256 alone: the algorithm follows from the key and never from the token.
fn key(jwk: &Jwk, valid_until: Option<DateTime<Utc>>) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        _ => return None,
    };
    Some(Key {
        decoding: DecodingKey::from_jwk(jwk).ok()?,
        algorithm,
        valid_until,
    })
}
