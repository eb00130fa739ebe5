//! Signing in.

use chrono::{DateTime, Utc};
use kit::body::{email, present};
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PASSWORDS, another_password, claimed_password, new_password};

/// What somebody signs in with.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Credentials {
    /// Any case.
    #[serde(deserialize_with = "email")]
    pub email: String,
    /// The password.
    pub password: String,
    /// The password from now on, above all where the old one has expired.
    #[serde(default, deserialize_with = "present")]
    pub new_password: Option<String>,
}

impl Validate for Credentials {
    const AS_TYPED: &'static [&'static str] = PASSWORDS;

    fn validate(&self, invalid: &mut Invalid) {
        // A text that is no address belongs to nobody: only what can't be looked up is refused.
        let length = self.email.chars().count();
        invalid.require((1..=320).contains(&length), "email", "out_of_range", "must have 1 to 320 characters");
        claimed_password(invalid, "password", &self.password);
        if let Some(new) = &self.new_password {
            new_password(invalid, "newPassword", new);
            another_password(invalid, "newPassword", new, &self.password);
        }
    }
}

/// A session: nothing is kept of it but its token.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The signed token.
    pub token: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Public keys, as a JWK set.
#[derive(Clone, Debug, Serialize)]
pub struct Jwks {
    /// Each as JSON.
    pub keys: Vec<Value>,
}
