//! What a certificate says of itself.
//!
//! Names are written as RFC 4514 has it, escapes included, so that nobody can put a comma into their name
//! and be taken for somebody else.

use std::{net::IpAddr, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    objects::{oid_registry, oid2abbrev},
    prelude::FromDer as _,
    x509::{AttributeTypeAndValue, RelativeDistinguishedName, X509Name},
};

use crate::host::request::ClientCert;

/// How long before its end a certificate is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Whose it is: `CN=alice,O=Example`.
    pub(crate) subject: String,
    /// Who says so.
    pub(crate) issuer: String,
    /// Its number, in hexadecimal.
    pub(crate) serial: String,
    /// When it begins to hold.
    pub(crate) not_before: Timestamp,
    /// When it ends.
    pub(crate) not_after: Timestamp,
    /// Its other names, each with its kind: `DNS:a.example.org`, `IP:10.0.0.1`, `email:a@example.org`, `URI:…`.
    pub(crate) names: Vec<String>,
}

/// What a certificate's dates mean now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It holds.
    Good,
    /// It does not hold yet.
    NotYet,
    /// It ends in so many days.
    Soon(i64),
    /// It has ended.
    Expired,
}

impl Facts {
    /// Reads a certificate; `None` if it is none.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names = alternative.iter().flat_map(|names| &names.value.general_names);
        Some(Self {
            subject: name(certificate.subject()),
            issuer: name(certificate.issuer()),
            serial: hex(serial(certificate.raw_serial())),
            not_before: moment(validity.not_before.timestamp()),
            not_after: moment(validity.not_after.timestamp()),
            names: names.filter_map(other_name).collect(),
        })
    }

    /// What its dates mean at `now`.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        let left = self.not_after.duration_since(now);
        if now < self.not_before {
            Standing::NotYet
        } else if now > self.not_after {
            Standing::Expired
        } else if left < SOON {
            Standing::Soon(left.as_hours() / 24)
        } else {
            Standing::Good
        }
    }

    /// Whether it is for `host`, in small letters: a name, or `*.name` for all of one label before it.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let tail = host.split_once('.').map(|(_, tail)| tail);
        let fits = |name: &str| {
            name.eq_ignore_ascii_case(host)
                || name.strip_prefix("*.").is_some_and(|parent| {
                    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(parent))
                })
        };
        self.names.iter().filter_map(|name| name.strip_prefix("DNS:")).any(fits)
    }
}

/// What a client's certificate says, to be shared by the requests of its connection, where each finds it
/// among its extensions. One that says nothing that can be understood has empty texts.
pub(crate) fn of_client(der: &[u8]) -> PeerCert {
    let facts = Facts::of(der);
    let text = |part: fn(&Facts) -> &String| facts.as_ref().map(part).cloned().unwrap_or_default();
    Arc::new(ClientCert {
        subject: text(|facts| &facts.subject),
        issuer: text(|facts| &facts.issuer),
        serial: text(|facts| &facts.serial),
        not_after: facts.as_ref().map(|facts| facts.not_after.to_string()).unwrap_or_default(),
        san: facts.map(|facts| facts.names).unwrap_or_default(),
    })
}

/// What a client's certificate says.
pub(crate) type PeerCert = Arc<ClientCert>;

/// Dates beyond what can be counted are as far as can be counted.
fn moment(seconds: i64) -> Timestamp {
    let end = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(end)
}

/// A number without the byte that only says that it is not negative.
fn serial(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        bytes => bytes,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + format!("{byte:02X}").as_str())
}

fn other_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(format!("DNS:{name}")),
        GeneralName::RFC822Name(name) => Some(format!("email:{name}")),
        GeneralName::URI(uri) => Some(format!("URI:{uri}")),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = address.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| format!("IP:{address}"))
        }
        _ => None,
    }
}

/// The most particular part first, as RFC 4514 has it.
fn name(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name.iter().map(part).collect();
    parts.reverse();
    parts.join(",")
}

fn part(part: &RelativeDistinguishedName<'_>) -> String {
    part.iter().map(attribute).collect::<Vec<_>>().join("+")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let kind = attribute.attr_type();
    let short = oid2abbrev(kind, oid_registry())
        .ok()
        .filter(|short| short.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    match (short, attribute.as_str()) {
        (Some(short), Ok(text)) => format!("{short}={}", escaped(text)),
        (Some(short), Err(_)) => format!("{short}=#{}", hex(attribute.as_slice())),
        (None, _) => format!("{kind}=#{}", hex(attribute.as_slice())),
    }
}

fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut written = String::with_capacity(text.len());
    for (at, letter) in text.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => written.extend(['\\', letter]),
            '#' if at == 0 => written.push_str("\\#"),
            ' ' if at == 0 || at == last => written.push_str("\\ "),
            letter if letter.is_control() => {
                let mut bytes = [0; 4];
                for byte in letter.encode_utf8(&mut bytes).bytes() {
                    written.push('\\');
                    written.push_str(&hex(&[byte]));
                }
            }
            letter => written.push(letter),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Facts {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut params);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Facts::of(made.der()).unwrap()
    }

    #[test]
    fn nobody_writes_themselves_another_name() {
        let facts = made(|params| {
            let name = &mut params.distinguished_name;
            name.push(DnType::OrganizationName, "Ex;ample");
            name.push(DnType::CommonName, " bob,O=root\n");
            params.serial_number = Some(0xab_cdef.into());
        });
        assert_eq!(facts.subject, "CN=\\ bob\\,O\\=root\\0A,O=Ex\\;ample");
        assert_eq!((facts.issuer, facts.serial.as_str()), (facts.subject, "ABCDEF"));
    }

    #[test]
    fn other_names_tell_their_kind() {
        let facts = made(|params| {
            let more = ["10.0.0.1", "::1"].map(|text| SanType::IpAddress(text.parse().unwrap()));
            params.subject_alt_names.extend(more);
            let email = SanType::Rfc822Name("a@b".try_into().unwrap());
            let uri = SanType::URI("spiffe://a/b".try_into().unwrap());
            params.subject_alt_names.extend([email, uri]);
        });
        let names = ["DNS:a.example", "IP:10.0.0.1", "IP:::1", "email:a@b", "URI:spiffe://a/b"];
        assert_eq!(facts.names, names);
    }

    #[test]
    fn dates_are_told_apart() {
        let facts = made(|params| {
            params.not_before = rcgen::date_time_ymd(2026, 1, 1);
            params.not_after = rcgen::date_time_ymd(2026, 4, 1);
        });
        let at = |day: &str| facts.standing(format!("{day}T12:00:00Z").parse().unwrap());
        assert_eq!(at("2025-12-31"), Standing::NotYet);
        assert_eq!(at("2026-03-01"), Standing::Good);
        assert_eq!(at("2026-03-28"), Standing::Soon(3));
        assert_eq!(at("2026-03-31"), Standing::Soon(0));
        assert_eq!(at("2026-04-01"), Standing::Expired);
    }

    #[test]
    fn a_star_is_one_label() {
        let facts = made(|params| {
            let star = SanType::DnsName("*.b.example".try_into().unwrap());
            params.subject_alt_names.push(star);
        });
        for host in ["a.example", "x.b.example", "*.b.example"] {
            assert!(facts.covers(host), "{host}");
        }
        for host in ["b.example", "x.y.b.example", "*.a.example", "x.a.example"] {
            assert!(!facts.covers(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_facts() {
        assert_eq!(Facts::of(b"nonsense"), None);
    }
}
