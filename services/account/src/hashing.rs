//! Passwords: Argon2id on threads of its own, so that neither the event loop nor a database transaction ever waits for one.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use kit::Error;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::oneshot;

/// Hashes at work at once; each takes 19 MiB and one core.
const THREADS: usize = 2;
/// What a client that finds the queue full is told to wait: longer than the queue takes to drain.
const RETRY_AFTER_S: u64 = 2;

struct Job {
    password: String,
    /// None: make a hash. Some: compare with it.
    expected: Option<String>,
    answer: oneshot::Sender<Result<Outcome, Error>>,
}

enum Outcome {
    Hash(Hash),
    Matches(bool),
}

/// A password's hash, a PHC string. Not `Debug`: it belongs into no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(String);

impl Hash {
    /// As the database keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The one place where passwords are hashed and compared: two at once, a bounded number waiting, the rest refused.
#[derive(Clone)]
pub struct Hasher {
    queue: SyncSender<Job>,
    /// The hash of a password nobody knows: comparing with it takes as long as with a real one.
    nobody: Arc<str>,
}

impl Hasher {
    /// Starts the threads; `waiting_max` jobs may wait for them. They end with the last clone.
    pub fn start(waiting_max: usize) -> Result<Self, Error> {
        let (queue, jobs) = sync_channel(waiting_max);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..THREADS {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&jobs))
                .map_err(Error::internal)?;
        }
        let mut unknown = [0; 32];
        SystemRandom::new()
            .fill(&mut unknown)
            .map_err(Error::internal)?;
        let Hash(nobody) = hash(&unknown)?;
        Ok(Self {
            queue,
            nobody: nobody.into(),
        })
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: &str) -> Result<Hash, Error> {
        match self.ask(password, None).await? {
            Outcome::Hash(hash) => Ok(hash),
            Outcome::Matches(_) => Err(Error::internal("asked for a hash, got a comparison")),
        }
    }

    /// Whether the password belongs to the hash; without a hash no, after the same work.
    pub async fn matches(&self, password: &str, expected: Option<&str>) -> Result<bool, Error> {
        let known = expected.is_some();
        let expected = expected.unwrap_or(&self.nobody).to_owned();
        match self.ask(password, Some(expected)).await? {
            Outcome::Matches(same) => Ok(same && known),
            Outcome::Hash(_) => Err(Error::internal("asked for a comparison, got a hash")),
        }
    }

    async fn ask(&self, password: &str, expected: Option<String>) -> Result<Outcome, Error> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            password: password.to_owned(),
            expected,
            answer,
        };
        self.queue.try_send(job).map_err(|_| Error::TooMany {
            retry_after: RETRY_AFTER_S,
        })?;
        answered
            .await
            .map_err(|_| Error::internal("a hashing thread has gone"))?
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // Who has hung up meanwhile costs nothing.
        if job.answer.is_closed() {
            continue;
        }
        let outcome = match &job.expected {
            None => hash(job.password.as_bytes()).map(Outcome::Hash),
            Some(expected) => compare(job.password.as_bytes(), expected).map(Outcome::Matches),
        };
        // An error here means that the client has gone: nobody to tell.
        let _ = job.answer.send(outcome);
    }
}

/// OWASP's first choice for Argon2id but one: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(Error::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes on the current thread: for commands, which serve nobody meanwhile.
pub fn hash(password: &[u8]) -> Result<Hash, Error> {
    let mut salt = [0; 16];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(Error::internal)?;
    let salt = SaltString::encode_b64(&salt).map_err(Error::internal)?;
    let hash = argon2()?
        .hash_password(password, &salt)
        .map_err(Error::internal)?;
    Ok(Hash(hash.to_string()))
}

/// The parameters are the stored hash's own, so hashes outlive a change of ours.
fn compare(password: &[u8], expected: &str) -> Result<bool, Error> {
    let expected = PasswordHash::new(expected).map_err(Error::internal)?;
    match argon2()?.verify_password(password, &expected) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(Error::internal(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let made = hash(b"correct horse").unwrap();
        assert!(
            made.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            made.as_str()
        );
        assert!(compare(b"correct horse", made.as_str()).unwrap());
        assert!(!compare(b"correct house", made.as_str()).unwrap());
        assert!(hash(b"correct horse").unwrap() != made, "salted");
    }

    #[test]
    fn who_finds_the_queue_full_is_told_to_come_back() {
        // No thread takes from this queue: what the second sees is certain.
        let (queue, jobs) = sync_channel(1);
        let hasher = Hasher {
            queue,
            nobody: "".into(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut first = std::pin::pin!(hasher.hash("one"));
            std::future::poll_fn(|context| {
                assert!(first.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            let Err(refused) = hasher.hash("two").await else {
                panic!("taken")
            };
            assert_eq!(
                refused,
                Error::TooMany {
                    retry_after: RETRY_AFTER_S
                }
            );
        });
        drop(jobs);
    }

    #[test]
    fn nobody_matches_nothing() {
        let hasher = Hasher::start(4).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert!(!runtime.block_on(hasher.matches("anything", None)).unwrap());
    }
}
