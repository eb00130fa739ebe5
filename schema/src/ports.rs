//! Ports for processes that are started later.

use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that systems give to outgoing connections (32768 and up, usually): an outgoing connection could have one of
/// those before the process that it was chosen for listens.
const RANGE: Range<u16> = 16_384..32_768;

/// The next one to look at: no process gets the same one twice, as long as there are others.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random_range(RANGE)));

/// One of this machine's loopback that nobody listens at and that no outgoing connection takes; it isn't held.
///
/// # Errors
/// None of them is free.
pub fn free_port() -> io::Result<u16> {
    let next = || {
        NEXT.update(
            Ordering::Relaxed,
            Ordering::Relaxed,
            |port| if port + 1 < RANGE.end { port + 1 } else { RANGE.start },
        )
    };
    let found = RANGE.map(|_| next()).find(|port| is_free(*port));
    found.ok_or_else(|| io::ErrorKind::AddrInUse.into())
}

/// Whether nobody listens there.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_taken_by_an_outgoing_connection_or_given_twice() {
        let ports: std::collections::BTreeSet<u16> = (0..500).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 500);
        assert!(ports.iter().all(|port| RANGE.contains(port)), "{ports:?}");
    }
}
