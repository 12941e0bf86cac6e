//! A certificate for this machine alone, made on request.
//!
//! Invariant: the key is never readable for others, not even while it is being written.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::crypto::aws_lc_rs;

use super::pair::{Named, Pair};
use crate::{middleware::hosts::HostName, settings::Settings};

/// How long it holds.
const LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long before its end it is made anew.
const LAST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Why it could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevelopmentError {
    /// Its files cannot be written.
    #[error("cannot write the development certificate to {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate for such names.
    #[error("cannot make a development certificate for the names in `network.hosts`: {0}")]
    Make(#[from] rcgen::Error),
}

/// A development certificate that is there.
#[derive(Debug)]
pub(crate) struct Development {
    /// Its file.
    pub(crate) cert: PathBuf,
    /// What it is for.
    pub(crate) names: Vec<String>,
    /// When it ends.
    pub(crate) not_after: Option<Timestamp>,
}

/// Makes the certificate where `--tls-dev` has it, unless there is one that does; `None` without
/// `--tls-dev`.
///
/// # Errors
/// [`DevelopmentError`], naming what cannot be written.
pub(crate) fn ensure(settings: &Settings) -> Result<Option<Development>, DevelopmentError> {
    let tls = &settings.tls;
    let (true, Some(cert), Some(key)) = (tls.development, &tls.cert, &tls.key) else {
        return Ok(None);
    };
    let wanted = names(&settings.network.hosts);
    let there = |names, not_after| Ok(Some(Development { cert: cert.clone(), names, not_after }));
    let names: Vec<String> = wanted.iter().map(name_of).collect();
    if let Some(not_after) = kept(cert, key, &wanted) {
        return there(names, Some(not_after));
    }
    let mut params = CertificateParams::default();
    params.subject_alt_names = wanted.iter().map(alternative).collect::<Result<_, _>>()?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "hotplate development");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    // Clocks of virtual machines may be behind by a little.
    params.not_before = (now - Duration::from_secs(60 * 60)).into();
    params.not_after = (now + LIFE).into();
    let pair = KeyPair::generate()?;
    let made = params.self_signed(&pair)?;
    if let Some(folder) = cert.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| DevelopmentError::Write { path: folder.to_owned(), source })?;
    }
    put(key, &pair.serialize_pem(), 0o600)?;
    put(cert, &made.pem(), 0o644)?;
    tracing::info!("a development certificate was made");
    there(names, Timestamp::try_from(now + LIFE).ok())
}

/// What a certificate is for.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Address(IpAddr),
    Host(String),
}

fn names(hosts: &[String]) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    let own = ["localhost", "127.0.0.1", "[::1]"];
    for host in own.into_iter().chain(hosts.iter().map(String::as_str)) {
        let host = HostName::parse(host).map_or(host, |parsed| parsed.host());
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = match bare.parse() {
            Ok(address) => Name::Address(address),
            Err(_) => Name::Host(bare.trim_end_matches('.').to_ascii_lowercase()),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn name_of(name: &Name) -> String {
    match name {
        Name::Address(address) => address.to_string(),
        Name::Host(host) => host.clone(),
    }
}

fn alternative(name: &Name) -> Result<SanType, rcgen::Error> {
    match name {
        Name::Address(address) => Ok(SanType::IpAddress(*address)),
        Name::Host(host) => Ok(SanType::DnsName(host.as_str().try_into()?)),
    }
}

/// When the certificate that is there ends, if it still does.
fn kept(cert: &Path, key: &Path, wanted: &[Name]) -> Option<Timestamp> {
    let (cert, key) = (Named::new("tls.cert", cert), Named::new("tls.key", key));
    let pair = Pair::read(cert, key, &aws_lc_rs::default_provider()).ok()?;
    let facts = pair.facts?;
    let tagged = |name: &Name| match name {
        Name::Address(address) => format!("IP:{address}"),
        Name::Host(host) => format!("DNS:{host}"),
    };
    let same = facts.names == wanted.iter().map(tagged).collect::<Vec<_>>();
    let now = Timestamp::now();
    let holds = facts.not_before <= now && facts.not_after.duration_since(now) > LAST;
    (same && holds).then_some(facts.not_after)
}

/// Writes a file beside where it goes, and renames it.
fn put(path: &Path, text: &str, mode: u32) -> Result<(), DevelopmentError> {
    let beside = path.with_extension(format!("pem.{}", std::process::id()));
    let written = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&beside, path)
    };
    written().map_err(|source| {
        drop(fs::remove_file(&beside));
        DevelopmentError::Write { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn settings(folder: &Path, hosts: &[&str]) -> Settings {
        let mut settings = Settings::default();
        settings.network.hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        settings.tls.switch_to_development(folder);
        settings
    }

    #[test]
    fn it_is_made_once_and_again_when_its_names_change() {
        let folder = tempfile::tempdir().unwrap();
        let make = |hosts: &[&str]| {
            let made = ensure(&settings(folder.path(), hosts)).unwrap().unwrap();
            (fs::read_to_string(&made.cert).unwrap(), made.names)
        };
        let (first, names) = make(&[]);
        assert_eq!(names, ["localhost", "127.0.0.1", "::1"]);
        assert_eq!(make(&["localhost:8443", "[::1]"]).0, first);
        let (second, names) = make(&["App.test:8443", "10.0.0.1"]);
        assert_eq!(names, ["localhost", "127.0.0.1", "::1", "app.test", "10.0.0.1"]);
        assert_ne!(second, first);
        let key = folder.path().join("tls-dev/key.pem");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&key, "").unwrap();
        let (third, _) = make(&["app.test", "10.0.0.1"]);
        assert_ne!(third, second);
    }

    #[test]
    fn it_is_made_again_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), &[]);
        let made = ensure(&settings).unwrap().unwrap();
        let wanted = names(&[]);
        let mut params = CertificateParams::default();
        params.subject_alt_names = wanted.iter().map(|name| alternative(name).unwrap()).collect();
        params.not_after = (SystemTime::now() + Duration::from_secs(6 * 86_400)).into();
        let pair = KeyPair::generate().unwrap();
        fs::write(&made.cert, params.self_signed(&pair).unwrap().pem()).unwrap();
        fs::write(made.cert.with_file_name("key.pem"), pair.serialize_pem()).unwrap();
        let anew = ensure(&settings).unwrap().unwrap().not_after.unwrap();
        assert!(anew.duration_since(Timestamp::now()) > SignedDuration::from_hours(300 * 24));
    }

    #[test]
    fn without_being_asked_for_it_is_not_made() {
        assert!(ensure(&Settings::default()).unwrap().is_none());
    }
}
