//! What the document says of one plugin: its operations, its tag and its named schemas.
//!
//! It depends on nothing but that version of the plugin and its own settings.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{identity, operation, responses, security::Access};
use crate::{
    diagnostic::Place,
    host::declare::pattern::{Pattern, Segment},
    plugin::{Plugin, spec::Spec},
    settings::PluginAuth,
};

/// What cannot stand in a path segment as it is.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'%')
    .add(b'/')
    .add(b'\\');

/// What the document says of one plugin, or of the administration.
#[derive(Debug, Default)]
pub(crate) struct Fragment {
    /// The group that operations are in which name none.
    pub(super) tag: String,
    /// What that group is, in Markdown.
    pub(super) about: String,
    /// The operations, in the order of the script.
    pub(super) operations: Vec<Operation>,
    /// The named schemas that they refer to.
    pub(super) components: BTreeMap<String, Value>,
}

/// One operation of a fragment: what is known of it without the rest of the document.
#[derive(Debug)]
pub(super) struct Operation {
    /// Its method, in lower case.
    pub(super) method: String,
    /// Its path.
    pub(super) path: Path,
    /// The name that its route gives it.
    pub(super) named: Option<String>,
    /// The name made of its method and path.
    pub(super) id: String,
    /// Who may call it.
    pub(super) access: Access,
    /// Its members, without name and security.
    pub(super) members: Map<String, Value>,
    /// Where it was declared: file and line.
    pub(super) place: Option<(String, usize)>,
}

/// The path of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// As the document writes it: `/files/{rest}`.
    pub(super) template: String,
    /// Without the names of parameters: paths of one shape share a path item.
    pub(super) shape: String,
    /// The names of its parameters, in order.
    pub(super) names: Vec<String>,
    /// Whether the last of them is a tail.
    pub(super) has_tail: bool,
}

impl Path {
    pub(super) fn of(segments: &[Segment]) -> Self {
        let mut path = Self {
            template: String::new(),
            shape: String::new(),
            names: Vec::new(),
            has_tail: matches!(segments.last(), Some(Segment::Tail(_))),
        };
        for segment in segments {
            match segment {
                Segment::Literal(text) => {
                    let text = utf8_percent_encode(text, ENCODED).to_string();
                    path.template.extend(["/", &text]);
                    path.shape.extend(["/", &text]);
                }
                Segment::Parameter(name) | Segment::Tail(name) => {
                    path.template.extend(["/{", name, "}"]);
                    path.shape.push_str("/{}");
                    path.names.push(name.clone());
                }
            }
        }
        if segments.is_empty() {
            path.template.push('/');
            path.shape.push('/');
        }
        path
    }
}

/// What is known of a route that is to be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// Its methods.
    pub(super) methods: &'a [&'static str],
    /// Its whole path.
    pub(super) pattern: &'a Pattern,
    /// What it says about itself.
    pub(super) spec: &'a Spec,
    /// Where it was declared.
    pub(super) place: &'a Place,
}

impl Fragment {
    /// What the document says of a plugin whose settings say `auth`.
    pub(crate) fn of_plugin(plugin: &Plugin, auth: PluginAuth) -> Self {
        let shown = plugin.routes().iter().map(|route| Shown {
            methods: &route.methods,
            pattern: &route.pattern,
            spec: &route.spec,
            place: &route.place,
        });
        Self::of_routes(plugin.name(), plugin.about(), auth, shown)
    }

    /// The same of routes, of which those that are hidden are left out.
    pub(super) fn of_routes<'a>(
        plugin: &str,
        about: &str,
        auth: PluginAuth,
        routes: impl Iterator<Item = Shown<'a>>,
    ) -> Self {
        let mut fragment =
            Self { tag: plugin.to_owned(), about: about.to_owned(), ..Self::default() };
        for route in routes.filter(|route| !route.spec.hidden) {
            fragment.add(&Access::of_route(&route.spec.auth, plugin, auth), route);
        }
        fragment
    }

    fn add(&mut self, access: &Access, route: Shown<'_>) {
        let path = Path::of(route.pattern.segments());
        let named = route.spec.operation_id.as_deref();
        let mut given = identity::given(named, route.methods);
        for method in route.methods {
            let members = operation::members(method, route.pattern, route.spec, access);
            let named = given.next().map(|(_, named)| named);
            self.operations.push(Operation {
                method: method.to_ascii_lowercase(),
                path: path.clone(),
                named,
                id: identity::operation_id(method, route.pattern.segments()),
                access: access.clone(),
                members,
                place: Some((route.place.file.clone(), route.place.line)),
            });
        }
        for schema in operation::schemas(route.spec) {
            for (name, json) in schema.components() {
                if !self.components.contains_key(name) {
                    self.components.insert(name.clone(), json.clone());
                }
            }
        }
    }

    /// The fragment of a document of OpenAPI 3.1 whose operations `access` guards, by their paths.
    pub(crate) fn of_document(
        document: Value,
        tag: &str,
        about: &str,
        access: impl Fn(&str) -> Access,
    ) -> Self {
        let mut fragment = Self { tag: tag.to_owned(), about: about.to_owned(), ..Self::default() };
        let Value::Object(mut document) = document else { return fragment };
        let schemas = document.remove("components").and_then(|mut all| {
            all.as_object_mut().and_then(|components| components.remove("schemas"))
        });
        if let Some(Value::Object(schemas)) = schemas {
            fragment.components.extend(schemas);
        }
        let Some(Value::Object(paths)) = document.remove("paths") else { return fragment };
        for (template, item) in paths {
            let (Ok(pattern), Value::Object(item)) = (Pattern::parse(&template), item) else {
                continue;
            };
            for (method, members) in item {
                let Value::Object(mut members) = members else { continue };
                members.remove("tags");
                let access = access(&template);
                let answers = members.get_mut("responses").and_then(Value::as_object_mut);
                if let (true, Some(answers)) = (access.is_guarded(), answers) {
                    answers.extend([responses::of_guard()]);
                }
                fragment.operations.push(Operation {
                    id: identity::operation_id(&method, pattern.segments()),
                    method,
                    path: Path::of(pattern.segments()),
                    named: None,
                    access,
                    members,
                    place: None,
                });
            }
        }
        fragment
    }
}
