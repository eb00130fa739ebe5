//! How much one client may ask: so many requests in a time, at once or spread. Counted in memory, by each process for itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Clients;
use crate::error::Error;
use crate::id::LoginId;

const MINUTE: Duration = Duration::from_secs(60);
/// Clients that are remembered at once. Beyond it new ones aren't counted: memory is bounded, and nobody is locked out.
const MOST: usize = 65_536;

/// The two limits of a service.
pub(crate) struct Limits {
    token: Limit<LoginId>,
    address: Limit<String>,
}

impl Limits {
    pub fn new(clients: &Clients) -> Self {
        Self {
            token: Limit::new(clients.write_limit_per_token, MINUTE),
            address: Limit::new(clients.write_limit_per_address, MINUTE),
        }
    }

    /// Counts one write; 429 with the time to wait if it is one too many. A refused one counts for nothing.
    pub fn write(&self, login: Option<LoginId>, address: impl FnOnce() -> String) -> Result<(), Error> {
        let now = Instant::now();
        if let Some(login) = login {
            self.token.take_at(login, now)?;
        }
        if self.address.per_request.is_some() {
            self.address.take_at(address(), now)?;
        }
        Ok(())
    }
}

/// The generic cell rate algorithm: one instant per client, when all it has used up will have come back. `governor` has it too, but its map
/// has no bound: with one around it there would be as many lines as here, and ten more crates.
pub struct Limit<K> {
    /// What one request uses up; none: no limit.
    per_request: Option<Duration>,
    window: Duration,
    full: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> Limit<K> {
    /// So many in each `window`; 0: any number.
    pub fn new(most: u32, window: Duration) -> Self {
        Self { per_request: window.checked_div(most), window, full: Mutex::default() }
    }

    /// Counts one of this client's; 429 with the time to wait if it is one too many, and then it counts for nothing.
    pub fn take(&self, client: K) -> Result<(), Error> {
        self.take_at(client, Instant::now())
    }

    fn take_at(&self, client: K, now: Instant) -> Result<(), Error> {
        let Some(cost) = self.per_request else {
            return Ok(());
        };
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if full.len() >= MOST && !full.contains_key(&client) {
            full.retain(|_, at| *at > now);
            if full.len() >= MOST {
                return Ok(());
            }
        }
        let at = full.entry(client).or_insert(now);
        let after = (*at).max(now) + cost;
        match (after - now).checked_sub(self.window) {
            Some(wait) if !wait.is_zero() => Err(Error::TooMany { retry_after: wait.as_secs() + 1 }),
            _ => {
                *at = after;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_as_they_come_back() {
        let (limit, start) = (Limit::new(3, MINUTE), Instant::now());
        for _ in 0..3 {
            assert_eq!(limit.take_at("a", start), Ok(()));
        }
        assert_eq!(limit.take_at("a", start), Err(Error::TooMany { retry_after: 21 }));
        assert_eq!(limit.take_at("b", start), Ok(()), "another client");
        let later = start + Duration::from_secs(20);
        assert_eq!(limit.take_at("a", later), Ok(()));
        assert!(limit.take_at("a", later).is_err());
        assert_eq!(limit.take_at("a", start + Duration::from_secs(600)), Ok(()));
    }

    #[test]
    fn nought_is_no_limit_and_memory_is_bounded() {
        let none = Limit::new(0, MINUTE);
        assert!((0..10_000).all(|_| none.take_at(1, Instant::now()).is_ok()));
        let (limit, now) = (Limit::new(1, MINUTE), Instant::now());
        for client in 0..MOST + 10 {
            assert_eq!(limit.take_at(client, now), Ok(()));
        }
        assert_eq!(limit.full.lock().unwrap().len(), MOST);
        assert_eq!(limit.take_at(MOST + 10, now + MINUTE * 2), Ok(()));
        assert_eq!(limit.full.lock().unwrap().len(), 1, "those who have everything back are forgotten");
    }
}
