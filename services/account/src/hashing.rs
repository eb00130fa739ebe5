//! Passwords: Argon2id on threads of its own, so that neither the event loop nor a database transaction ever waits for one.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use chrono::{DateTime, TimeDelta, Utc};
use kit::clients::{AtOnce, Place};
use kit::error::Busy;
use kit::{Error, Lane, Threads, nfc};
use ring::rand::{SecureRandom, SystemRandom};

/// Hashes at work at once; each takes 19 MiB and one core.
const THREADS: u32 = 2;
/// Longer than a full queue takes, and than a hash, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a client that finds the queue full is told to wait: longer than the queue takes to drain.
const RETRY_AFTER_S: u64 = 2;

/// A new password's hash, a PHC string, and how long the password is enough. Not `Debug`: it belongs into no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash {
    text: String,
    max_age: TimeDelta,
}

impl Hash {
    /// As the database keeps it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When the password stops to be enough, if it is written now.
    pub fn expires_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.max_age
    }
}

/// The one place where passwords are hashed and compared: two at once, a bounded number waiting, of each client a few, so
/// that nobody fills the queue alone; the rest is refused.
#[derive(Clone)]
pub struct Hasher {
    lane: Lane,
    /// Jobs that wait or are at work, by client.
    waiting: AtOnce,
    /// Jobs one client may have here; 0: as many as there is room for.
    per_client: usize,
    /// How long a new password is enough.
    max_age: TimeDelta,
    /// The hash of a password nobody knows: comparing with it takes as long as with a real one.
    nobody: Arc<str>,
}

impl Hasher {
    /// Starts the threads; `waiting_max` jobs may wait for them, `per_client` of one client.
    pub fn start(threads: &Threads, waiting_max: usize, per_client: usize, max_age: TimeDelta) -> Result<Self, Error> {
        let lane = threads.lane("hash", THREADS, waiting_max, PATIENCE, PATIENCE).map_err(Error::internal)?;
        let mut unknown = [0; 32];
        SystemRandom::new().fill(&mut unknown).map_err(Error::internal)?;
        let nobody = Memory::default().hash_bytes(&unknown)?.into();
        Ok(Self { lane, waiting: AtOnce::default(), per_client, max_age, nobody })
    }

    /// The hash of a new password, for this client: an address, or a login.
    pub async fn hash(&self, client: &str, password: &str) -> Result<Hash, Error> {
        let password = password.to_owned();
        let text = self.ask(client, move |memory| memory.hash(&password)).await?;
        Ok(Hash { text, max_age: self.max_age })
    }

    /// Whether the password belongs to the hash; without a hash no, after the same work.
    pub async fn matches(&self, client: &str, password: &str, expected: Option<&str>) -> Result<bool, Error> {
        let known = expected.is_some();
        let (password, expected) = (password.to_owned(), expected.unwrap_or(&self.nobody).to_owned());
        let same = self.ask(client, move |memory| memory.compare(&password, &expected)).await?;
        Ok(same && known)
    }

    /// A client that has gone meanwhile costs nothing.
    async fn ask<T: Send + 'static>(
        &self,
        client: &str,
        work: impl FnOnce(&mut Memory) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let refused = Error::TooMany { retry_after: RETRY_AFTER_S };
        // Counted among its client's until it is done.
        let place = self.waiting.enter(client.to_owned(), self.per_client).ok_or_else(|| refused.clone())?;
        let work = move || {
            let _place: Place = place;
            MEMORY.with_borrow_mut(work)
        };
        match self.lane.run(work).await.0 {
            Err(Error::Busy(Busy::Queue)) => Err(refused),
            other => other,
        }
    }
}

thread_local! {
    /// Of each thread that hashes.
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// What hashes are made with: OWASP's second choice for Argon2id: 19 MiB, two passes, one lane.
fn params() -> Result<Params, Error> {
    Params::new(19 * 1024, 2, 1, None).map_err(Error::internal)
}

/// Hashes on the current thread: for commands, which serve nobody meanwhile.
pub fn hash(password: &str, max_age: TimeDelta) -> Result<Hash, Error> {
    Ok(Hash { text: Memory::default().hash(password)?, max_age })
}

/// The memory that Argon2 works in, kept from one password to the next: asked for anew each time, the allocator scatters
/// small things between the pieces it gets back, and the process grows to many times of what is ever in use.
#[derive(Default)]
struct Memory {
    blocks: Vec<Block>,
    /// How often a hash was made in it.
    #[cfg(test)]
    used: u32,
}

impl Memory {
    /// Of the password in NFC: one device sends é as one character, another as two.
    fn hash(&mut self, password: &str) -> Result<String, Error> {
        self.hash_bytes(nfc(password).as_bytes())
    }

    /// In NFC; once more as it was typed where that is another text, for hashes made before passwords were brought to NFC. Always both
    /// then: how often it is compared depends on what was typed, never on what is right.
    fn compare(&mut self, password: &str, expected: &str) -> Result<bool, Error> {
        let composed = nfc(password);
        let same = self.compare_bytes(composed.as_bytes(), expected)?;
        let as_typed = composed != password && self.compare_bytes(password.as_bytes(), expected)?;
        Ok(same || as_typed)
    }

    fn hash_bytes(&mut self, password: &[u8]) -> Result<String, Error> {
        let mut random = [0; 16];
        SystemRandom::new().fill(&mut random).map_err(Error::internal)?;
        let salt = SaltString::encode_b64(&random).map_err(Error::internal)?;
        let params = params()?;
        let made = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(Error::internal)?,
            salt: Some(salt.as_salt()),
            hash: Some(self.output(
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
                password,
                salt.as_salt(),
            )?),
        };
        Ok(made.to_string())
    }

    /// The parameters are the stored hash's own, so hashes outlive a change of ours.
    fn compare_bytes(&mut self, password: &[u8], expected: &str) -> Result<bool, Error> {
        let expected = PasswordHash::new(expected).map_err(Error::internal)?;
        let (Some(salt), Some(output)) = (expected.salt, expected.hash) else {
            return Err(Error::internal("a stored hash without a salt or a hash"));
        };
        let algorithm = Algorithm::try_from(expected.algorithm).map_err(Error::internal)?;
        let version = expected.version.map(Version::try_from).transpose();
        let version = version.map_err(Error::internal)?.unwrap_or_default();
        let params = Params::try_from(&expected).map_err(Error::internal)?;
        // Outputs are compared in constant time.
        Ok(self.output(Argon2::new(algorithm, version, params), password, salt)? == output)
    }

    fn output(&mut self, argon2: Argon2<'_>, password: &[u8], salt: Salt<'_>) -> Result<Output, Error> {
        let blocks = argon2.params().block_count();
        if self.blocks.len() < blocks {
            self.blocks.resize(blocks, Block::new());
        }
        #[cfg(test)]
        {
            self.used += 1;
        }
        let length = argon2.params().output_len();
        let length = length.unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut decoded = [0; Salt::MAX_LENGTH];
        let salt = salt.decode_b64(&mut decoded).map_err(Error::internal)?;
        Output::init_with(length, |out| {
            let worked = argon2.hash_password_into_with_memory(password, salt, out, &mut self.blocks);
            Ok(worked?)
        })
        .map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests;
