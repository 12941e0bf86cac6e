//! A certificate and its key, from PEM files.
//!
//! Invariant: a pair is only made of a key that belongs to its certificate, so that to show it cannot break
//! handshakes that worked.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::VerifierBuilderError,
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};

use crate::{diagnostic::Diagnostic, middleware::certificate::Facts};

/// A file that a setting names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The setting: `tls.cert`.
    pub(crate) setting: &'static str,
    /// The file.
    pub(crate) path: PathBuf,
}

impl Named {
    pub(super) fn new(setting: &'static str, path: &Path) -> Self {
        Self { setting, path: path.to_owned() }
    }

    /// Its name without the folder it is in, which is nobody's business.
    pub(super) fn short(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!("{name} (`{}`)", self.setting)
    }
}

/// The whole path: for whoever starts the program.
impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (`{}`)", self.path.display(), self.setting)
    }
}

/// Why a certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file is not what it should be.
    #[error("{file} {why}")]
    File {
        /// The file.
        file: Named,
        /// What is wrong with it.
        why: FileFault,
    },
    /// The key is not the certificate's.
    #[error("the key {key} does not belong to the certificate {cert}")]
    Mismatch {
        /// The certificate file.
        cert: Named,
        /// The key file.
        key: Named,
    },
    /// The TLS library refuses its own defaults.
    #[error("cannot set TLS up: {0}")]
    Setup(#[source] rustls::Error),
    /// It refuses to verify clients.
    #[error("cannot set the verification of clients up: {0}")]
    Verifier(#[source] VerifierBuilderError),
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It is not PEM.
    #[error("is not valid PEM: {0}")]
    Pem(#[source] pem::Error),
    /// It holds no certificate.
    #[error("holds no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// It holds no private key.
    #[error("holds no private key (-----BEGIN PRIVATE KEY-----)")]
    NoKey,
    /// What it holds is of a kind or shape that is not supported.
    #[error("cannot be used: {0}")]
    Unusable(#[source] rustls::Error),
}

impl TlsError {
    /// It as a person reads it in the report of a reload: with what goes on meanwhile, where certificates of
    /// clients are `asked` for or not.
    pub(super) fn refusal(&self, asked: bool) -> Diagnostic {
        let stays = match self {
            Self::File { file, .. } if file.setting == "tls.client_ca" => match asked {
                true => "the authorities in use stay",
                false => "no client is asked for a certificate, as before",
            },
            _ => "the certificate in use stays",
        };
        let mut refusal = self.diagnostic();
        refusal.message = format!("{}; {stays}", refusal.message);
        refusal
    }

    /// It as a person reads it in a report, where files have no folder.
    pub(super) fn diagnostic(&self) -> Diagnostic {
        let (message, help) = match self {
            Self::File { file, why } => (
                format!("{} {why}", file.short()),
                "write the file anew: it is looked at again when it changes",
            ),
            Self::Mismatch { cert, key } => (
                format!(
                    "the key {} does not belong to the certificate {}",
                    key.short(),
                    cert.short()
                ),
                "write both files anew: they are looked at again when they change",
            ),
            Self::Setup(_) | Self::Verifier(_) => {
                (self.to_string(), "this is a fault of the server: report it")
            }
        };
        Diagnostic::error("tls-certificate", message).help(help)
    }
}

/// A certificate and its key.
#[derive(Debug)]
pub(super) struct Pair {
    /// What it was made of.
    digest: [u8; 32],
    /// The file of the certificate.
    pub(super) cert: Named,
    /// Both, ready to be shown.
    pub(super) certified: Arc<CertifiedKey>,
    /// What the certificate says of itself, if it can be understood.
    pub(super) facts: Option<Facts>,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.cert == other.cert
    }
}

impl Pair {
    /// Reads a certificate chain and its key.
    ///
    /// # Errors
    /// [`TlsError`] naming the file that is at fault.
    pub(super) fn read(
        cert: Named,
        key: Named,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let (cert_text, key_text) = (read(&cert)?, read(&key)?);
        let mut digest = Sha256::new();
        // With its length, so that no byte can move from one file to the other.
        digest.update(cert_text.len().to_le_bytes());
        digest.update(&cert_text);
        digest.update(&key_text);
        let chain = certificates(&cert, &cert_text)?;
        let private = PrivateKeyDer::from_pem_slice(&key_text).map_err(|source| match source {
            pem::Error::NoItemsFound => fault(&key, FileFault::NoKey),
            source => fault(&key, FileFault::Pem(source)),
        })?;
        let signing = provider
            .key_provider
            .load_private_key(private)
            .map_err(|source| fault(&key, FileFault::Unusable(source)))?;
        let facts = chain.first().and_then(|first| Facts::of(first));
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch { cert, key });
            }
            Err(source) => return Err(fault(&cert, FileFault::Unusable(source))),
        }
        Ok(Self { digest: digest.finalize().into(), certified: Arc::new(certified), facts, cert })
    }
}

