//! `openapi/info.toml`: what a project says about its API.

use serde_json::{Value, json};

use crate::harness::{Project, Server, assert_tells, wait_until};

/// The document of a server.
#[track_caller]
fn document(server: &Server) -> Value {
    server.get("/openapi.json").json()
}

#[test]
fn what_is_written_about_the_api_is_in_it_and_followed() {
    let project =
        Project::new(&[("t.rhai", "get(\"/\", #{ tags: [\"extra\", \"more\"] }, || 1);")]);
    let save = |text: &str| {
        let folder = project.root().join("openapi");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(".new"), text).unwrap();
        std::fs::rename(folder.join(".new"), folder.join("info.toml")).unwrap();
    };
    save(
        "title = \"Shop\"\nversion = \"2.1\"\nsummary = \"All of it\"\ndescription = \"\"\"\nOne.\n\nTwo.\n\"\"\"\n\
         terms_of_service = \"https://example.org/terms\"\n\
         [contact]\nname = \"Ann\"\nemail = \"ann@example.org\"\nurl = \"https://example.org\"\n\
         [license]\nname = \"MIT\"\nidentifier = \"MIT\"\n\
         [[servers]]\nurl = \"https://api.example.org/v2/\"\ndescription = \"the real one\"\n\
         [[servers]]\nurl = \"/v2\"\n[[tags]]\nname = \"extra\"\ndescription = \"What is extra.\"\n",
    );
    let server = project.arg("--dev").start();
    let document_now = document(&server);
    assert_eq!(
        document_now["info"],
        json!({
            "title": "Shop", "version": "2.1", "summary": "All of it", "description": "One.\n\nTwo.",
            "termsOfService": "https://example.org/terms",
            "contact": { "name": "Ann", "email": "ann@example.org", "url": "https://example.org" },
            "license": { "name": "MIT", "identifier": "MIT" },
        })
    );
    assert_eq!(
        document_now["servers"],
        json!([
            { "url": "https://api.example.org/v2", "description": "the real one" },
            { "url": "/v2" },
        ])
    );
    assert_eq!(
        document_now["tags"],
        json!([
            { "name": "extra", "description": "What is extra." },
            { "name": "Administration", "description": "What is served, and loading it again." },
            { "name": "more" },
        ])
    );

    let file = server.root().join("openapi/info.toml");
    std::fs::write(&file, "title = \"Shop 2\"\n").unwrap();
    wait_until("the new title", || document(&server)["info"]["title"] == "Shop 2");
    std::fs::write(&file, "titel = \"Shop 3\"\n").unwrap();
    server.wait_for_log("did you mean `title`?");
    assert_eq!(document(&server)["info"]["title"], "Shop 2");
    let report = server.report();
    let fault = &report["diagnostics"][0];
    assert_eq!((&fault["file"], &fault["line"]), (&json!("openapi/info.toml"), &json!(1)));
    std::fs::remove_file(&file).unwrap();
    wait_until("the title without a file", || document(&server)["info"]["title"] == "API");
}

#[test]
fn a_folder_for_it_that_is_made_later_is_noticed() {
    let server = Server::dev(&[("t.rhai", "get(|| 1);")]);
    assert_eq!(document(&server)["info"]["title"], "API");
    std::fs::create_dir(server.root().join("openapi")).unwrap();
    std::fs::write(server.root().join("openapi/info.toml"), "title = \"Late\"\n").unwrap();
    wait_until("its title", || document(&server)["info"]["title"] == "Late");
}

#[test]
fn what_is_wrong_in_it_is_told_at_its_place() {
    for (text, parts) in [
        ("contact = 1\n", &["openapi/info.toml:1", "`contact` must be a table"][..]),
        ("title = \"\"\n", &["`title` cannot be \"\": a text is wanted"]),
        ("[contact]\nmail = \"a@b\"\n", &["unknown key `contact.mail`", "`contact.email`"]),
        ("[contact]\nemail = \"nobody\"\n", &["openapi/info.toml:2", "api@example.org"]),
        ("[license]\nurl = \"https://a.example\"\n", &["`license` must have `name`"]),
        (
            "[license]\nname = \"x\"\nurl = \"https://a.example\"\nidentifier = \"MIT\"\n",
            &["openapi/info.toml:3", "OpenAPI takes one"],
        ),
        ("servers = [\"https://a.example\"]\n", &["`servers` must be a table"]),
        ("servers = 1\n", &["`servers` must be tables, each begun with [[servers]]"]),
        ("[[servers]]\ndescription = \"x\"\n", &["`servers` must have `url`"]),
        ("[[servers]]\nurl = \"api.example.org\"\n", &["https://api.example.org/v1"]),
        (
            "[[tags]]\nname = \"x\"\nabout = \"y\"\n",
            &["openapi/info.toml:3", "unknown key `tags.about`"],
        ),
        (
            "[[servers]]\nurl = \"/a\"\n[[servers]]\nurl = \"/a/\"\n",
            &["openapi/info.toml:4", "`servers.url` is \"/a\" twice"],
        ),
        ("[[tags]]\nname = \"x\"\n[[tags]]\nname = \"x\"\n", &["is \"x\" twice"]),
        ("version = \"${ENV:NO_SUCH}\"\n", &["`NO_SUCH` is not set"]),
        ("title = \n", &["openapi/info.toml:1", "not valid TOML"]),
    ] {
        let project = Project::new(&[("t.rhai", "get(|| 1);")]);
        std::fs::create_dir(project.root().join("openapi")).unwrap();
        std::fs::write(project.root().join("openapi/info.toml"), text).unwrap();
        let ended = project.run();
        assert!(!ended.status.success());
        let tells_unknown = parts.iter().any(|part| part.contains("unknown key"));
        assert_eq!(ended.stderr.contains("unknown key"), tells_unknown, "{}", ended.stderr);
        assert_tells(&ended.stderr.into(), parts);
    }
}
