//! The certificate that is made on request.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use crate::harness::{Project, Secure, Server};

fn project() -> Project {
    Project::new(&[("t.rhai", "get(|req| req.url);")]).arg("--tls-dev")
}

/// Whether a client that trusts the certificate in the data folder believes the server to be `name`.
fn is_believed(server: &Server, name: &str) -> bool {
    let cert = fs::read(server.root().join("data/tls-dev/cert.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&cert).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = std::net::TcpStream::connect(server.address()).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(&mut socket).is_err() {
            return false;
        }
    }
    true
}

#[test]
fn it_is_made_kept_and_made_anew_for_other_names() {
    let server = project().config("[network]\nhosts = [\"app.test\"]\n").start();
    assert!(server.first_line().contains("serves https://"), "{}", server.first_line());
    for name in ["localhost", "127.0.0.1", "::1", "app.test"] {
        assert!(is_believed(&server, name), "{name}");
    }
    assert!(!is_believed(&server, "other.test"));
    let answer = Secure::asking("localhost").get(server.address(), "/t").unwrap();
    assert_eq!(answer, (200, format!("https://{}/t", server.address())));
    let folder = server.root().join("data/tls-dev");
    let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("key.pem"), mode("")), (0o600, 0o700));
    let first = fs::read(folder.join("cert.pem")).unwrap();
    let server = server.restart(rustix::process::Signal::TERM);
    assert_eq!(fs::read(folder.join("cert.pem")).unwrap(), first);
    server.save_config("[network]\nhosts = [\"other.test\"]\n");
    crate::harness::wait_until("it is for the new name", || is_believed(&server, "other.test"));
    assert_ne!(fs::read(folder.join("cert.pem")).unwrap(), first);
    // The folder for data is the one it began with.
    server.save_config("[network]\nhosts = [\"third.test\"]\n[paths]\ndata = \"elsewhere\"\n");
    crate::harness::wait_until("it is for the third name", || is_believed(&server, "third.test"));
    assert!(!server.root().join("elsewhere").exists());
}

#[test]
fn how_to_trust_it_is_printed() {
    let project = project();
    let mut child = project.command().spawn().unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    for _ in 0..4 {
        std::io::BufRead::read_line(&mut lines, &mut said).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        said.contains(
            "development certificate data/tls-dev/cert.pem: for localhost, 127.0.0.1, ::1, until 2"
        ),
        "{said}"
    );
    assert!(said.contains("curl --cacert data/tls-dev/cert.pem https://localhost:"), "{said}");
}

#[test]
fn it_is_refused_where_others_can_reach_it() {
    let ended = project().arg("--bind").arg("0.0.0.0").arg("--insecure").run();
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("--tls-dev is refused on 0.0.0.0"), "{}", ended.stderr);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_told() {
    let project = project();
    fs::write(project.root().join("data"), "").unwrap();
    let ended = project.run();
    assert!(!ended.status.success());
    let told = "cannot write the development certificate to";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}
