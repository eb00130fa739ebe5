//! Who a service is to the others: a secret at Account buys a token of five minutes with scope `service`. The product knows
//! no such scope, so the token opens the internal paths alone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kit::{Clock, Error};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::http::{self, Trouble};
use crate::sql::Sql;

/// How long a token is good, in seconds.
pub const LIFETIME_S: u64 = 300;
/// A token is exchanged after half its time: Account may be away for as long as the rest.
const RENEW: Duration = Duration::from_secs(LIFETIME_S / 2);
/// While Account doesn't answer it is asked that rarely.
const AGAIN: Duration = Duration::from_secs(1);
const FIRST_AGAIN: Duration = Duration::from_millis(50);
/// Tokens that were verified already; beyond it all are forgotten.
const MOST: usize = 64;
/// How far ahead the clock of Account's machine may be.
const LEEWAY_S: i64 = 2;

/// How a service presents its token. As `Bearer` it is believed as well, but then the product's own gate looks at it first, and
/// verifies each time anew a signature that can't be a user's.
const SCHEME: &str = "Service";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    scope: String,
    iat: i64,
    exp: i64,
}

/// Account's side: what makes tokens of secrets.
pub struct Issuer {
    kid: String,
    key: EncodingKey,
    issuer: String,
    clock: Clock,
    secrets: HashMap<String, String>,
}

impl Issuer {
    /// Signs with Account's own key.
    #[must_use]
    pub fn new(key: &account::keys::SigningKey, issuer: &str, clock: Clock, secrets: HashMap<String, String>) -> Self {
        Self { kid: key.id.clone(), key: key.secret.clone(), issuer: issuer.to_owned(), clock, secrets }
    }

    /// A token for the service whose name and secret an `Authorization: Basic` header holds.
    ///
    /// # Errors
    /// 401 for any other.
    pub fn exchange(&self, header: &str) -> Result<String, Error> {
        let pair = header.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text).ok());
        let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(Error::Unauthorized)?;
        let (name, secret) = pair.split_once(':').ok_or(Error::Unauthorized)?;
        let known = self.secrets.get(name).ok_or(Error::Unauthorized)?;
        // As long for a wrong one as for the right one.
        let differs =
            known.bytes().zip(secret.bytes()).fold(known.len() ^ secret.len(), |all, (a, b)| all | usize::from(a ^ b));
        if differs != 0 {
            return Err(Error::Unauthorized);
        }
        self.sign(name)
    }

    fn sign(&self, name: &str) -> Result<String, Error> {
        let now = self.clock.now().timestamp();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: kit::auth::AUDIENCE.to_owned(),
            sub: name.to_owned(),
            scope: "service".to_owned(),
            iat: now,
            exp: now + LIFETIME_S as i64,
        };
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(Error::internal)
    }
}

/// What a secret buys.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bought {
    access_token: String,
}

/// The caller's side: a name, a secret, and the token they bought.
pub struct Credentials {
    account: String,
    basic: String,
    held: Mutex<Held>,
}

/// The token that was bought last, and when the next one is to be bought.
#[derive(Default)]
struct Held {
    token: Option<String>,
    renew: Option<Instant>,
}

impl Held {
    fn is_due(&self) -> bool {
        self.renew.is_none_or(|renew| Instant::now() >= renew)
    }
}

impl Credentials {
    /// Of a service, at Account's base URL.
    #[must_use]
    pub fn new(account: String, name: &str, secret: &str) -> Self {
        let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")));
        Self { account, basic, held: Mutex::default() }
    }

    /// The header's value: a token that is good for a while yet. While Account is away an older one will do; and whoever comes while another one
    /// is bought, or just after that failed, doesn't wait for Account.
    ///
    /// # Errors
    /// There is none, and Account doesn't answer.
    pub async fn token(&self, within: Duration) -> Result<String, Trouble> {
        let mut held = self.held.lock().await;
        if !held.is_due() {
            return held.token.clone().ok_or(Trouble::Unreachable);
        }
        held.renew = Some(Instant::now() + AGAIN);
        if let Some(older) = held.token.clone() {
            drop(held);
            return Ok(self.buy(within).await.unwrap_or(older));
        }
        // The first one: everybody waits for it, and it is tried again soon, for services start together.
        let bought = self.exchange(within).await;
        *held = match &bought {
            Ok(text) => Held { token: Some(text.clone()), renew: Some(Instant::now() + RENEW) },
            Err(_) => Held { token: None, renew: Some(Instant::now() + FIRST_AGAIN) },
        };
        bought
    }

    async fn buy(&self, within: Duration) -> Result<String, Trouble> {
        let text = self.exchange(within).await?;
        *self.held.lock().await = Held { token: Some(text.clone()), renew: Some(Instant::now() + RENEW) };
        Ok(text)
    }

    async fn exchange(&self, within: Duration) -> Result<String, Trouble> {
        let url = format!("{}/internal/v1/token", self.account);
        let bought = http::post::<Bought>(&url, &self.basic, within).await?;
        Ok(format!("{SCHEME} {}", bought.access_token))
    }

    /// This token was refused: the next call buys another.
    pub async fn refused(&self, text: &str) {
        let mut held = self.held.lock().await;
        if held.token.as_deref() == Some(text) {
            *held = Held::default();
        }
    }
}

/// The owner's side: who may ask.
#[derive(Default)]
pub struct Guard {
    /// Tokens that were verified, and when they end.
    known: Mutex<HashMap<String, i64>>,
}

impl Guard {
    /// Whether an `Authorization` header holds a service's token, by the keys in the local `published.signing_keys`.
    ///
    /// # Errors
    /// 401; 503 where the keys can't be read.
    pub async fn check(&self, header: &str, sql: &Sql, issuer: &str, now: i64) -> Result<(), Error> {
        let (scheme, token) = header.split_once(' ').ok_or(Error::Unauthorized)?;
        if ![SCHEME, "Bearer"].contains(&scheme) {
            return Err(Error::Unauthorized);
        }
        let mut known = self.known.lock().await;
        if known.get(token).is_some_and(|ends| *ends > now) {
            return Ok(());
        }
        let ends = verified(token, sql, issuer, now).await?;
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(token.to_owned(), ends);
        Ok(())
    }
}

async fn verified(token: &str, sql: &Sql, issuer: &str, now: i64) -> Result<i64, Error> {
    let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid).ok_or(Error::Unauthorized)?;
    // No text of the database holds it.
    if kid.contains('\0') {
        return Err(Error::Unauthorized);
    }
    let find = "select (select to_json(k.public_key) from published.signing_keys k where k.id = $1)::text";
    let key: Option<String> = sql.json(find, &[&kid]).await.map_err(|error| {
        tracing::warn!(error = %error, "keys can't be read");
        Error::Busy(kit::error::Busy::Pool)
    })?;
    let jwk = key.and_then(|text| serde_json::from_str(&text).ok()).ok_or(Error::Unauthorized)?;
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| Error::Unauthorized)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[kit::auth::AUDIENCE]);
    validation.set_issuer(&[issuer]);
    // By the service's clock, which tests move.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|_| Error::Unauthorized)?.claims;
    let good = claims.scope == "service" && claims.exp > now && claims.iat <= now + LEEWAY_S;
    if good { Ok(claims.exp) } else { Err(Error::Unauthorized) }
}
