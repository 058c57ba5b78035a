//! Where a request comes from: the address that limits go by, seen through the proxies that may be believed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// One sender as far as an address tells: an address of IPv4, or the 64 bits of IPv6 that one customer usually has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// The source that an address belongs to.
    pub fn of(address: IpAddr) -> Source {
        Source(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        })
    }
}

/// Proxies whose `x-forwarded-for` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Reads a list such as `127.0.0.1, 10.0.0.0/8, 2001:db8::/32`. Fails with what is wrong.
    pub fn parse(text: &str) -> Result<Proxies, String> {
        let network = |entry: &str| {
            let entry = entry.trim();
            let network = entry.parse::<IpNet>().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
            network.ok_or_else(|| format!("`{entry}` is neither an address nor a network such as 10.0.0.0/8"))
        };
        text.split(',').map(network).collect::<Result<_, _>>().map(Proxies)
    }

    /// Whether this is one of them.
    pub fn have(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the sender: the last one that no proxy of ours has. Each proxy appends who has come to it, so
    /// everything before that is the sender's own words.
    pub fn sender(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let mut sender = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter().collect::<Vec<_>>();
        let entries = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        for entry in entries {
            if !self.have(sender) {
                break;
            }
            // What cannot be read ends the chain: the proxy that has written it is as far as we see.
            let Some(before) = address(entry.trim()) else { break };
            sender = before.to_canonical();
        }
        sender
    }
}

/// An address with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn seen(proxies: &str, peer: &str, forwarded: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        Proxies::parse(proxies).unwrap().sender(&headers, ip(peer)).to_string()
    }

    #[test]
    fn only_proxies_are_believed() {
        assert_eq!(seen("10.0.0.1", "192.0.2.1", &[b"198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", "10.0.0.1", &[b"198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.0/8", "::ffff:10.9.9.9", &[b"198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn the_last_address_that_no_proxy_has() {
        let both = "10.0.0.0/8, 2001:db8::/32";
        assert_eq!(seen(both, "10.0.0.1", &[b"1.1.1.1, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(seen(both, "10.0.0.1", &[b"1.1.1.1", b"198.51.100.7", b"2001:db8::2 , 10.0.0.2"]), "198.51.100.7");
        // Nothing but proxies: the one that came first.
        assert_eq!(seen(both, "10.0.0.1", &[b"10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        // An own address in the words of the sender helps nobody.
        assert_eq!(seen(both, "10.0.0.1", &[b"10.0.0.9, 198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn forms_of_addresses() {
        for (form, expected) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db9::1]:4711", "2001:db9::1"),
            ("[2001:db9::1]", "2001:db9::1"),
            ("2001:db9::1", "2001:db9::1"),
            ("::ffff:192.0.2.9", "192.0.2.9"),
        ] {
            assert_eq!(seen("10.0.0.1", "10.0.0.1", &[form.as_bytes()]), expected);
        }
        for nothing in [&b"unknown"[..], b"", b"1.2.3.4, ", b"\xe9", b"1.2.3.4:99999", b"[::1", b"_hidden"] {
            assert_eq!(seen("10.0.0.1", "10.0.0.1", &[nothing]), "10.0.0.1", "{nothing:?}");
        }
    }

    #[test]
    fn lists() {
        for bad in ["", ",", "10.0.0.0/33", "proxy.example", "10.0.0.1;10.0.0.2", "10.0.0.1,"] {
            assert!(Proxies::parse(bad).is_err(), "{bad}");
        }
        assert!(!Proxies::default().have(ip("127.0.0.1")));
        assert!(Proxies::parse("::/0").unwrap().have(ip("2001:db8::1")));
    }

    #[test]
    fn one_customer_of_ipv6_is_one_source() {
        let source = |text| Source::of(ip(text));
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
