//! Tokens made once, with the running system's own key, so that signing in is no part of a measurement.

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::header::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use uuid::Uuid;

use crate::Failure;

/// As Account makes them.
#[derive(Serialize)]
struct Claims {
    iss: &'static str,
    aud: &'static str,
    sub: Uuid,
    org: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Uuid>,
    scope: &'static str,
    iat: u64,
    exp: u64,
}

/// Makes tokens.
pub struct Mint {
    key: EncodingKey,
    header: Header,
    now_s: u64,
}

/// Services refuse tokens of more than an hour. They are made anew with each replicate, which is shorter.
const LIFE_S: u64 = 3600;

impl Mint {
    /// With an Ed25519 key (PKCS#8 PEM) known to the services under `kid`.
    pub fn new(signing_key_pem: &str, kid: String) -> Result<Self, Failure> {
        let key = EncodingKey::from_ed_pem(signing_key_pem.as_bytes())
            .map_err(|error| Failure::could_not_run(format!("The signing key can't be read: {error}.")))?;
        let header = Header { kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(Self { key, header, now_s })
    }

    /// `Bearer …` of an admin; no profile where nobody has linked the login to a person yet.
    pub fn admin(&self, organisation: Uuid, login: Uuid, profile: Option<Uuid>) -> Result<HeaderValue, Failure> {
        let claims = Claims {
            iss: "govrnanza",
            aud: "govrnanza",
            sub: login,
            org: organisation,
            profile,
            scope: "admin",
            iat: self.now_s,
            exp: self.now_s + LIFE_S,
        };
        let token = encode(&self.header, &claims, &self.key)
            .map_err(|error| Failure::could_not_run(format!("A token can't be made: {error}.")))?;
        HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|error| Failure::could_not_run(format!("A token is no header value: {error}.")))
    }
}
