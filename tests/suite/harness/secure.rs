//! An authority that makes certificates, and a client that takes any: which one it was shown is what a test
//! wants to know.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};

use super::{PATIENCE, planted::assert_not_in_answer_of};

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    /// The chain.
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these names.
    pub(crate) fn leaf(&self, names: &[&str]) -> Made {
        self.made(names, |_| {})
    }

    /// A certificate for these names, changed by `change`.
    pub(crate) fn made(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Made {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Made { cert: cert.pem(), key: key.serialize_pem(), der: cert.der().to_vec() }
    }
}

impl Made {
    /// Writes `NAME.crt` and `NAME.key`.
    pub(crate) fn put(&self, folder: &Path, name: &str) {
        fs::write(folder.join(format!("{name}.crt")), &self.cert).unwrap();
        fs::write(folder.join(format!("{name}.key")), &self.key).unwrap();
    }
}

/// Takes any certificate.
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

/// A client, and what it says in its handshakes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secure<'a> {
    name: Option<&'a str>,
    alpn: &'a [&'a str],
    versions: &'a [&'static SupportedProtocolVersion],
    own: Option<&'a Made>,
}

/// A connection after its handshake.
pub(crate) struct Shaken {
    stream: StreamOwned<ClientConnection, TcpStream>,
    address: SocketAddr,
}

impl<'a> Secure<'a> {
    /// One that asks for the certificate of this name.
    pub(crate) fn asking(name: &'a str) -> Self {
        Self { name: Some(name), ..Self::silent() }
    }

    /// One that asks for no name.
    pub(crate) fn silent() -> Self {
        Self { name: None, alpn: &[], versions: rustls::ALL_VERSIONS, own: None }
    }

    pub(crate) fn alpn(self, alpn: &'a [&'a str]) -> Self {
        Self { alpn, ..self }
    }

    pub(crate) fn versions(self, versions: &'a [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self }
    }

    /// The same, with a certificate of its own.
    pub(crate) fn showing(self, own: &'a Made) -> Self {
        Self { own: Some(own), ..self }
    }

    /// How its handshakes are made.
    pub(crate) fn config(&self) -> ClientConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)));
        let mut config = match self.own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let chain = CertificateDer::pem_slice_iter(own.cert.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                builder
                    .with_client_auth_cert(chain.collect::<Result<_, _>>().unwrap(), key)
                    .unwrap()
            }
        };
        config.enable_sni = self.name.is_some();
        config.alpn_protocols = self.alpn.iter().map(|alpn| alpn.as_bytes().to_vec()).collect();
        config
    }

    /// Shakes hands.
    pub(crate) fn shake(&self, address: SocketAddr) -> io::Result<Shaken> {
        let name = self.name.unwrap_or("localhost").to_owned();
        let name = ServerName::try_from(name).unwrap();
        let connection = ClientConnection::new(Arc::new(self.config()), name);
        let connection = connection.map_err(io::Error::other)?;
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Shaken { stream, address })
    }

    /// The certificate that it is shown; nothing if there is no handshake.
    pub(crate) fn shown(&self, address: SocketAddr) -> Option<Vec<u8>> {
        let shaken = self.shake(address).ok()?;
        Some(shaken.stream.conn.peer_certificates()?.first()?.to_vec())
    }

    /// What a target answers: its status and its body. A refused handshake may be told only now.
    pub(crate) fn get(&self, address: SocketAddr, target: &str) -> io::Result<(u16, String)> {
        self.shake(address)?.ask("GET", target)
    }
}

impl Shaken {
    /// What is sent and read.
    pub(crate) fn stream(&mut self) -> &mut StreamOwned<ClientConnection, TcpStream> {
        &mut self.stream
    }

    /// How long it waits for the peer.
    pub(crate) fn wait_at_most(&self, time: std::time::Duration) {
        self.stream.sock.set_read_timeout(Some(time)).unwrap();
    }

    pub(crate) fn alpn(&self) -> Option<String> {
        self.stream.conn.alpn_protocol().map(|alpn| String::from_utf8_lossy(alpn).into_owned())
    }

    pub(crate) fn version(&self) -> Option<rustls::ProtocolVersion> {
        self.stream.conn.protocol_version()
    }

    /// A request without a body, the only one on this connection: its status and its body.
    pub(crate) fn ask(self, method: &str, target: &str) -> io::Result<(u16, String)> {
        let (status, _, body) = self.whole(method, target)?;
        Ok((status, body))
    }

    /// The same, with the lines of its head between the two.
    pub(crate) fn whole(mut self, method: &str, target: &str) -> io::Result<(u16, String, String)> {
        let address = self.address;
        let head = "HTTP/1.1\r\nConnection: close\r\nContent-Length: 0";
        write!(self.stream, "{method} {target} {head}\r\nHost: {address}\r\n\r\n")?;
        let mut all = Vec::new();
        self.stream.read_to_end(&mut all)?;
        let all = String::from_utf8_lossy(&all);
        assert_not_in_answer_of(address, &all);
        let whole = || io::Error::other(format!("no whole answer: {all}"));
        let (head, body) = all.split_once("\r\n\r\n").ok_or_else(whole)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.ok_or_else(whole)?, head.to_owned(), body.to_owned()))
    }
}
