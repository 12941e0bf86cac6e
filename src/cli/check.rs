//! `hotplate check`: whether everything can be served as written.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Failure, arguments::Check, print, say};
use crate::{
    admin::reply::compiled,
    app::Hotplate,
    compile::Obstacle,
    diagnostic::{Diagnostic, Severity},
    generation::Generation,
    host::declare::callback::Callback,
    plugin::Plugin,
    server::Certificates,
};

/// Something cannot be served as written.
const FAULTY: u8 = 1;

/// Loads everything as the server would, and tells what is wrong with it.
pub(super) fn run(options: &Check) -> Result<ExitCode, Failure> {
    let unpublished = Hotplate::builder().sources(options.project.sources()?).check()?;
    let generation = unpublished.generation();
    let found = found(generation);
    if options.json {
        print(&as_json(generation, &found, options.compiled));
    } else {
        found.iter().for_each(|diagnostic| say(&format!("{}\n", super::rendered(diagnostic))));
        if options.compiled {
            print(&evaluators(generation));
        }
        print(&summary(generation, &found));
    }
    match count(&found, Severity::Error) {
        0 => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::from(FAULTY)),
    }
}

/// What keeps something from being served as written, and what is served but probably not meant.
fn found(generation: &Generation) -> Vec<Diagnostic> {
    let warnings = generation.served().flat_map(|(_, plugin)| plugin.warnings());
    let certificates = Certificates::check(&generation.settings.tls);
    generation.all_diagnostics().cloned().chain(warnings).chain(certificates).collect()
}

fn count(found: &[Diagnostic], severity: Severity) -> usize {
    found.iter().filter(|diagnostic| diagnostic.severity == severity).count()
}

fn summary(generation: &Generation, found: &[Diagnostic]) -> String {
    let plugins = generation.served().count();
    let routes: usize = generation.served().map(|(_, plugin)| plugin.routes().len()).sum();
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!(
        "{} with {}: {}, {}\n",
        counted(plugins, "plugin"),
        counted(routes, "route"),
        counted(count(found, Severity::Error), "error"),
        counted(count(found, Severity::Warning), "warning"),
    )
}

/// How many functions of a plugin are called later, and how many of those run compiled.
fn counts(plugin: &Plugin) -> (usize, usize) {
    let compiled = plugin.functions().filter(|function| Callback::is_compiled(function)).count();
    (plugin.functions().count(), compiled)
}

fn evaluators(generation: &Generation) -> String {
    let lines = generation.served().flat_map(|(plugin_name, plugin)| {
        let (all, compiled) = counts(plugin);
        let first =
            format!("{plugin_name}: {compiled} of {all} handlers, hooks and jobs compiled\n");
        let interpreted = plugin.obstacles().into_iter().map(|obstacle| {
            let (line, column) = (obstacle.position.line(), obstacle.position.position());
            let (line, column) = (line.unwrap_or_default(), column.unwrap_or_default());
            let (name, Obstacle { file, what, .. }) = (compiled::name(obstacle), obstacle);
            format!("  {file}:{line}:{column}: {name} is interpreted: {what}\n")
        });
        std::iter::once(first).chain(interpreted)
    });
    lines.collect()
}

fn as_json(generation: &Generation, found: &[Diagnostic], compiled: bool) -> String {
    let plugins = generation.served().map(|(name, plugin)| {
        let mut row = json!({ "plugin": name, "routes": plugin.routes().len() });
        if compiled {
            let (all, compiled) = counts(plugin);
            row["functions"] = json!(all);
            row["compiled"] = json!(compiled);
            row["interpreted"] = plugin.obstacles().into_iter().map(compiled::obstacle).collect();
        }
        row
    });
    let value = json!({
        "errors": count(found, Severity::Error),
        "warnings": count(found, Severity::Warning),
        "diagnostics": found,
        "plugins": plugins.collect::<Vec<Value>>(),
    });
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}
