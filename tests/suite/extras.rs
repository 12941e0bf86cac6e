//! The small conveniences that scripts have beside Rhai's own.

use serde_json::json;

use crate::harness::answer;

#[test]
fn extras_do_what_their_names_say() {
    for (expression, wanted) in [
        ("[1, \"a\", true].join(\", \")", json!("1, a, true")),
        ("[].join(\"-\")", json!("")),
        (
            "#{ b: 2, a: 1 }.entries()",
            json!([{ "key": "a", "value": 1 }, { "key": "b", "value": 2 }]),
        ),
        ("\"42\".to_int()", json!(42)),
        ("\"2.5\".to_float()", json!(2.5)),
        ("2.0.to_fixed(2)", json!("2.00")),
        ("3.14159.to_fixed(2)", json!("3.14")),
        ("\"ab\".repeat(3)", json!("ababab")),
    ] {
        let answer = answer(&format!("get(|req| json({expression}));"));
        assert_eq!(answer.status, 200, "{expression}: {}", answer.text());
        assert_eq!(answer.json(), wanted, "{expression}");
    }
}

#[test]
fn config_and_settings_are_visible_and_secrets_are_not() {
    let server = crate::harness::Project::new(&[(
        "t.rhai",
        "get(|req| #{ settings: settings, config: config });",
    )])
    .config(
        "[auth]\napikey = \"very-secret-key\"\n\
         [plugins.t]\napikey = \"own-secret-key\"\ngreeting = \"hi\"\n[plugins.t.deep]\nn = 5\n",
    )
    .start();
    let answer = server.get("/t");
    let shown = answer.json();
    assert_eq!(shown["settings"], json!({ "greeting": "hi", "deep": { "n": 5 } }));
    assert_eq!(shown["config"]["network"]["bind"], "127.0.0.1");
    assert!(!answer.text().contains("secret-key"), "{}", answer.text());
    assert!(!answer.text().contains(&*server.root().to_string_lossy()), "{}", answer.text());
}

#[test]
fn settings_change_with_the_configuration() {
    let config = |greeting: &str| format!("[plugins.t]\ngreeting = \"{greeting}\"\n");
    let server = crate::harness::Project::new(&[
        ("t.rhai", "get(|req| settings.greeting);"),
        ("o.rhai", "on_start(|| state::incr(\"n\"));\nget(|req| json(state::get(\"n\")));"),
    ])
    .config(&config("old"))
    .start();
    assert_eq!(server.get("/t").ok(), "old");
    server.wait_for("/o", "1");
    server.save_config(&config("new"));
    server.wait_for("/t", "new");
    assert_eq!(server.get("/o").ok(), "1");
}
