//! Clients that must show a certificate, and what a script sees of it.

use std::fs;

use rcgen::{DnType, SanType};
use serde_json::{Value, json};

use crate::harness::{Authority, Made, Project, Secure, Server, wait_until};

const CONFIG: &str =
    "[tls]\nenabled = true\ncert = \"a.crt\"\nkey = \"a.key\"\nclient_ca = \"clients.pem\"\n";

/// A server that takes clients of `authority`, and their certificate as `/t` tells it.
fn start(authority: &Authority) -> Server {
    let project =
        Project::new(&[("t.rhai", "get(|req| req.client_cert); get(\"/all\", |req| req);")]);
    let project = project.config(CONFIG);
    Authority::new("Servers").leaf(&["localhost"]).put(project.root(), "a");
    fs::write(project.root().join("clients.pem"), authority.pem()).unwrap();
    project.start()
}

fn alice(authority: &Authority) -> Made {
    authority.made(&["alice.example"], |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Ex, Inc.");
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.subject_alt_names.push(SanType::Rfc822Name("alice@example".try_into().unwrap()));
        params.serial_number = Some(0x1234.into());
        params.not_after = rcgen::date_time_ymd(2100, 1, 2);
    })
}

fn got(server: &Server, target: &str, own: &Made) -> Value {
    let (status, body) =
        Secure::asking("localhost").showing(own).get(server.address(), target).unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn a_script_sees_whose_certificate_the_client_showed() {
    let authority = Authority::new("Clients");
    let server = start(&authority);
    let alice = alice(&authority);
    let seen = json!({
        "subject": "CN=alice,O=Ex\\, Inc.",
        "issuer": "CN=Clients",
        "serial": "1234",
        "not_after": "2100-01-02T00:00:00Z",
        "san": ["DNS:alice.example", "email:alice@example"],
    });
    assert_eq!(got(&server, "/t", &alice), seen);
    assert_eq!(got(&server, "/t/all", &alice)["client_cert"], seen);
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let client = Secure::asking("localhost").versions(versions).showing(&alice);
        assert_eq!(client.get(server.address(), "/t").unwrap().0, 200);
    }
}

#[test]
fn whoever_shows_no_certificate_or_a_foreign_one_is_refused() {
    let authority = Authority::new("Clients");
    let server = start(&authority);
    let foreign = alice(&Authority::new("Clients"));
    let past = authority.made(&["old.example"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 2);
    });
    let client = Secure::asking("localhost");
    for client in [client, client.showing(&foreign), client.showing(&past)] {
        for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
            let answer = client.versions(versions).get(server.address(), "/t");
            assert!(answer.is_err(), "{answer:?}");
        }
    }
    assert_eq!(got(&server, "/t", &alice(&authority))["subject"], "CN=alice,O=Ex\\, Inc.");
}

#[test]
fn authorities_are_taken_anew_and_those_that_cannot_be_read_change_nothing() {
    let (first, second) = (Authority::new("First"), Authority::new("Second"));
    let server = start(&first);
    let (of_first, of_second) = (alice(&first), alice(&second));
    let takes = |own| Secure::asking("localhost").showing(own).get(server.address(), "/t").is_ok();
    assert!(takes(&of_first) && !takes(&of_second));
    let file = server.root().join("clients.pem");
    fs::write(&file, "").unwrap();
    server.wait_for_log("clients.pem (`tls.client_ca`) holds no certificate");
    server.wait_for_log("; the authorities in use stay");
    assert!(takes(&of_first) && !takes(&of_second));
    fs::write(&file, format!("{}{}", first.pem(), second.pem())).unwrap();
    wait_until("both are taken", || takes(&of_second));
    assert!(takes(&of_first));
    fs::write(&file, second.pem()).unwrap();
    wait_until("one is taken no more", || !takes(&of_first));
    assert!(takes(&of_second));
}

#[test]
fn authorities_that_cannot_be_read_when_they_are_first_named_are_told_of() {
    let plain = "[tls]\nenabled = true\ncert = \"a.crt\"\nkey = \"a.key\"\n";
    let project = Project::new(&[("t.rhai", "get(|req| req.client_cert);")]).config(plain);
    let (servers, clients) = (Authority::new("Servers"), Authority::new("Clients"));
    servers.leaf(&["localhost"]).put(project.root(), "a");
    let server = project.start();
    server.save_config(CONFIG);
    server.wait_for_log("clients.pem (`tls.client_ca`) cannot be read");
    server.wait_for_log("; no client is asked for a certificate, as before");
    let anybody = Secure::asking("localhost");
    assert_eq!(anybody.get(server.address(), "/t").unwrap().0, 204, "nothing is known of it");
    fs::write(server.root().join("clients.pem"), clients.pem()).unwrap();
    wait_until("certificates are asked for", || anybody.get(server.address(), "/t").is_err());
    assert_eq!(got(&server, "/t", &alice(&clients))["issuer"], "CN=Clients");
}

#[test]
fn without_authorities_nobody_is_asked_for_a_certificate() {
    let project = Project::new(&[(
        "t.rhai",
        "get(|req| [req.client_cert, \"client_cert\" in req.headers]);",
    )])
    .config("[tls]\nenabled = true\ncert = \"a.crt\"\nkey = \"a.key\"\n");
    let authority = Authority::new("Test");
    authority.leaf(&["localhost"]).put(project.root(), "a");
    let server = project.start();
    assert_eq!(got(&server, "/t", &alice(&authority)), json!([null, false]));
    let plain = Server::start(&[("t.rhai", "get(|req| req.client_cert == ());")]);
    assert_eq!(plain.get("/t").ok(), "true");
}
