//! The names of this server, as clients write them in `Host`.

use std::net::{IpAddr, Ipv6Addr};

use crate::settings::NetworkSettings;

/// The host of `host:port`, without brackets and a last dot.
fn name(host: &str) -> &str {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.strip_suffix('.').unwrap_or(name)
}

fn address(name: &str) -> Option<IpAddr> {
    let ipv6 = |name: &str| name.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    name.parse().ok().or_else(|| ipv6(name)).map(|address: IpAddr| address.to_canonical())
}

/// Whether `host` names this machine's loopback interface.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = name(host);
    name.eq_ignore_ascii_case("localhost") || address(name).is_some_and(|a| a.is_loopback())
}

/// Whether `host` is a name or an address of this server: one of the configured names, loopback, or the
/// address that the connection came to. A name that merely resolves to us is not.
pub(crate) fn is_ours(host: &str, settings: &NetworkSettings, local: Option<IpAddr>) -> bool {
    let written = name(host);
    is_loopback(host)
        || settings.hosts.iter().any(|ours| name(ours).eq_ignore_ascii_case(written))
        || address(written).is_some_and(|address| {
            address == settings.bind.to_canonical()
                || local.map(|a| a.to_canonical()) == Some(address)
        })
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_is_told_by_addresses_and_not_by_prefixes() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:8080",
            "127.1.2.3",
            "[::1]:80",
            "localhost.",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "[::2]",
            "",
            "0x7f.1",
            "evil",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
