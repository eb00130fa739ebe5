//! How much each client has at once: connections that are open, passwords that wait to be hashed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How much there is now, by the client it counts for.
#[derive(Clone, Debug, Default)]
pub struct AtOnce(Arc<Mutex<HashMap<String, usize>>>);

/// One that is counted; dropping it ends that.
#[derive(Debug)]
pub struct Place {
    counts: AtOnce,
    client: String,
}

impl AtOnce {
    /// One more of this client's, or none where it has `most` already; 0: any number.
    pub fn enter(&self, client: String, most: usize) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(client.clone()).or_default();
        if most > 0 && *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place { counts: self.clone(), client })
    }

    /// Whether nothing is counted now.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            // What is remembered is bounded by what there is.
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}
