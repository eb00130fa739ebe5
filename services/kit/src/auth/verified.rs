//! Tokens that were verified already: a signature costs about as much as the whole rest of a read.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::Claims;

/// Beyond this many the cache is emptied: it is for the tokens of the last minutes, not for all.
const MOST: usize = 4096;

/// Verified tokens and their claims, for one generation of keys. Times are checked on every use, not here.
#[derive(Default)]
pub(super) struct Verified {
    known: RwLock<(u64, HashMap<Box<str>, Claims>)>,
}

impl Verified {
    /// The claims of a token that was verified with the keys of this generation.
    pub fn get(&self, generation: u64, token: &str) -> Option<Claims> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.0 == generation { known.1.get(token).cloned() } else { None }
    }

    /// Remembers a token, unless it was verified with keys that have been replaced since.
    pub fn put(&self, generation: u64, token: &str, claims: &Claims) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if generation < known.0 {
            return;
        }
        if generation > known.0 || known.1.len() >= MOST {
            *known = (generation, HashMap::new());
        }
        known.1.insert(token.into(), claims.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scope;
    use crate::id::LoginId;

    fn claims() -> Claims {
        Claims {
            iss: "i".into(),
            aud: "a".into(),
            sub: LoginId::new(chrono::Utc::now()),
            org: None,
            profile: None,
            scope: Scope::Operator,
            exp: 0,
            iat: 0,
            nbf: None,
        }
    }

    #[test]
    fn new_keys_forget_what_the_old_ones_verified() {
        let verified = Verified::default();
        verified.put(1, "t", &claims());
        assert!(verified.get(1, "t").is_some());
        assert!(verified.get(2, "t").is_none());
        verified.put(2, "u", &claims());
        verified.put(1, "t", &claims());
        assert!(verified.get(2, "t").is_none(), "verified with a key that may be withdrawn");
        assert!(verified.get(2, "u").is_some());
    }

    #[test]
    fn the_memory_is_bounded() {
        let verified = Verified::default();
        for n in 0..10_000 {
            verified.put(0, &n.to_string(), &claims());
        }
        assert!(verified.known.read().unwrap().1.len() <= MOST);
    }
}
