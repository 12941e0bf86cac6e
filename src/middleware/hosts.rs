//! Host names as clients send them, and which of them are ours.
//!
//! Invariants: addresses are parsed, never compared as text, so `127.0.0.1.evil.example` is a name;
//! names compare without case and without a trailing dot.

use std::net::{IpAddr, Ipv6Addr};

/// The name or address of a `Host` header, which may have a port beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostName<'a> {
    host: &'a str,
}

impl<'a> HostName<'a> {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; `None` for anything else, the empty text,
    /// user information and percent-encoding included.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = if text.starts_with('[') {
            let (host, port) = text.split_at_checked(text.find(']')? + 1)?;
            address(host)?;
            (host, (!port.is_empty()).then_some(port))
        } else {
            match text.find(':') {
                Some(colon) => {
                    let (host, port) = text.split_at_checked(colon)?;
                    (host, Some(port))
                }
                None => (text, None),
            }
        };
        let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if host.is_empty() || !(host.starts_with('[') || host.bytes().all(named)) {
            return None;
        }
        match port.map(|port| port.strip_prefix(':')) {
            None | Some(Some("")) => {}
            // `u16::from_str` takes a sign, a port has none.
            Some(Some(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse::<u16>().ok()?;
            }
            Some(_) => return None,
        }
        Some(Self { host })
    }

    /// The name or address, brackets included, without the port.
    pub(crate) fn host(&self) -> &'a str {
        self.host
    }
}

/// Whether a host, as [`HostName::host`] gives it, names this machine to itself: `localhost`, a name
/// below it, 127.0.0.0/8, `::1` or the mapped form of either.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    match address(host) {
        Some(address) => address.to_canonical().is_loopback(),
        None => is_localhost(plain(host)),
    }
}

fn is_localhost(name: &str) -> bool {
    name.len()
        .checked_sub("localhost".len())
        .and_then(|cut| name.split_at_checked(cut))
        .is_some_and(|(front, tail)| {
            tail.eq_ignore_ascii_case("localhost") && (front.is_empty() || front.ends_with('.'))
        })
}

/// The names under which this server answers privileged requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostList {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl HostList {
    /// The configured names (ports in them are ignored) and the address that is listened on.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>, bind: Option<IpAddr>) -> Self {
        let mut list = Self::default();
        for name in names {
            let host = HostName::parse(name).map_or(name, |parsed| parsed.host());
            match address(host) {
                Some(address) => list.addresses.push(address.to_canonical()),
                None => list.names.push(plain(host).to_ascii_lowercase()),
            }
        }
        let bound = bind.map(|address| address.to_canonical());
        list.addresses.extend(bound.filter(|address| !address.is_unspecified()));
        list
    }

    /// Whether `host`, as [`HostName::host`] gives it, is ours: a configured name, a loopback name or
    /// address, the bound address, or `local`, the address that the request came in on. A literal
    /// address cannot be rebound by a name server, so the local one is safe.
    pub(crate) fn accepts(&self, host: &str, local: Option<IpAddr>) -> bool {
        if is_loopback_host(host) {
            return true;
        }
        match address(host) {
            Some(address) => {
                let address = address.to_canonical();
                local.is_some_and(|local| local.to_canonical() == address)
                    || self.addresses.contains(&address)
            }
            None => self.names.iter().any(|name| name.eq_ignore_ascii_case(plain(host))),
        }
    }
}

/// A name without the dot that makes it absolute.
fn plain(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(open) => open.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => plain(host).parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_split_from_its_port() {
        let host = |text| HostName::parse(text).map(|name| name.host());
        assert_eq!(host("a.example"), Some("a.example"));
        assert_eq!(host("a.example:8080"), Some("a.example"));
        assert_eq!(host("a.example:"), Some("a.example"));
        assert_eq!(host("[::1]:80"), Some("[::1]"));
        assert_eq!(host("[::1]"), Some("[::1]"));
    }

    #[test]
    fn what_is_no_authority_is_no_host() {
        for text in [
            "",
            ":80",
            "a b",
            "a/b",
            "a@b",
            "a:b",
            "a:+1",
            "a:65536",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "[x]",
            "[]",
            "a\u{e9}",
            "a,b",
            "%41",
            "a\\b",
            "[127.0.0.1]",
        ] {
            assert_eq!(HostName::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn loopback_is_parsed_and_not_a_prefix() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "127.0.0.1.",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in [
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "xlocalhost",
            "127.1",
            "0.0.0.0",
            "128.0.0.1",
            "[::2]",
            "",
            "2130706433",
            "0x7f.0.0.1",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn a_list_accepts_its_names_and_the_local_address() {
        let bind = "192.0.2.1".parse().unwrap();
        let list = HostList::new(["Api.Example", "other.example:8080", "192.0.2.7"], Some(bind));
        for host in
            ["api.example", "API.EXAMPLE.", "other.example", "192.0.2.1", "192.0.2.7", "localhost"]
        {
            assert!(list.accepts(host, None), "{host}");
        }
        assert!(list.accepts("192.0.2.9", Some("192.0.2.9".parse().unwrap())));
        for host in ["evil.example", "192.0.2.9", "api.example.evil", "0.0.0.0"] {
            assert!(!list.accepts(host, None), "{host}");
        }
    }
}
