use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::settings::SniSettings;

/// Writes a pair for `names` and gives its files.
fn pair(folder: &Path, name: &str, names: &[&str], days: (i64, i64)) -> (PathBuf, PathBuf) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    let now = std::time::SystemTime::now();
    let at = |days: i64| {
        let time = Duration::from_secs(days.unsigned_abs() * 86_400 + 3600);
        if days < 0 { (now - time).into() } else { (now + time).into() }
    };
    (params.not_before, params.not_after) = (at(days.0), at(days.1));
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    let files = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    fs::write(&files.0, cert.pem()).unwrap();
    fs::write(&files.1, key.serialize_pem()).unwrap();
    files
}

fn settings(folder: &Path, days: (i64, i64)) -> TlsSettings {
    let (cert, key) = pair(folder, "a", &["a.example"], days);
    let mut settings = TlsSettings::default();
    (settings.enabled, settings.cert, settings.key) = (true, Some(cert), Some(key));
    settings
}

fn sni(hosts: &[&str], files: (PathBuf, PathBuf)) -> SniSettings {
    let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
    SniSettings::new(hosts, files.0, files.1)
}

const GOOD: (i64, i64) = (-1, 100);

#[test]
fn dates_and_names_are_warned_of() {
    for (days, told) in [
        (GOOD, ""),
        ((-1, 3), "a.crt (`tls.cert`) expires in 3 days, at"),
        ((-1, 0), "a.crt (`tls.cert`) expires today, at"),
        ((-3, -1), "a.crt (`tls.cert`) has expired, at"),
        ((1, 100), "a.crt (`tls.cert`) does not hold before"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path(), days);
        let foreign = pair(folder.path(), "b", &["b.example"], GOOD);
        settings.sni.push(sni(&["b.example", "c.example"], foreign));
        let certificates = Certificates::open(&settings).unwrap().unwrap();
        let told_of = certificates.renew(&settings, false).diagnostics;
        let told_of: Vec<_> = told_of.into_iter().map(|told| told.message).collect();
        let names = "the certificate b.crt (`tls.sni.cert`) is not for c.example";
        assert_eq!(told_of.last().unwrap(), names);
        assert_eq!(told_of.len(), if told.is_empty() { 1 } else { 2 }, "{told_of:?}");
        assert!(told_of[0].contains(told), "{told_of:?}");
    }
}

#[test]
fn each_name_keeps_its_certificate_until_there_is_a_better_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path(), GOOD);
    settings.sni.push(sni(&["b.example"], pair(folder.path(), "b", &["b.example"], GOOD)));
    let certificates = Certificates::open(&settings).unwrap().unwrap();
    let shown = || certificates.state.lock().unwrap().shown.clone();
    let first = shown();
    // One is renewed while the other is broken, and under another name.
    pair(folder.path(), "a", &["a.example"], GOOD);
    let broken = folder.path().join("broken");
    fs::write(&broken, "").unwrap();
    settings.sni[0] = sni(&["b.example", "new.example"], (broken.clone(), broken));
    let renewal = certificates.renew(&settings, true);
    assert_eq!(renewal.diagnostics.len(), 1);
    assert!(renewal.diagnostics[0].message.ends_with("the certificate in use stays"));
    let second = shown();
    assert!(first.main != second.main);
    assert_eq!(first.names, second.names);
    settings.sni.clear();
    assert!(certificates.renew(&settings, true).diagnostics.is_empty());
    assert!(shown().names.is_empty());
}

#[test]
fn what_lasts_for_a_moment_is_told_only_to_whoever_asks() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), GOOD);
    let certificates = Certificates::open(&settings).unwrap().unwrap();
    let whole = fs::read(settings.cert.as_ref().unwrap()).unwrap();
    let renew = |asked| {
        let renewal = certificates.renew(&settings, asked);
        (renewal.diagnostics.len(), renewal.unsettled)
    };
    fs::write(settings.cert.as_ref().unwrap(), "").unwrap();
    assert_eq!(renew(false), (0, true));
    std::thread::sleep(SETTLE);
    assert_eq!(renew(false), (1, false));
    fs::write(settings.cert.as_ref().unwrap(), whole).unwrap();
    assert_eq!(renew(false), (0, false));
    fs::write(settings.cert.as_ref().unwrap(), "").unwrap();
    assert_eq!((renew(false), renew(true), renew(false)), ((0, true), (1, false), (1, false)));
}
