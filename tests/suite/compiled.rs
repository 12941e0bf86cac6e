//! Every function that scripts of this repository hand over runs compiled: in `plugins/`, in `examples/` and in
//! the documents.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    bundled::copy,
    doc_scripts::{blocks, documents},
    harness::Project,
};

/// How many functions a project's plugins hand over, and what is said of those that are interpreted.
fn interpreted(of: &str, project: &Project) -> (u64, Vec<String>) {
    let ended = project.hotplate(&["check", "--compiled", "--json"]);
    let told: Value = serde_json::from_str(&ended.stdout).expect(&ended.stderr);
    let plugins = told["plugins"].as_array().unwrap();
    let count = |plugin: &Value, what: &str| plugin[what].as_u64().unwrap();
    let interpreted = plugins.iter().flat_map(|plugin| {
        let rows = plugin["interpreted"].as_array().unwrap();
        let rows = rows.iter().map(move |row| format!("{of}: {}: {row}", plugin["plugin"]));
        let missing = count(plugin, "functions") - count(plugin, "compiled");
        // Each of them has a reason; one without would be forgotten here.
        let nameless = (missing > 0).then(|| format!("{of}: {}: {missing}", plugin["plugin"]));
        rows.chain(nameless)
    });
    let interpreted = interpreted.collect();
    (plugins.iter().map(|plugin| count(plugin, "functions")).sum(), interpreted)
}

#[test]
fn every_function_of_the_bundled_plugins_and_the_examples_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut seen, mut wrong) = (0, Vec::new());
    for folder in ["plugins", "examples/plugins"] {
        let project = Project::new(&[]).config(include_str!("../../config/hotplate.toml"));
        copy(&root.join(folder), &project.plugins());
        let (functions, interpreted) = interpreted(folder, &project);
        seen += functions;
        wrong.extend(interpreted);
    }
    assert!(wrong.is_empty(), "interpreted:\n{}", wrong.join("\n"));
    assert!(seen >= 20, "only {seen}");
}

#[test]
fn every_function_of_the_scripts_in_the_documents_is_compiled() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in documents() {
        let document = path.file_name().unwrap().to_string_lossy().into_owned();
        let blocks = blocks(&fs::read_to_string(&path).unwrap());
        if blocks.is_empty() {
            continue;
        }
        let project = Project::new(&[]).env("HOTPLATE_SERVER__DEVELOPMENT", "true");
        for (line, said, text) in &blocks {
            match said.strip_prefix("library=") {
                Some(library) => project.save(&format!("{library}.rhai"), text),
                None => project.save(&format!("line{line}.rhai"), text),
            }
        }
        let (functions, interpreted) = interpreted(&document, &project);
        seen += functions;
        wrong.extend(interpreted);
    }
    assert!(wrong.is_empty(), "interpreted:\n{}", wrong.join("\n"));
    assert!(seen >= 40, "only {seen}");
}
