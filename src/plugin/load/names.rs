//! The named schemas of a script: its own, and those of other plugins that it refers to.

use super::Shared;
use crate::{
    diagnostic::{Diagnostic, nearest},
    host::declare::Declarations,
    schema::{Components, closure, walk},
    script::Texts,
};

/// The code of a fault that another plugin may mend.
pub(super) const UNKNOWN: &str = "unknown-schema";

/// The names that a script's schemas stand for.
pub(super) struct Named {
    /// All that is known to it.
    pub(super) components: Components,
    /// Names that it refers to and does not declare.
    pub(super) foreign: Vec<String>,
    /// What other plugins declare under them, and all that this refers to.
    pub(super) borrowed: Components,
    /// What is wrong where nobody declares one.
    pub(super) lacks: Vec<Diagnostic>,
}

/// Brings together what a script declares and what all plugins share.
pub(super) fn gather(declared: &Declarations, shared: &Shared<'_>, texts: &Texts) -> Named {
    let own = declared.components.iter();
    let own: Components =
        own.map(|(name, component)| (name.clone(), component.json.clone())).collect();
    let referred = declared.references.keys();
    let foreign: Vec<String> = referred.filter(|name| !own.contains_key(*name)).cloned().collect();
    let borrowed = closure(foreign.clone(), |name| shared.get(name));
    let mut components = borrowed.clone();
    components.extend(own);
    if components.values().any(|json| json.get("default").is_some()) {
        let known = components.clone();
        components.values_mut().for_each(|json| walk::loosen(json, &known));
    }
    let lacks = foreign
        .iter()
        .filter(|name| !borrowed.contains_key(*name))
        .filter_map(|name| {
            let (file, position) = declared.references.get(name)?;
            let known = components.keys().map(String::as_str).chain(shared.names());
            let help = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare it: `schema(\"{name}\", …)`"),
            };
            let fault = Diagnostic::error(UNKNOWN, format!("no plugin declares a schema `{name}`"));
            Some(fault.at(texts.place(file, *position)).help(help))
        })
        .collect();
    Named { components, foreign, borrowed, lacks }
}

/// A schema that no value could fit: it is only itself, or needs itself without end.
pub(super) fn circular(
    components: &Components,
    declared: &Declarations,
    texts: &Texts,
) -> Option<Diagnostic> {
    let (name, how, help) = match walk::circular(components) {
        Some(name) => (
            name,
            "leads back to itself before it says anything",
            "it may refer to itself in a property or an item: `children: array(ref(\"Name\"))`",
        ),
        None => (
            walk::endless(components)?,
            "needs itself without end",
            "let it end somewhere: `ref(\"Name\").optional()`, `.nullable()` or `array(ref(\"Name\"))`",
        ),
    };
    let component = declared.components.get(name)?;
    let message = format!("the schema `{name}` {how}, so that no value could be held to it");
    let place = texts.place(&component.file, component.position);
    Some(Diagnostic::error("schema", message).at(place).help(help))
}
