//! For tests of services: a service in this process on a free port, and tokens for it.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::rt;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Text, Timestamptz};
use diesel::{PgConnection, RunQueryDsl};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::auth::{AUDIENCE, Claims, Scope};
use crate::clients::Clients;
use crate::config::Common;
use crate::id::{LoginId, OrganisationId, ProfileId};
use crate::service::{Service, open, prepare};
use crate::threads::Threads;
use crate::{StartError, log, server};

/// A service that runs in this process until it is dropped.
pub struct Running {
    /// Where it listens: `http://127.0.0.1:40123`.
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), StartError>>>,
    threads: Threads,
}

impl Running {
    /// Makes the background thread, the job, or one thread of the lane of this name panic the next time that it does
    /// something; false: there is none of that name.
    #[must_use]
    pub fn plant_panic(&self, name: &str) -> bool {
        self.threads.plant_panic(name)
    }

    /// Makes the background thread of this name hang the next time that it does something, or go on again.
    pub fn plant_stall(&self, name: &str, hangs: bool) {
        self.threads.plant_stall(name, hangs);
    }

    /// What works in the background: its name, since when it has got nothing done, and how often it panicked.
    #[must_use]
    pub fn background(&self) -> Vec<(String, Duration, u64)> {
        self.threads.background()
    }

    /// Each lane: its name, the threads that hang, and how often one panicked.
    #[must_use]
    pub fn lanes(&self) -> Vec<(String, usize, u64)> {
        self.threads.lanes()
    }