/// The certificates in the text of a file, of which there must be one.
fn certificates(file: &Named, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| fault(file, FileFault::Pem(source)))?;
    if found.is_empty() {
        return Err(fault(file, FileFault::NoCertificate));
    }
    Ok(found)
}

/// The authorities of which clients must show a certificate.
#[derive(Debug)]
pub(super) struct Authorities {
    digest: [u8; 32],
    pub(super) roots: Arc<RootCertStore>,
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Authorities {
    /// Reads the certificates of authorities.
    ///
    /// # Errors
    /// [`TlsError`] naming the file.
    pub(super) fn read(file: &Named) -> Result<Self, TlsError> {
        let text = read(file)?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file, &text)? {
            let added = roots.add(certificate);
            added.map_err(|source| fault(file, FileFault::Unusable(source)))?;
        }
        Ok(Self { digest: Sha256::digest(&text).into(), roots: Arc::new(roots) })
    }
}

fn read(file: &Named) -> Result<Vec<u8>, TlsError> {
    fs::read(&file.path).map_err(|source| fault(file, FileFault::Read(source)))
}

fn fault(file: &Named, why: FileFault) -> TlsError {
    TlsError::File { file: file.clone(), why }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;

    use super::*;

    fn pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let cert = folder.join(format!("{name}.crt"));
        let key = folder.join(format!("{name}.key"));
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (cert, key)
    }

    fn load(cert: &Path, key: &Path) -> Result<Pair, TlsError> {
        let (cert, key) = (Named::new("tls.cert", cert), Named::new("tls.key", key));
        Pair::read(cert, key, &aws_lc_rs::default_provider())
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = pair(folder.path(), "a");
        let (_, other) = pair(folder.path(), "b");
        assert_eq!(load(&cert, &key).unwrap().facts.unwrap().names, ["DNS:localhost"]);
        let refused = load(&cert, &other).unwrap_err();
        assert!(matches!(refused, TlsError::Mismatch { .. }), "{refused}");
        let told = refused.refusal(true).message;
        let whole = "the key b.key (`tls.key`) does not belong to the certificate a.crt (`tls.cert`); the certificate in use stays";
        assert_eq!(told, whole);
    }

    #[test]
    fn each_bad_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = pair(folder.path(), "a");
        let none = folder.path().join("none");
        let told = |cert: &Path, key: &Path| load(cert, key).unwrap_err().diagnostic().message;
        assert!(told(&none, &key).starts_with("none (`tls.cert`) cannot be read"));
        assert!(told(&key, &key).starts_with("a.key (`tls.cert`) holds no certificate"));
        assert!(told(&cert, &cert).starts_with("a.crt (`tls.key`) holds no private key"));
        let torn = folder.path().join("torn");
        let text = fs::read_to_string(&cert).unwrap();
        fs::write(&torn, text.get(..100).unwrap()).unwrap();
        assert!(told(&torn, &key).starts_with("torn (`tls.cert`) is not valid PEM"));
    }

    #[test]
    fn a_pair_is_the_same_as_long_as_its_files_are() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = pair(folder.path(), "a");
        let first = load(&cert, &key).unwrap();
        assert!(first == load(&cert, &key).unwrap());
        pair(folder.path(), "a");
        assert!(first != load(&cert, &key).unwrap());
    }
}
