//! The scripts in `docs/`: each of them loads as it stands there, and no GET of it is a fault.
//!
//! A block with `rhai` on its fence is a plugin. `rhai library=lib/money` is that library, for the blocks of
//! the same document; `rhai file=shop.rhai` is a plugin of that name, which is asked for in other tests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::harness::Project;

/// A block of a document: the line it begins at, what its fence says, and its text.
pub(crate) fn blocks(document: &str) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    let mut lines = document.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(said) = line.trim_start().strip_prefix("```rhai") else { continue };
        let body = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        let text: Vec<&str> = body.collect();
        found.push((at + 1, said.trim().to_owned(), text.join("\n") + "\n"));
    }
    found
}

/// The documents of the repository.
pub(crate) fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut documents: Vec<_> = entries.chain([root.join("README.md")]).collect();
    documents.retain(|path| path.extension().is_some_and(|end| end == "md"));
    documents.sort();
    documents
}

/// The paths that a plugin answers GET at, with something in place of each parameter.
fn gets(plugin: &Value) -> Vec<String> {
    let routes = plugin["routes"].as_array().cloned().unwrap_or_default();
    let is_get = |route: &&Value| route["methods"].as_array().unwrap().iter().any(|m| m == "GET");
    let path = |route: &Value| {
        let parts = route["path"].as_str().unwrap().split('/');
        let filled = parts.map(|part| if part.starts_with('{') { "1" } else { part });
        filled.collect::<Vec<_>>().join("/")
    };
    routes.iter().filter(is_get).map(path).collect()
}

#[test]
fn every_script_of_the_documents_loads() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in documents() {
        let document = path.file_name().unwrap().to_string_lossy().into_owned();
        let blocks = blocks(&fs::read_to_string(&path).unwrap());
        if blocks.is_empty() {
            continue;
        }
        let project = Project::new(&[]).arg("--dev").env("HOTPLATE_WATCH__MODE", "off");
        for (line, said, text) in &blocks {
            match said.strip_prefix("library=") {
                Some(library) => project.save(&format!("{library}.rhai"), text),
                None => project.save(&format!("line{line}.rhai"), text),
            }
        }
        let server = project.start();
        for (line, ..) in blocks.iter().filter(|(_, said, _)| !said.starts_with("library=")) {
            let plugin = server.plugin(&format!("line{line}"));
            let clean = plugin["diagnostics"].as_array().is_some_and(Vec::is_empty);
            if plugin["state"] != "serving" || !clean {
                wrong.push(format!("{document}:{line}: {}", plugin["diagnostics"][0]["rendered"]));
            }
            for path in gets(&plugin) {
                let answer = server.get(&path);
                // A script may well answer with an error; what is a fault of it has the place in its answer.
                if answer.status == 500 || answer.json_or_null()["diagnostic"].is_object() {
                    wrong.push(format!("{document}:{line}: {path}: {}", answer.text()));
                }
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 15, "only {seen}");
}
