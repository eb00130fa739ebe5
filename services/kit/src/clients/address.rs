//! Whose address counts: the peer's own, or what a trusted proxy says of it.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Networks, each an address and how many of its leading bits count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(network, bits)| {
            network.is_ipv4() == address.is_ipv4() && prefix(*network, *bits) == prefix(address, *bits)
        })
    }

    /// The client behind `peer`. `forwarded` are the values of `X-Forwarded-For`, each proxy's own entry last: they are
    /// believed from the right for as long as trusted proxies wrote them, and what a client put in front is never read.
    pub(crate) fn client<'a>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer;
        for entry in forwarded.rev().flat_map(|value| value.rsplit(',')) {
            if !self.contain(client) {
                break;
            }
            match entry.trim().parse() {
                Ok(named) => client = named,
                Err(_) => break,
            }
        }
        client
    }
}

/// The leading bits, left-aligned in 128.
fn prefix(address: IpAddr, bits: u8) -> u128 {
    let all = match address {
        IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
        IpAddr::V6(ip) => ip.to_bits(),
    };
    match bits {
        0 => 0,
        bits => all >> (128 - u32::from(bits.min(128))),
    }
}

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| {
            let wrong = || format!("{part} is no address and no network such as 10.0.0.0/8");
            let (address, bits) = part.split_once('/').unwrap_or((part, ""));
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = match bits {
                "" if !part.contains('/') => most,
                bits => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?,
            };
            Ok((address, bits))
        };
        Ok(Self(parts.map(network).collect::<Result<_, String>>()?))
    }
}

/// An address as what is counted: an IPv6 host owns its /64.
pub(crate) fn subject(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let network = Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64);
            let [a, b, c, d, ..] = network.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let trusted: Networks = trusted.parse().unwrap();
        trusted.client(peer.parse().unwrap(), forwarded.iter().copied()).to_string()
    }

    #[test]
    fn a_header_is_believed_from_trusted_proxies_alone() {
        let table: &[(&str, &str, &[&str], &str)] = &[
            ("", "9.9.9.9", &["1.1.1.1"], "9.9.9.9"),
            ("10.0.0.0/8", "9.9.9.9", &["1.1.1.1"], "9.9.9.9"),
            ("10.0.0.0/8", "10.1.2.3", &["1.1.1.1"], "1.1.1.1"),
            // What the client itself sent stands on the left and is not asked.
            ("10.0.0.0/8", "10.1.2.3", &["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
            ("10.0.0.0/8", "10.1.2.3", &["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
            ("10.0.0.0/8", "10.1.2.3", &["1.1.1.1, 10.9.9.9"], "1.1.1.1"),
            ("10.0.0.0/8", "10.1.2.3", &["garbage"], "10.1.2.3"),
            ("10.0.0.0/8", "10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", "::ffff:10.1.2.3", &["2001:db8::1"], "2001:db8::1"),
            ("::1,fd00::/8", "fd12::1", &["1.1.1.1"], "1.1.1.1"),
            ("0.0.0.0/0", "fd12::1", &["1.1.1.1"], "fd12::1"),
        ];
        for (trusted, peer, forwarded, expected) in table {
            assert_eq!(client(trusted, peer, forwarded), *expected, "{trusted} {peer} {forwarded:?}");
        }
    }

    #[test]
    fn an_ipv6_host_counts_with_its_network() {
        let of = |text: &str| subject(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2:ffff::"), of("2001:db8:1:2::1"));
        assert_eq!(of("::ffff:1.2.3.4"), "1.2.3.4");
    }

    proptest! {
        #[test]
        fn any_text_is_networks_or_an_error(text in "\\PC{0,40}") {
            let _ = text.parse::<Networks>();
        }

        #[test]
        fn a_network_holds_its_own_address_and_no_longer_prefix_than_there_is(address: u32, bits in 0u8..=64) {
            let address = IpAddr::from(address.to_be_bytes());
            match format!("{address}/{bits}").parse::<Networks>() {
                Ok(networks) => prop_assert!(bits <= 32 && networks.contain(address)),
                Err(_) => prop_assert!(bits > 32),
            }
        }

        #[test]
        fn without_trust_the_peer_counts_whatever_the_header_says(peer: u32, header in "\\PC{0,60}") {
            let peer = IpAddr::from(peer.to_be_bytes());
            prop_assert_eq!(Networks::default().client(peer, [header.as_str()].into_iter()), peer);
        }
    }
}
