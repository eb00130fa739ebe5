//! How many connections one address holds: whoever opens them by the hundred would use up what all others need, too.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Clients, address};

/// The connections that are open, by the address they count for.
#[derive(Default)]
pub(crate) struct Crowd(Arc<Mutex<HashMap<String, usize>>>);

/// One connection's place; dropping it frees it.
pub(crate) struct Place {
    crowd: Arc<Mutex<HashMap<String, usize>>>,
    subject: String,
}

impl Crowd {
    /// A place for one more connection of this peer, or none. Proxies that are trusted stand for many.
    pub fn enter(&self, peer: IpAddr, clients: &Clients) -> Result<Option<Place>, Full> {
        let most = clients.connections_per_address;
        if most == 0 || clients.trusted_proxies.contain(peer) {
            return Ok(None);
        }
        let subject = address::subject(peer);
        let mut crowd = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = crowd.entry(subject.clone()).or_default();
        if *there >= most {
            return Err(Full);
        }
        *there += 1;
        drop(crowd);
        Ok(Some(Place { crowd: Arc::clone(&self.0), subject }))
    }
}

/// The address holds as many connections as it may.
pub(crate) struct Full;

impl Drop for Place {
    fn drop(&mut self) {
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = crowd.get_mut(&self.subject) {
            *there -= 1;
            // What is remembered is bounded by the connections there are.
            if *there == 0 {
                crowd.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_so_many_and_a_trusted_proxy_any_number() {
        let clients = Clients {
            connections_per_address: 2,
            trusted_proxies: "10.0.0.0/8".parse().unwrap(),
            ..Clients::default()
        };
        let crowd = Crowd::default();
        let enter = |peer: &str| crowd.enter(peer.parse().unwrap(), &clients);
        let first = enter("9.9.9.9").ok();
        let second = enter("9.9.9.9").ok();
        assert!(first.is_some() && second.is_some());
        assert!(enter("9.9.9.9").is_err());
        assert!(enter("9.9.9.8").is_ok(), "another address");
        drop(first);
        assert!(enter("::ffff:9.9.9.9").is_ok(), "a place has become free");
        assert!((0..9).all(|_| enter("10.1.2.3").is_ok_and(|place| place.is_none())));
        drop(second);
        assert!(crowd.0.lock().unwrap().is_empty(), "nothing is kept");
    }
}
