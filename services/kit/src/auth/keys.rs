//! The public keys that tokens are verified with: from `published.signing_keys`, or from a file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::verified::Verified;
use super::{AUDIENCE, Claims, LIFETIME_MAX_SECONDS};
use crate::db::{Db, Lane};
use crate::{Clock, Error};

/// An unknown key id is looked up, but a flood of them reads the keys once a second at most.
const REREAD: Duration = Duration::from_secs(1);
/// A key that was withdrawn stops being believed after this long.
const REFRESH: Duration = Duration::from_secs(60);
/// The longest key id that is looked up.
const KID_MAX: usize = 128;
/// Key ids that are remembered as absent.
const ABSENT_MAX: usize = 1024;
/// How far ahead the clock of the machine that signs may be.
const LEEWAY_SECONDS: i64 = 2;

crate::statement! {
    /// All keys that Account has published.
    pub(crate) struct ListSigningKeys() -> (Text, Text, Nullable<Timestamptz>) =
        "select k.id, k.public_key, k.valid_until from published.signing_keys k"
}

/// Whether a token's header has `crit`: it says what must be understood of it (RFC 7515), and nothing beyond the standard is.
fn demands_more(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    header.is_none_or(|header| header.get("crit").is_some())
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

/// The keys of one reading; a later one has a higher generation.
#[derive(Default)]
struct KeySet {
    generation: u64,
    keys: HashMap<String, Key>,
}

type Set = Arc<KeySet>;

/// When the keys were asked for.
#[derive(Default)]
struct Asked {
    /// When last, with an answer or without: the pace.
    tried: Option<Instant>,
    /// When a request last asked and had its answer, and which: requests that waited meanwhile get the same.
    answered: Option<(Instant, Result<(), Error>)>,
}

/// The keys known now, and how to learn new ones.
pub(crate) struct Keys {
    source: Source,
    issuer: String,
    clock: Clock,
    set: RwLock<Set>,
    verified: Verified,
    /// Held while asking, so that only one asks.
    asked: tokio::sync::Mutex<Asked>,
    /// Unknown key ids, and when they were looked up: sent again, one is refused at once for a while.
    absent: Mutex<HashMap<String, Instant>>,
}

impl Keys {
    pub fn new(source: Source, issuer: String, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            source,
            issuer,
            clock,
            set: RwLock::default(),
            verified: Verified::default(),
            asked: tokio::sync::Mutex::default(),
            absent: Mutex::default(),
        })
    }

    /// The claims of a valid token; 401 for any other, 503 where that can't be found out.
    pub async fn verify(self: &Arc<Self>, token: &str) -> Result<Claims, Error> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::Unauthorized)?;
        let kid = header.kid.filter(|kid| kid.len() <= KID_MAX).ok_or(Error::Unauthorized)?;
        let mut set = self.set();
        if set.keys.contains_key(&kid) {
            self.refresh();
        } else {
            set = self.reread(&kid).await?;
        }
        // A kid is text from the client: it is looked up here, and used for nothing else.
        let key = set.keys.get(&kid).ok_or(Error::Unauthorized)?;
        let claims = match self.verified.get(set.generation, token) {
            Some(claims) => claims,
            None => {
                let claims = self.signed(token, header.alg, key)?;
                self.verified.put(set.generation, token, &claims);
                claims
            }
        };
        self.timely(key, &claims).then_some(claims).ok_or(Error::Unauthorized)
    }

    fn set(&self) -> Set {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The claims, if the key signed them for us and they make sense.
    fn signed(&self, token: &str, algorithm: Algorithm, key: &Key) -> Result<Claims, Error> {
        if algorithm != key.algorithm || demands_more(token) {
            return Err(Error::Unauthorized);
        }
        let mut validation = Validation::new(key.algorithm);
        // Everything about time is ours to check: jsonwebtoken would ask the system's clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation);
        let claims = decoded.map_err(|_| Error::Unauthorized)?.claims;
        // Operators have no organisation, all others have one: a token that says otherwise is invalid.
        let whose = (claims.scope == super::Scope::Operator) == claims.org.is_none();
        if whose { Ok(claims) } else { Err(Error::Unauthorized) }
    }

    /// Are the key and the token valid now, by the service's clock?
    fn timely(&self, key: &Key, claims: &Claims) -> bool {
        let now = self.clock.now();
        let seconds = now.timestamp();
        key.valid_until.is_none_or(|until| until > now)
            && claims.exp > seconds
            && claims.exp.saturating_sub(seconds) <= LIFETIME_MAX_SECONDS + LEEWAY_SECONDS
            && claims.nbf.is_none_or(|from| from <= seconds + LEEWAY_SECONDS)
    }

    /// Reads the keys for an unknown id, waiting for its turn: a new key is believed within a second of being published.
    async fn reread(&self, kid: &str) -> Result<Set, Error> {
        let came = Instant::now();
        if self.was_absent(kid) {
            return Ok(self.set());
        }
        let mut asked = self.asked.lock().await;
        if self.set().keys.contains_key(kid) {
            return Ok(self.set());
        }
        // Another request read while this one waited, or failed to.
        if let Some((_, answer)) = asked.answered.as_ref().filter(|(at, _)| *at >= came) {
            return answer.clone().map(|()| self.set());
        }
        if let Some(at) = asked.tried {
            tokio::time::sleep(REREAD.saturating_sub(at.elapsed())).await;
        }
        let at = Instant::now();
        asked.tried = Some(at);
        let read = self.read().await;
        asked.answered = Some((at, read.as_ref().map(drop).map_err(Clone::clone)));
        let set = read?;
        if !set.keys.contains_key(kid) {
            let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
            if absent.len() >= ABSENT_MAX {
                absent.clear();
            }
            absent.insert(kid.to_owned(), Instant::now());
        }
        Ok(set)
    }

    fn was_absent(&self, kid: &str) -> bool {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.get(kid).is_some_and(|at| at.elapsed() < REREAD)
    }

    /// Now and then, without making a request wait; what is known stays if it fails.
    fn refresh(self: &Arc<Self>) {
        let Ok(mut asked) = self.asked.try_lock() else {
            return;
        };
        if asked.tried.is_some_and(|at| at.elapsed() < REFRESH) {
            return;
        }
        asked.tried = Some(Instant::now());
        let keys = Arc::clone(self);
        actix_web::rt::spawn(async move {
            if let Err(error) = keys.read().await {
                tracing::warn!(error = %error, "signing keys can't be read again; those known stay");
            }
        });
    }

    async fn read(&self) -> Result<Set, Error> {
        let keys = match &self.source {
            Source::Database { db, lane } => from_database(db.clone(), lane).await?,
            Source::File(path) => from_file(path).map_err(Error::internal)?,
        };
        let mut current = self.set.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(KeySet { generation: current.generation + 1, keys });
        Ok(Arc::clone(&current))
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
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} can't be read: {error}", path.display()))?;
    let set: JwkSet =
        serde_json::from_str(&text).map_err(|error| format!("{} is no JSON Web Key Set: {error}", path.display()))?;
    Ok(set.keys.iter().filter_map(|jwk| Some((jwk.common.key_id.clone()?, key(jwk, None)?))).collect())
}

/// EdDSA and ES256 alone: the algorithm follows from the key and never from the token.
fn key(jwk: &Jwk, valid_until: Option<DateTime<Utc>>) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return None,
    };
    Some(Key { decoding: DecodingKey::from_jwk(jwk).ok()?, algorithm, valid_until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_demands_what_nobody_understands_is_refused() {
        let token = |header: &str| format!("{}.e30.x", URL_SAFE_NO_PAD.encode(header));
        assert!(!demands_more(&token(r#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#)));
        for header in [r#"{"alg":"EdDSA","kid":"k","crit":["b64"]}"#, r#"{"crit":[]}"#, r#"{"crit":null}"#, "no JSON"] {
            assert!(demands_more(&token(header)), "{header}");
        }
    }
}
