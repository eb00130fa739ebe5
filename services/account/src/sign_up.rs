//! Signing up: the one request that creates something without a token, so each address has a limit.

use std::time::Duration;

use kit::clients::Limit;
use kit::{Ctx, Error};

use crate::hashing::{Hash, Hasher};
use crate::model::FirstAdmin;
use crate::sign_in;

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
    pub async fn password(&self, ctx: &Ctx, address: String, admin: &FirstAdmin) -> Result<Hash, Error> {
        self.limit.take(address.clone())?;
        sign_in::hash_of(ctx, &self.hasher, &address, &admin.email, &admin.password).await
    }
}
