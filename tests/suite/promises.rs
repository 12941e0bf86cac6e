//! That `SECURITY.md` names only tests that there are.

use std::{fs, path::Path};

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The file of a module below a folder: `x.rs`, or of `x::tests` `x/tests.rs` or `x.rs`.
fn holds(module: &[&str], function: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = module.join("/");
    let outer = module[..module.len().saturating_sub(1)].join("/");
    [format!("tests/suite/{all}.rs"), format!("src/{all}.rs"), format!("src/{outer}.rs")]
        .iter()
        .filter_map(|path| fs::read_to_string(root.join(path)).ok())
        .any(|text| text.contains(&format!("fn {function}(")))
}

#[test]
fn every_test_that_the_security_document_names_is_there() {
    let document = text("SECURITY.md");
    let rows = document.lines().filter(|line| line.starts_with("| "));
    let mut named = 0;
    let mut missing = Vec::new();
    for code in rows.flat_map(|row| row.split('`').skip(1).step_by(2)) {
        if let Some(group) = code.strip_prefix("hostile/") {
            if group != "…" {
                let folder =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile").join(group);
                assert!(folder.is_dir(), "{code}");
            }
            continue;
        }
        let parts: Vec<&str> = code.split("::").collect();
        if let [module @ .., function] = &parts[..]
            && function.contains('_')
            && !module.is_empty()
            && module.iter().all(|part| part.chars().all(|c| c.is_ascii_lowercase()))
        {
            named += 1;
            if !holds(module, function) {
                missing.push(code);
            }
        }
    }
    assert!(missing.is_empty(), "there is no test {missing:?}");
    assert!(named > 50, "only {named} are named");
}
