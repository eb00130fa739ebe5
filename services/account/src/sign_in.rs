//! Signing in: from an e-mail and a password to a token, and all the ways there that end early.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use jsonwebtoken::{Algorithm, Header};
use kit::auth::{AUDIENCE, Claims, Scope};
use kit::error::Busy;
use kit::id::LoginId;
use kit::{Ctx, Error, Meta, call};

use crate::hashing::{Hash, Hasher};
use crate::keys::SigningKey;
use crate::model::{Credentials, Login, PasswordChange, Session};
use crate::store::sign_in::{self, Attempts, Limits, Seen, Subjects};

/// Everything that signing in needs besides the database.
pub struct SignIn {
    hasher: Hasher,
    limits: Limits,
    key: SigningKey,
    issuer: String,
    lifetime_s: i64,
    /// Tokens are only signed once the others can verify them.
    published: AtomicBool,
}

impl SignIn {
    /// Signs with this key.
    pub fn new(hasher: Hasher, limits: Limits, key: SigningKey, issuer: &str, lifetime_s: i64) -> Self {
        Self { hasher, limits, key, issuer: issuer.to_owned(), lifetime_s, published: AtomicBool::new(false) }
    }

    /// Says that the public key is in the database.
    pub fn key_is_published(&self) {
        self.published.store(true, Ordering::SeqCst);
    }

    /// Can others verify what is signed here?
    pub fn is_ready(&self) -> bool {
        self.published.load(Ordering::SeqCst)
    }

    /// A session for who knows the password. The answer is the same, after the same work, whether the e-mail exists or not.
    pub async fn session(&self, ctx: &Ctx, address: String, credentials: Credentials) -> Result<Session, Error> {
        let now = ctx.now();
        let subjects = Subjects::new(&credentials.email, &address);
        let (email, of) = (credentials.email, subjects.clone());
        let attempts = call::read(ctx, move |c| sign_in::find_by_email(c, &email, &of, now)).await?;
        let seen = self.prove(ctx, &address, subjects, attempts, &credentials.password).await?;
        let seen = seen.ok_or(Error::WrongCredentials)?;
        match &credentials.new_password {
            Some(new) => {
                let meta = Meta { actor: Some(seen.login.id), ..ctx.meta() };
                let hash = self.hasher.hash(&address, new).await?;
                if !replace(ctx, meta, &seen, hash).await? {
                    return Err(Error::WrongCredentials);
                }
            }
            None if seen.login.password_expires_at <= now => {
                let detail = "the password has expired: sign in with newPassword".to_owned();
                return Err(Error::Forbidden { slug: "password-expired", detail });
            }
            None => {}
        }
        self.sign(&seen.login, now)
    }

    /// Replaces the password of who knows it.
    pub async fn change_password(
        &self,
        ctx: &Ctx,
        id: LoginId,
        address: String,
        change: &PasswordChange,
    ) -> Result<(), Error> {
        let (now, client) = (ctx.now(), id.to_string());
        let found = call::read(ctx, move |c| sign_in::find_by_id(c, id, &address, now)).await?;
        let (subjects, attempts) = found;
        // The token lives on for up to an hour after its login has gone. One with another address since then would count failures of
        // whoever else has that address.
        if attempts.seen.as_ref().is_none_or(|seen| !seen.login.works()) {
            return Err(Error::Unauthorized);
        }
        let wrong = || Error::invalid("current", "wrong_password", "is not the current password");
        let seen = self.prove(ctx, &client, subjects, attempts, &change.current).await?.ok_or_else(wrong)?;
        let hash = self.hasher.hash(&client, &change.new).await?;
        if replace(ctx, ctx.meta(), &seen, hash).await? { Ok(()) } else { Err(wrong()) }
    }

    /// The login if the password is its own and it works; a failure is counted, too many of them are a 429.
    async fn prove(
        &self,
        ctx: &Ctx,
        client: &str,
        subjects: Subjects,
        attempts: Attempts,
        password: &str,
    ) -> Result<Option<Seen>, Error> {
        let (now, limits) = (ctx.now(), self.limits);
        attempts.failures.within(&limits, 0, now)?;
        let known = attempts.seen.as_ref().map(|seen| seen.hash.as_str());
        let right = self.hasher.matches(client, password, known).await?;
        let seen = attempts.seen.filter(|seen| right && seen.login.works());
        match &seen {
            Some(_) => call::write(ctx, move |c| sign_in::admit(c, &subjects, &limits, now)).await?,
            None => {
                let count = move |c: &mut PgConnection| sign_in::count_failure(c, &subjects, &limits, now);
                call::write(ctx, count).await?.within(&limits, 1, now)?;
            }
        }
        Ok(seen)
    }

    fn sign(&self, login: &Login, now: DateTime<Utc>) -> Result<Session, Error> {
        if !self.is_ready() {
            return Err(Error::Busy(Busy::Closed));
        }
        let iat = now.timestamp();
        let exp = iat + self.lifetime_s;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.into(),
            sub: login.id,
            org: login.organisation_id,
            profile: login.profile_id,
            scope: scope(&login.scope)?,
            exp,
            iat,
            nbf: None,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key.id.clone());
        let token = jsonwebtoken::encode(&header, &claims, &self.key.secret).map_err(Error::internal)?;
        let expires_at = DateTime::from_timestamp(exp, 0).ok_or_else(|| Error::internal("a time out of range"))?;
        Ok(Session { token, expires_at })
    }
}

/// False if the password is another one by now.
async fn replace(ctx: &Ctx, meta: Meta, seen: &Seen, hash: Hash) -> Result<bool, Error> {
    let (id, old) = (seen.login.id, seen.hash.clone());
    call::write(ctx, move |c| sign_in::set_password(c, &meta, id, &old, &hash)).await
}

fn scope(text: &str) -> Result<Scope, Error> {
    let known = Scope::ALL.iter().find(|scope| scope.as_str() == text);
    known.copied().ok_or_else(|| Error::internal(format!("a login of the unknown scope {text}")))
}
