//! What the document cannot say of routes that can well be served beside each other.

use std::{collections::HashMap, sync::Arc};

use super::{fragment::Path, identity};
use crate::{
    diagnostic::Diagnostic,
    plugin::{Plugin, route::Route},
};

/// Warnings about routes that a document cannot show as they are: a tail where a parameter has the same
/// method, and names that two operations give themselves.
pub(crate) fn clashes(served: &[Arc<Plugin>]) -> Vec<Diagnostic> {
    let mut warnings = of_tails(served);
    warnings.extend(of_names(served));
    warnings
}

/// The routes that are shown, each with its plugin.
fn shown(served: &[Arc<Plugin>]) -> impl Iterator<Item = (&Plugin, &Route)> {
    served.iter().flat_map(|plugin| {
        let shown = plugin.routes().iter().filter(|route| !route.spec.hidden);
        shown.map(|route| (&**plugin, route))
    })
}

fn of_tails(served: &[Arc<Plugin>]) -> Vec<Diagnostic> {
    let mut tails: HashMap<String, Vec<(&Plugin, &Route)>> = HashMap::new();
    for (plugin, route) in shown(served).filter(|(_, route)| route.pattern.has_tail()) {
        let shape = Path::of(route.pattern.segments()).shape;
        tails.entry(shape).or_default().push((plugin, route));
    }
    if tails.is_empty() {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    for (_, parameter) in shown(served).filter(|(_, route)| !route.pattern.has_tail()) {
        let path = Path::of(parameter.pattern.segments());
        for (plugin, tail) in tails.get(&path.shape).into_iter().flatten() {
            for method in tail.methods.iter().filter(|method| parameter.methods.contains(method)) {
                let message = format!(
                    "the API document shows {method} {} and not {}, which has the same place in it",
                    parameter.pattern, tail.pattern
                );
                let warning = Diagnostic::warning("document-tail", message)
                    .at(tail.place.clone())
                    .related("this one is shown", parameter.place.clone())
                    .help("give one of them another path, or say `hidden: true` in its spec");
                warnings.push(warning.of_plugin(plugin.name()));
            }
        }
    }
    warnings
}

fn of_names(served: &[Arc<Plugin>]) -> Vec<Diagnostic> {
    if !shown(served).any(|(_, route)| route.spec.operation_id.is_some()) {
        return Vec::new();
    }
    let mut made: HashMap<String, (&Route, &str)> = HashMap::new();
    for (_, route) in shown(served) {
        for method in &route.methods {
            let name = identity::operation_id(method, route.pattern.segments());
            made.insert(name, (route, method));
        }
    }
    let mut first: HashMap<String, &Route> = HashMap::new();
    let mut warnings = Vec::new();
    let named = shown(served).flat_map(|(plugin, route)| {
        let names = identity::given(route.spec.operation_id.as_deref(), &route.methods);
        names.map(move |(method, name)| (plugin, route, method, name))
    });
    for (plugin, route, method, name) in named {
        let is_another =
            |(other, of): &(&Route, &str)| !std::ptr::eq(*other, route) || *of != method;
        let other = made.get(&name).copied().filter(is_another);
        let (whose, told, there) = if let Some((there, method)) = other {
            let whose = format!("the name that hotplate makes of {method} {}", there.pattern);
            (whose, "it is kept for this one", there)
        } else if let Some(there) = first.get(&name) {
            ("the name of another operation".to_owned(), "this one has it", *there)
        } else {
            first.insert(name, route);
            continue;
        };
        let message = format!("`operation_id` \"{name}\" is {whose}");
        let warning = Diagnostic::warning("document-name", message)
            .at(route.place.clone())
            .related(told, there.place.clone())
            .help("give it another name; until then it has one made of its method and path");
        warnings.push(warning.of_plugin(plugin.name()));
    }
    warnings
}
