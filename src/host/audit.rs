//! That `docs/natives.md` leaves out nothing: each native of Rhai's standard package and of the host
//! is named there, so that none comes in unseen with another version.

use std::collections::BTreeSet;

use rhai::{
    Engine,
    packages::{Package as _, StandardPackage},
};

/// Natives whose names are signs, and that of each function that tells of itself.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The names in `code` of the document; `a::b` and `x.b(…)` name `b`.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../../docs/natives.md").replace("\\|", "|");
    let code = text.split('`').skip(1).step_by(2);
    code.flat_map(|code| {
        let words = code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words.map(str::to_owned).chain([code.to_owned()]).collect::<Vec<_>>()
    })
    .collect()
}

/// Every native that is called without a namespace: names, and names of properties.
fn natives() -> BTreeSet<String> {
    let mut engine = Engine::new_raw();
    engine.register_global_module(StandardPackage::new().as_shared_module());
    let of_package: Vec<String> = engine.gen_fn_signatures(true);
    of_package
        .iter()
        .map(|signature| {
            let name = signature.split(['(', ' ']).next().unwrap_or_default();
            let name = name.strip_prefix("get$").or(name.strip_prefix("set$")).unwrap_or(name);
            name.to_owned()
        })
        .collect()
}

#[test]
fn every_native_of_the_standard_package_is_in_the_audit() {
    let (documented, natives) = (documented(), natives());
    assert!(natives.len() > 150, "only {} are seen", natives.len());
    let missing: Vec<_> = natives.iter().filter(|name| !documented.contains(*name)).collect();
    let (words, signs): (Vec<_>, Vec<_>) = missing.into_iter().partition(|name| is_word(name));
    assert!(words.is_empty() && signs.is_empty(), "not in docs/natives.md: {words:?} {signs:?}");
}
