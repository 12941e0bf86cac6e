//! `[tls]`: HTTPS, and which certificate is shown to whom.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::choice::TlsVersion;
use super::decode::Bases;
use super::fields::Fields;
use super::sections::{last_part, last_part_if_any};

/// `[tls]`: HTTPS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TlsSettings {
    /// Whether the port speaks HTTPS.
    pub enabled: bool,
    /// The PEM file of the certificate chain.
    #[serde(serialize_with = "last_part_if_any")]
    pub cert: Option<PathBuf>,
    /// The PEM file of the private key.
    #[serde(serialize_with = "last_part_if_any")]
    pub key: Option<PathBuf>,
    /// The PEM file of the authorities of which clients must show a certificate, if they must.
    #[serde(serialize_with = "last_part_if_any")]
    pub client_ca: Option<PathBuf>,
    /// The port that leads clients without TLS to the one with TLS, if there is one; 0 lets the system choose.
    pub redirect_port: Option<u16>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether the certificate is made on request, by `--tls-dev`.
    #[serde(skip)]
    pub development: bool,
    /// `[[tls.sni]]`: certificates for clients that ask for other names.
    pub sni: Vec<SniSettings>,
}

/// `[[tls.sni]]`: a certificate for some names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SniSettings {
    /// The names: `a.example.org`, or `*.example.org` for all of one label before it.
    pub hosts: Vec<String>,
    /// The PEM file of the certificate chain.
    #[serde(serialize_with = "last_part")]
    pub cert: PathBuf,
    /// The PEM file of the private key.
    #[serde(serialize_with = "last_part")]
    pub key: PathBuf,
}

impl SniSettings {
    /// A certificate for these names.
    pub fn new(hosts: Vec<String>, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { hosts, cert: cert.into(), key: key.into() }
    }
}

impl TlsSettings {
    /// Whether a host is one of those that have a certificate of their own.
    pub(crate) fn names(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let tail = host.split_once('.').map(|(_, tail)| tail);
        self.sni.iter().flat_map(|sni| &sni.hosts).any(|name| match name.strip_prefix("*.") {
            Some(parent) => tail.is_some_and(|tail| tail.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        })
    }

    /// Takes the certificate that is made on request and kept in the folder for data.
    pub(crate) fn switch_to_development(&mut self, data: &Path) {
        let folder = data.join("tls-dev");
        (self.enabled, self.development) = (true, true);
        self.cert = Some(folder.join("cert.pem"));
        self.key = Some(folder.join("key.pem"));
    }

    /// The files that it names, as long as they matter.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = self.cert.iter().chain(&self.key).chain(&self.client_ca);
        let of_names = self.sni.iter().flat_map(|sni| [&sni.cert, &sni.key]);
        own.chain(of_names).filter(|_| self.enabled)
    }
}

pub(super) fn read(fields: &mut Fields, bases: &Bases) -> TlsSettings {
    let default = TlsSettings::default();
    TlsSettings {
        enabled: fields.boolean("enabled", default.enabled),
        cert: fields.file("cert", |text| bases.resolve(text)),
        key: fields.file("key", |text| bases.resolve(text)),
        client_ca: fields.file("client_ca", |text| bases.resolve(text)),
        redirect_port: fields.number("redirect_port", 0..=65_535),
        min_version: fields.choice("min_version"),
        development: false,
        sni: fields.tables("sni", |fields| sni(fields, bases)),
    }
}

fn sni(fields: &mut Fields, bases: &Bases) -> Option<SniSettings> {
    let hosts = fields.list("hosts", server_name);
    let file = |text: &str| match text {
        "" => Err("the path of a PEM file is wanted"),
        _ if text.contains('\0') => Err("a path has no NUL"),
        _ => bases.resolve(text),
    };
    let cert = fields.required("cert", file);
    let key = fields.required("key", file);
    Some(SniSettings { hosts, cert: cert?, key: key? })
}

/// A name that clients ask for in the handshake, which is never an address.
fn server_name(text: &str) -> Result<String, &'static str> {
    let wanted = "a name such as a.example.org or *.example.org is wanted, without a port";
    let name = text.strip_suffix('.').unwrap_or(text);
    let labels = name.strip_prefix("*.").unwrap_or(name);
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let sound = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(fits);
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    match !is_address && name.len() <= 253 && labels.split('.').all(sound) {
        true => Ok(name.to_ascii_lowercase()),
        false => Err(wanted),
    }
}
