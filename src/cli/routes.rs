//! `hotplate routes`: what would be served, route by route.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Failure, UNABLE, arguments::Routes, print, say, told};
use crate::{
    app::{Hotplate, StartError},
    generation::Generation,
    plugin::{Plugin, route::Route},
};

/// Lists the routes. Those of plugins that do not load are missing, which is told.
pub(super) fn run(options: &Routes) -> Result<ExitCode, Failure> {
    let unpublished = Hotplate::builder().sources(options.project.sources()?).check()?;
    let generation = unpublished.generation();
    print(&if options.json { as_json(generation) } else { as_text(generation) });
    let faults = unpublished.faults();
    if faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say(&told(&StartError::Faults(faults).into()));
    Ok(ExitCode::from(UNABLE))
}

/// Every route with its plugin, in the order of their paths.
fn routes(generation: &Generation) -> Vec<(&Plugin, &Route)> {
    let of = |plugin| Plugin::routes(plugin).iter().map(move |route| (plugin, route));
    let mut all: Vec<(&Plugin, &Route)> =
        generation.served().flat_map(|(_, plugin)| of(&**plugin)).collect();
    all.sort_by_cached_key(|(_, route)| route.pattern.to_string());
    all
}

fn as_json(generation: &Generation) -> String {
    let row = |(plugin, route): (&Plugin, &Route)| {
        json!({
            "methods": route.methods,
            "path": route.pattern.to_string(),
            "plugin": plugin.name(),
            "file": route.place.file,
            "line": route.place.line,
            "summary": route.spec.summary,
            "deprecated": route.spec.deprecated,
            "hidden": route.spec.hidden,
        })
    };
    let rows: Vec<Value> = routes(generation).into_iter().map(row).collect();
    serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n"
}

fn as_text(generation: &Generation) -> String {
    let row = |(_, route): (&Plugin, &Route)| {
        let methods = route.methods.join(",");
        let place = format!("{}:{}", route.place.file, route.place.line);
        [methods, route.pattern.to_string(), place, route.spec.summary.clone().unwrap_or_default()]
    };
    let rows: Vec<[String; 4]> = routes(generation).into_iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let (methods, path, place) = (width(0), width(1), width(2));
    let mut text = String::new();
    for [method, at, from, summary] in &rows {
        let line = format!("{method:methods$}  {at:path$}  {from:place$}  {summary}");
        text.extend([line.trim_end(), "\n"]);
    }
    text
}
