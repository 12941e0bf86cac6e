//! Certificates that change while the server runs.

use std::{fs, net::TcpStream, path::Path, sync::Arc};

use rustix::process::Signal;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::harness::{Project, Server, wait_until};

/// Takes any certificate: which one it was is what the test wants to know.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The certificate that a new connection gets; nothing if there is no handshake.
fn shown(server: &Server) -> Option<Vec<u8>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(server.address()).ok()?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).ok()?;
    }
    Some(connection.peer_certificates()?.first()?.to_vec())
}

/// A certificate and its key, in PEM.
fn pair() -> (rcgen::CertifiedKey<rcgen::KeyPair>, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    (made, key)
}

fn put(root: &Path, cert: &str, key: &str) {
    fs::write(root.join("a.crt"), cert).unwrap();
    fs::write(root.join("a.key"), key).unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_leaves_the_one_in_use_and_a_good_one_replaces_it() {
    let ((first, first_key), (second, second_key)) = (pair(), pair());
    let project = Project::new(&[("t.rhai", "get(|req| 1);")])
        .config("[tls]\nenabled = true\ncert = \"a.crt\"\nkey = \"a.key\"\n");
    put(project.root(), &first.cert.pem(), &first_key);
    let server = project.start();
    assert_eq!(shown(&server).as_deref(), Some(&first.cert.der()[..]));
    for (cert, key) in [
        (first.cert.pem(), second_key.clone()),
        ("-----BEGIN CERTIFICATE-----\nnonsense".to_owned(), first_key.clone()),
        (String::new(), String::new()),
    ] {
        let told = |server: &Server| server.log().matches("the certificate in use stays").count();
        let before = told(&server);
        put(server.root(), &cert, &key);
        server.signal(Signal::HUP);
        wait_until("it is told", || told(&server) > before);
        assert_eq!(shown(&server).as_deref(), Some(&first.cert.der()[..]));
    }
    fs::remove_file(server.root().join("a.crt")).unwrap();
    put(server.root(), &second.cert.pem(), &second_key);
    server.signal(Signal::HUP);
    wait_until("the new one is shown", || {
        shown(&server).as_deref() == Some(&second.cert.der()[..])
    });
    assert!(server.terminate().status.success());
}
