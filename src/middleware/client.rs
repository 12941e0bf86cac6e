//! Who sends a request: the peer, or whom a trusted proxy names.

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;

use crate::settings::NetworkSettings;

/// The address of the client. `X-Forwarded-For` is believed only from `trusted_proxies`, and read from
/// its end: what stands before the first untrusted address is the client's own invention.
pub(crate) fn address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    settings: &NetworkSettings,
) -> IpAddr {
    let Some(peer) = peer.map(|peer| peer.to_canonical()) else {
        return IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    };
    if !settings.trusts(peer) {
        return peer;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let mut client = peer;
    for named in forwarded.into_iter().rev() {
        let Ok(address) = named.parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !settings.trusts(client) {
            break;
        }
    }
    client
}
