//! A route of a plugin: methods, path, what it says about itself and what answers.

use std::sync::Arc;

use rhai::{Dynamic, Map};

use super::spec::Spec;
use crate::{
    diagnostic::{Diagnostic, Place, nearest},
    host::declare::{
        DeclaredRoute,
        callback::Callback,
        pattern::{Pattern, Segment},
    },
    script::duration,
};

/// What a spec may say in this version.
const KNOWN: [&str; 7] =
    ["summary", "description", "tags", "operation_id", "deprecated", "hidden", "timeout"];

/// What a spec may say in a later version: refused, because it would promise what nothing keeps.
const LATER: [&str; 9] =
    ["params", "query", "headers", "cookies", "body", "returns", "errors", "auth", "rate_limit"];

/// The most bytes that a route says about itself: all of it is in `/plugins`.
const MOST_SAID: usize = 64 << 10;

/// A route of a plugin.
#[derive(Debug)]
pub(crate) struct Route {
    /// Its methods.
    pub(crate) methods: Vec<&'static str>,
    /// Its whole path, the plugin's included.
    pub(crate) pattern: Pattern,
    /// The names of its parameters and tail, in order.
    pub(crate) names: Arc<[Arc<str>]>,
    /// What answers.
    pub(crate) handler: Callback,
    /// What it says about itself.
    pub(crate) spec: Spec,
    /// Where it was declared.
    pub(crate) place: Place,
}

impl Route {
    /// Takes a declared route into the plugin at `mount`; `doc` is the comment above it.
    pub(crate) fn new(
        declared: DeclaredRoute,
        mount: &Pattern,
        doc: Option<&str>,
        place: Place,
    ) -> Result<Self, String> {
        let mut spec = Spec::read(&declared.spec)?;
        spec.fill_from(doc.unwrap_or_default());
        let said = [&spec.summary, &spec.description, &spec.operation_id];
        let said: usize = said.into_iter().flatten().chain(&spec.tags).map(String::len).sum();
        if said > MOST_SAID {
            return Err(format!(
                "a spec has at most {MOST_SAID} bytes of text, this one has {said}"
            ));
        }
        Ok(Self {
            methods: declared.methods,
            names: declared.pattern.names().map(Arc::from).collect(),
            pattern: mount.join(&declared.pattern),
            handler: declared.handler,
            spec,
            place,
        })
    }
}

impl Spec {
    fn read(spec: &Map) -> Result<Self, String> {
        for key in spec.keys() {
            if LATER.contains(&key.as_str()) {
                return Err(format!("`{key}` in a spec is not available in this version"));
            }
            if !KNOWN.contains(&key.as_str()) {
                let near = nearest(key, KNOWN).map(|near| format!(": did you mean `{near}`?"));
                let list = || format!(", which has {}", KNOWN.join(", "));
                return Err(format!("`{key}` is not known in a spec{}", near.unwrap_or_else(list)));
            }
        }
        let text = |name: &str| match spec.get(name) {
            None => Ok(None),
            Some(value) => match value.clone().into_string() {
                Ok(text) => Ok(Some(text)),
                Err(kind) => Err(format!("`{name}` in a spec is a string, not {kind}")),
            },
        };
        let flag = |name: &str| match spec.get(name).map(Dynamic::as_bool) {
            None => Ok(false),
            Some(Ok(set)) => Ok(set),
            Some(Err(kind)) => Err(format!("`{name}` in a spec is true or false, not {kind}")),
        };
        let timeout = match text("timeout")? {
            None => None,
            Some(written) => Some(duration::parse_duration(&written).ok_or_else(|| {
                format!("`timeout` in a spec is a duration such as \"2s\", not \"{written}\"")
            })?),
        };
        Ok(Self {
            summary: text("summary")?,
            description: text("description")?,
            tags: tags(spec.get("tags"))?,
            operation_id: text("operation_id")?,
            deprecated: flag("deprecated")?,
            hidden: flag("hidden")?,
            timeout,
            ..Self::default()
        })
    }

    /// What the spec does not say, the comment does: its first line, and the rest.
    fn fill_from(&mut self, doc: &str) {
        let (first, rest) = doc.split_once('\n').unwrap_or((doc, ""));
        let filled = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        if self.summary.is_none() {
            self.summary = filled(first).map(|line| line.trim_end_matches('.').to_owned());
        }
        if self.description.is_none() {
            self.description = filled(rest);
        }
    }
}

fn tags(value: Option<&Dynamic>) -> Result<Vec<String>, String> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let wrong = || "`tags` in a spec is an array of strings".to_owned();
    let items = value.clone().into_array().map_err(|_| wrong())?;
    items.into_iter().map(|item| item.into_string().map_err(|_| wrong())).collect()
}

impl Route {
    /// Its path without the names of parameters: two routes of one shape and method collide.
    pub(crate) fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in self.pattern.segments() {
            shape.push('/');
            match segment {
                Segment::Literal(text) => shape.push_str(text),
                Segment::Parameter(_) => shape.push_str("{}"),
                Segment::Tail(_) => shape.push_str("{*}"),
            }
        }
        shape
    }

    /// What to say when another route with the same method and shape was there first.
    pub(crate) fn collides_with(&self, first: &Route, method: &str) -> Diagnostic {
        Diagnostic::error("route-collision", format!("{method} {} is declared twice", self.pattern))
            .at(self.place.clone())
            .related("declared here first", first.place.clone())
            .help("give one of them another path or method")
    }
}
