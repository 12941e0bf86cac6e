//! The address ranges of trusted proxies.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An address, or a range of addresses in CIDR form such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyRange {
    address: IpAddr,
    prefix: u8,
}

/// The text is neither an address nor a range in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address such as 10.0.0.1 or a range such as 10.0.0.0/8 is wanted")]
pub struct InvalidRange;

impl ProxyRange {
    /// Whether `address` lies in the range; an IPv4 address that is written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let drop = 32 - u32::from(self.prefix);
                (range.to_bits() ^ address.to_bits()).checked_shr(drop).unwrap_or(0) == 0
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let drop = 128 - u32::from(self.prefix);
                (range.to_bits() ^ address.to_bits()).checked_shr(drop).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    fn width(address: IpAddr) -> u8 {
        match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        }
    }
}

impl FromStr for ProxyRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidRange)?;
        let width = Self::width(address);
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| InvalidRange)?,
            None => width,
        };
        if prefix > width {
            return Err(InvalidRange);
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for ProxyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == Self::width(self.address) {
            return self.address.fmt(f);
        }
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Serialize for ProxyRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, address: &str) -> bool {
        range.parse::<ProxyRange>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_the_addresses_below_its_prefix() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.1", "10.0.0.1"));
        assert!(!holds("10.0.0.1", "10.0.0.2"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(holds("::/0", "fd12::1"));
        assert!(!holds("::/0", "10.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "proxy", "10.0.0.0/"] {
            assert_eq!(text.parse::<ProxyRange>(), Err(InvalidRange), "{text}");
        }
    }
}