    /// Stops it as SIGTERM would, and waits for its end.
    pub fn stop(mut self) -> Result<(), StartError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), StartError> {
        if let Some(stop) = self.stop.take() {
            // Gone already: it ended by itself.
            let _ = stop.send(());
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(StartError::Failed("the service panicked".to_owned())),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Settings for a test: small pools, a free port, quiet.
///
/// `BATCH_MAX` in the environment makes all tests share reads (a lone one, too) or, with 1, none.
pub fn common(read_url: impl Into<String>, write_url: impl Into<String>) -> Common {
    let shared = std::env::var("BATCH_MAX").ok().and_then(|max| max.parse().ok());
    Common {
        database_read_url: Some(read_url.into()),
        database_write_url: Some(write_url.into()),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        // Test clusters are shared by many services at once.
        pool_read_size: 2,
        pool_write_size: 2,
        pool_wait_ms: 5000,
        queue_max: 256,
        batch_max: shared.unwrap_or(32),
        batch_always: shared.is_some(),
        workers: 1,
        jwks: None,
        jwt_issuer: "govrnanza".to_owned(),
        clock_file: None,
        clients: Clients::default(),
        log: std::env::var("LOG").unwrap_or_else(|_| "error".to_owned()),
    }
}

/// Starts a service with the settings of [`common`].
pub fn spawn<S: Service>(
    read_url: impl Into<String>,
    write_url: impl Into<String>,
    settings: S::Settings,
) -> Result<Running, StartError> {
    spawn_with::<S>(common(read_url, write_url), settings)
}

/// Starts a service with settings of one's own; it listens when this returns.
pub fn spawn_with<S: Service>(common: Common, settings: S::Settings) -> Result<Running, StartError> {
    log::start(&common.log)?;
    let boot = open::<S>(&common, settings)?;
    let ready = prepare::<S>(&common, &boot)?;
    let threads = boot.threads().clone();
    let address = ready.listener.local_addr().map_err(|error| StartError::Failed(error.to_string()))?;
    let (stop, stopped) = oneshot::channel();
    let serve = move || {
        rt::System::new().block_on(server::serve(ready, async move {
            // A dropped sender is a stop as well.
            let _ = stopped.await;
        }))
    };
    let thread = std::thread::Builder::new()
        .name(format!("{}-server", S::NAME))
        .spawn(serve)
        .map_err(|error| StartError::Failed(error.to_string()))?;
    Ok(Running { url: format!("http://{address}"), stop: Some(stop), thread: Some(thread), threads })
}

/// What `main` does, with other arguments than the process's: for tests that are their own service in a child process.
pub fn run_from<S: Service>(arguments: &[&str]) -> std::process::ExitCode {
    let all = std::iter::once(S::NAME).chain(arguments.iter().copied());
    crate::service::run_from::<S>(all.map(Into::into))
}

/// Runs kit's purge of kept answers once, as its job does; how many were removed.
pub fn purge_keys(
    schema: &'static str,
    read_url: &str,
    write_url: &str,
    clock: &crate::Clock,
) -> Result<usize, crate::Error> {
    crate::jobs::purge_keys(schema, &database(schema, read_url, write_url), clock)
}

/// Runs kit's purge of the feed once, as its job does; how many changes were removed.
pub fn purge_changes(
    schema: &'static str,
    read_url: &str,
    write_url: &str,
    clock: &crate::Clock,
) -> Result<usize, crate::Error> {
    crate::jobs::purge_changes(schema, &database(schema, read_url, write_url), clock)
}

/// A service's database without the service: for tests that call a service's own work themselves.
pub fn database(service: &'static str, read_url: &str, write_url: &str) -> crate::Db {
    let options = crate::db::DbOptions {
        service,
        read_url,
        write_url,
        read_size: 2,
        write_size: 2,
        wait: Duration::from_secs(5),
        answering: crate::threads::Answering::at(read_url.to_owned()),
    };
    crate::db::Db::open(&options, || {})
}

/// An Ed25519 key that signs tokens as Account would.
pub struct Signer {
    kid: String,
    jwk: serde_json::Value,
    key: EncodingKey,
}

impl Signer {
    /// A new key.
    pub fn new() -> Result<Self, StartError> {
        let failed = |_| StartError::Failed("a key can't be made".to_owned());
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
            .map_err(|error| StartError::Failed(format!("a key can't be read: {error}")))?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        // RFC 7638: the required members in alphabetical order, without white space.
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()));
        let jwk =
            serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig" });
        Ok(Self { kid, jwk, key: EncodingKey::from_ed_der(document.as_ref()) })
    }

    /// The key's id: its thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half: what stands in `signing_keys.public_key`.
    pub fn public_jwk(&self) -> String {
        self.jwk.to_string()
    }

    /// The public half as a key set, for a `JWKS` file.
    pub fn key_set(&self) -> String {
        serde_json::json!({ "keys": [self.jwk] }).to_string()
    }

    /// Adds the public half to `account.signing_keys`, on a connection that may (account's writer, the superuser).
    pub fn publish(&self, connection: &mut PgConnection) -> Result<(), crate::Error> {
        let insert: crate::sql::Sql<'_> = crate::sql::Sql::new(
            "insert into {schema}.signing_keys (id, public_key, valid_from) values ($1, $2, $3)",
            "account",
        );
        insert
            .bind::<Text, _>(self.kid.as_str())
            .bind::<Text, _>(self.public_jwk())
            .bind::<Timestamptz, _>(Utc::now())
            .execute(connection)?;
        Ok(())
    }

    /// A token for a login, good for a quarter of an hour from `now`.
    pub fn token_at(
        &self,
        now: DateTime<Utc>,
        scope: Scope,
        organisation: Option<OrganisationId>,
        login: LoginId,
        profile: Option<ProfileId>,
    ) -> String {
        self.sign(&Claims {
            iss: "govrnanza".to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: login,
            org: organisation,
            profile,
            scope,
            exp: now.timestamp() + 900,
            iat: now.timestamp(),
            nbf: None,
        })
    }

    /// A token for a login, good for a quarter of an hour.
    pub fn token(
        &self,
        scope: Scope,
        organisation: Option<OrganisationId>,
        login: LoginId,
        profile: Option<ProfileId>,
    ) -> String {
        self.token_at(Utc::now(), scope, organisation, login, profile)
    }

    /// Any claims, signed.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        // The key is one of ours and claims of tests are plain JSON: an empty token fails the test that sends it.
        jsonwebtoken::encode(&header, claims, &self.key).unwrap_or_default()
    }
}
