//! What a script declared, held against its text: what nobody would find out before it is called.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::Diagnostic,
    host::declare::Declarations,
    script::{
        budget,
        compile::Compiled,
        import::Libraries,
        lint::{
            self, Defined, MOST,
            handlers::{CalledBy, Handler},
        },
    },
};

/// Verbs at the top level that declared nothing: Rhai found another function of that name for them.
pub(super) fn check_verbs(script: &Compiled, declared: &Declarations) -> Vec<Diagnostic> {
    let hooks = declared
        .before
        .iter()
        .chain(&declared.after)
        .chain(&declared.on_start)
        .chain(&declared.on_stop)
        .chain(declared.jobs.iter().map(|job| &job.function));
    let hit: BTreeSet<rhai::Position> = declared
        .routes
        .iter()
        .map(|route| (route.file.as_str(), route.position))
        .chain(hooks.map(|callback| (callback.file(), callback.position())))
        .filter(|(file, _)| *file == script.text.file)
        .map(|(_, position)| position)
        .collect();
    let mut verbs = lint::verbs::at_the_top(script);
    verbs.extend(lint::verbs::elsewhere(script));
    verbs.retain(|verb| !hit.contains(&verb.position));
    verbs.sort_by_key(|verb| verb.position);
    verbs.dedup_by_key(|verb| verb.position);
    verbs.truncate(MOST);
    verbs
        .into_iter()
        .map(|verb| {
            let name = &verb.name;
            let message =
                format!("this `{name}` declares no route: its last argument is not a function");
            Diagnostic::error("no-handler", message)
                .at(script.text.place(verb.position))
                .help(format!("write `{name}(\"/path\", |req| …);`"))
        })
        .collect()
}

/// What goes wrong only once functions are called that were declared.
pub(super) fn check_handlers(
    script: &Compiled,
    libraries: &Libraries,
    declared: &Declarations,
) -> Vec<Diagnostic> {
    let handlers = declared.routes.iter().filter_map(|route| route.handler.as_ref());
    let handlers = handlers.chain(&declared.before).chain(&declared.after);
    let jobs = declared.jobs.iter().map(|job| &job.function);
    let lifecycle = declared.on_start.iter().chain(&declared.on_stop);
    let callbacks = handlers
        .map(|callback| (callback, CalledBy::Requests))
        .chain(jobs.map(|callback| (callback, CalledBy::Clock)))
        .chain(lifecycle.map(|callback| (callback, CalledBy::Lifecycle)));
    let texts = libraries.iter().chain([script]);
    let texts: BTreeMap<&str, Defined<'_>> =
        texts.map(|text| (&*text.text.file, Defined::by(text))).collect();
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for (callback, called_by) in callbacks {
        if faults.len() >= MOST || budget::check().is_err() {
            break;
        }
        if !seen.insert(callback.name()) {
            continue;
        }
        let (function, captured) = (callback.name().to_owned(), callback.captured());
        let handler = Handler { called_by, function, captured };
        if let Some(defined) = texts.get(callback.file()) {
            faults.extend(lint::handlers::check(defined, &handler));
        }
    }
    faults
}
