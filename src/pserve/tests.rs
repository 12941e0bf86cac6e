//! Whatever becomes of an old file, the new one is TOML.

use std::path::Path;

use super::*;

const OLD: &str = "\
[main]\ndomain = a.example\n\n[network]\nbindto = 10.0.0.1\nport = int:80\n\n\
[paths]\nplugins = ${ENV:HOME}/p\npidfile = ~/x\n\n[SSL]\nenabled = bool:on\nkeyfile = k\ncertfile = ${main:domain}\n\n\
[auth]\napikey = \"a\\b$$\n  more\n\n[plugin_parms]\na = auth_type=plugin&apikey=x%0Ay&b=\u{e9}%22\nb = json=none.json\n\n\
[file_server]\ndocuments = html:/srv\nindexfile = i.html\nlog_includes = list:\n";

fn carried(text: &str) -> Result<Imported, Box<Diagnostic>> {
    let home = Home { folder: Path::new("/nowhere"), environment: &[] };
    import("old.ini", text, &home, Secrets::Plain)
}

#[track_caller]
fn assert_is_toml(text: &str) {
    if let Ok(imported) = carried(text) {
        let parsed = imported.toml.parse::<toml::Table>();
        assert!(parsed.is_ok(), "{text}\n---\n{}\n{parsed:?}", imported.toml);
        assert!(imported.notes.iter().all(|note| !note.contains('\n')), "{:?}", imported.notes);
    }
}

#[test]
fn every_mutant_of_a_configuration_is_toml_or_a_fault_with_a_line() {
    let letters: Vec<char> = OLD.chars().collect();
    assert!(carried(OLD).is_ok());
    for at in 0..letters.len() {
        let before: String = letters.iter().take(at).collect();
        let after: String = letters.iter().skip(at + 1).collect();
        for piece in
            ["", "\n", "\"", "\\", "$", "${", "}", "[", "]", "=", "\u{1b}", "'", "#", "%00", "&"]
        {
            let text = format!("{before}{piece}{after}");
            match carried(&text) {
                Ok(_) => assert_is_toml(&text),
                Err(fault) => assert!(fault.place.is_some_and(|place| place.line > 0), "{text}"),
            }
        }
    }
}

#[test]
fn two_plugins_of_one_name_make_one_section() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    save("a.py", "class B(BasePlugin): pass\n");
    save("b.py", "class B(BasePlugin): pass\n");
    let home = Home { folder: folder.path(), environment: &[] };
    let text = "[paths]\nplugins = .\n[plugin_parms]\na = x=1\nb = x=2\n";
    let imported = import("old.ini", text, &home, Secrets::Plain).unwrap();
    let table: toml::Table = imported.toml.parse().unwrap();
    assert_eq!(table["plugins"]["b"]["x"].as_str(), Some("1"));
    assert!(
        imported.notes.iter().any(|note| note.contains("two plugins `b`")),
        "{:?}",
        imported.notes
    );
}
