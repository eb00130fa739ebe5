//! Signing up: the one request that creates something without a token, so each address has a limit.

use std::time::Duration;

use kit::Error;
use kit::clients::Limit;

use crate::hashing::{Hash, Hasher};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a sign-up needs besides the database.
pub struct SignUp {
    hasher: Hasher,
    limit: Limit<String>,
}

impl SignUp {
    /// So many an hour from one address; 0: any number.
    pub fn new(hasher: Hasher, per_address: u32) -> Self {
        Self { hasher, limit: Limit::new(per_address, HOUR) }
    }

    /// The hash of the first admin's password, if this address may sign up once more.
    pub async fn password(&self, address: String, password: &str) -> Result<Hash, Error> {
        let client = address.clone();
        self.limit.take(address)?;
        self.hasher.hash(&client, password).await
    }
}
