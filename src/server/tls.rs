//! Certificates and keys from PEM files.
//!
//! Invariant: a configuration is returned only when its key belongs to its certificate, so swapping
//! it in cannot break handshakes that worked.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::ResolvesServerCert,
    sign::{CertifiedKey, SingleCertAndKey},
};

/// Why a certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not PEM.
    #[error("{} is not valid PEM: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{} holds no certificate (-----BEGIN CERTIFICATE-----)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key file holds no private key.
    #[error("{} holds no private key (-----BEGIN PRIVATE KEY-----)", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is of a kind or shape that is not supported.
    #[error("the private key in {} cannot be used: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The key is not the certificate's.
    #[error("the key {} does not belong to the certificate {}: {source}", key.display(), cert.display())]
    Mismatch {
        /// The certificate file.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
        /// How the comparison failed.
        source: rustls::Error,
    },
    /// The TLS library refuses its own defaults.
    #[error("cannot set TLS up: {0}")]
    Setup(#[source] rustls::Error),
}

/// Reads a certificate chain and its private key and makes a configuration that offers HTTP/2 and
/// HTTP/1.1.
///
/// # Errors
/// [`TlsError`] naming the file that is at fault.
pub(crate) fn load(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = chain(cert)?;
    let private = private_key(key)?;
    let signing = provider
        .key_provider
        .load_private_key(private)
        .map_err(|source| TlsError::Key { path: key.to_owned(), source })?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|source| TlsError::Mismatch {
        cert: cert.to_owned(),
        key: key.to_owned(),
        source,
    })?;
    let resolver: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(certified));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|source| match source {
        pem::Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        source => TlsError::Pem { path: path.to_owned(), source },
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let cert = folder.join(format!("{name}.crt"));
        let key = folder.join(format!("{name}.key"));
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (cert, key)
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = pair(folder.path(), "a");
        let (_, other) = pair(folder.path(), "b");
        assert_eq!(load(&cert, &key).unwrap().alpn_protocols.len(), 2);
        let refused = load(&cert, &other).unwrap_err();
        assert!(matches!(refused, TlsError::Mismatch { .. }), "{refused}");
    }

    #[test]
    fn each_bad_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = pair(folder.path(), "a");
        let none = folder.path().join("none");
        assert!(matches!(load(&none, &key), Err(TlsError::Read { path, .. }) if path == none));
        assert!(matches!(load(&key, &key), Err(TlsError::NoCertificate { .. })));
        assert!(matches!(load(&cert, &cert), Err(TlsError::NoKey { .. })));
        let torn = folder.path().join("torn");
        let text = fs::read_to_string(&cert).unwrap();
        fs::write(&torn, text.get(..100).unwrap()).unwrap();
        assert!(matches!(load(&torn, &key), Err(TlsError::Pem { .. })));
    }
}
