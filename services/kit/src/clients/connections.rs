//! Connections per address: whoever opens them by the hundred would use up what all others need, too.

use std::net::IpAddr;

use super::{AtOnce, Clients, Place, address};

/// The connections that are open.
#[derive(Default)]
pub(crate) struct Connections(AtOnce);

/// The address holds as many connections as it may.
pub(crate) struct Full;

impl Connections {
    /// A place for one more connection of this peer; none is needed where any number may be open. Proxies that are trusted
    /// stand for many.
    pub fn enter(&self, peer: IpAddr, clients: &Clients) -> Result<Option<Place>, Full> {
        let most = clients.connections_per_address;
        if most == 0 || clients.trusted_proxies.contain(peer) {
            return Ok(None);
        }
        self.0.enter(address::subject(peer), most).map(Some).ok_or(Full)
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
        let connections = Connections::default();
        let enter = |peer: &str| connections.enter(peer.parse().unwrap(), &clients);
        let first = enter("9.9.9.9").ok();
        let second = enter("9.9.9.9").ok();
        assert!(first.is_some() && second.is_some());
        assert!(enter("9.9.9.9").is_err());
        assert!(enter("9.9.9.8").is_ok(), "another address");
        drop(first);
        assert!(enter("::ffff:9.9.9.9").is_ok(), "a place has become free");
        assert!((0..9).all(|_| enter("10.1.2.3").is_ok_and(|place| place.is_none())));
        drop(second);
        assert!(connections.0.is_empty(), "nothing is kept");
    }
}
