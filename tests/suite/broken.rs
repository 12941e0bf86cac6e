//! A folder of broken scripts, each with the exact message that it yields.
//!
//! A script that loads is asked for its path, and what its answer renders is compared. With
//! `HOTPLATE_BLESS=1` the messages are written anew: read each of them before it is committed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::harness::{Project, Server};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// All scripts below `at`, relative to `root`.
fn scripts(root: &Path, at: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scripts(root, &path, found);
        } else if path.extension().is_some_and(|end| end == "rhai") {
            found.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
    found.sort();
}

/// All that is said of one script.
fn said(server: &Server, plugin: &Value) -> String {
    let diagnostics = plugin["diagnostics"].as_array().cloned().unwrap_or_default();
    let mut said: Vec<String> = diagnostics
        .iter()
        .filter_map(|told| told["rendered"].as_str().map(str::to_owned))
        .collect();
    if said.is_empty() {
        let answer = server.get(plugin["path"].as_str().unwrap()).json();
        said.extend(answer["rendered"].as_str().map(str::to_owned));
    }
    said.join("\n\n") + "\n"
}

#[test]
fn every_broken_script_yields_its_exact_message() {
    let mut found = Vec::new();
    scripts(&folder(), &folder(), &mut found);
    let project = Project::new(&[])
        .arg("--dev")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "300")
        .env("HOTPLATE_LIMITS__LOAD_MS", "1000");
    for script in &found {
        let name = script.to_str().unwrap();
        project.save(name, &fs::read_to_string(folder().join(script)).unwrap());
    }
    let server = project.start();
    let bless = std::env::var_os("HOTPLATE_BLESS").is_some();
    let mut wrong = Vec::new();
    let plugins = server.get("/plugins").json()["plugins"].as_array().cloned().unwrap_or_default();
    for plugin in &plugins {
        let name = plugin["name"].as_str().unwrap();
        let expected = folder().join(format!("{name}.txt"));
        let said = said(&server, plugin);
        if bless {
            fs::write(&expected, &said).unwrap();
            continue;
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if said != wanted {
            wrong.push(format!("{name} says\n{said}instead of\n{wanted}"));
        }
    }
    let expected = found.iter().filter(|script| !script.starts_with("lib")).count();
    assert_eq!(plugins.len(), expected);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
