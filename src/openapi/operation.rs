//! What one route says of itself, as an OpenAPI operation.

use serde_json::{Map, Value, json};

use super::{responses, security::Access};
use crate::{
    host::declare::pattern::{Pattern, Segment},
    plugin::spec::{
        Answer, Body, Location, Parameter, Spec,
        read::body::{MULTIPART, URLENCODED},
    },
    schema::{Schema, walk},
};

/// The members of an operation, but for its name and its security, which depend on the whole document.
pub(super) fn members(
    method: &str,
    pattern: &Pattern,
    spec: &Spec,
    access: &Access,
) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    if let Some(summary) = &spec.summary {
        put("summary", summary.as_str().into());
    }
    if let Some(description) = &spec.description {
        put("description", description.as_str().into());
    }
    if !spec.tags.is_empty() {
        put("tags", spec.tags.clone().into());
    }
    if spec.deprecated {
        put("deprecated", true.into());
    }
    let parameters = parameters(pattern.segments(), &spec.parameters);
    if !parameters.is_empty() {
        put("parameters", parameters.into());
    }
    if let Some(body) = spec.body_of(method) {
        put("requestBody", request_body(body, spec));
    }
    put("responses", responses::of(method, pattern, spec, access).into());
    members
}

/// All schemas that a route names.
pub(super) fn schemas(spec: &Spec) -> impl Iterator<Item = &Schema> {
    let parameters = spec.parameters.iter().map(|parameter| &parameter.schema);
    let bodies = spec.body.iter().flat_map(|body| &body.content);
    let answers = spec.returns.values().chain(spec.errors.values());
    let content = answers.filter_map(|answer: &Answer| answer.content.as_ref());
    parameters.chain(bodies.chain(content).map(|(_, schema)| schema))
}

/// Those of the path, declared or not, in its order; then the others as they were declared.
fn parameters(segments: &[Segment], declared: &[Parameter]) -> Vec<Value> {
    let in_path = segments.iter().filter_map(|segment| match segment {
        Segment::Literal(_) => None,
        Segment::Parameter(name) => Some(path_parameter(name, None, declared)),
        Segment::Tail(name) => Some(path_parameter(
            name,
            Some("All that is left of the path, slashes included."),
            declared,
        )),
    });
    let elsewhere = declared.iter().filter(|parameter| parameter.location != Location::Path);
    in_path.chain(elsewhere.map(parameter)).collect()
}

fn path_parameter(name: &str, about: Option<&str>, declared: &[Parameter]) -> Value {
    let found = declared
        .iter()
        .find(|parameter| parameter.location == Location::Path && parameter.name == name);
    let mut value = match found {
        Some(found) => parameter(found),
        None => json!({ "name": name, "in": "path", "schema": { "type": "string" } }),
    };
    if let Some(members) = value.as_object_mut() {
        members.insert("required".to_owned(), true.into());
        if let Some(about) = about {
            members.entry("description").or_insert_with(|| about.into());
        }
    }
    value
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = parameter.schema.json();
    let mut value = json!({
        "name": parameter.name,
        "in": parameter.location.as_str(),
        "schema": schema,
    });
    if let Some(members) = value.as_object_mut() {
        if parameter.required {
            members.insert("required".to_owned(), true.into());
        }
        if let Some(description) = schema.get("description") {
            members.insert("description".to_owned(), description.clone());
        }
        if schema.get("deprecated") == Some(&Value::Bool(true)) {
            members.insert("deprecated".to_owned(), true.into());
        }
    }
    value
}

fn request_body(body: &Body, spec: &Spec) -> Value {
    let examples: Map<String, Value> = spec
        .examples
        .iter()
        .map(|(name, value)| (name.clone(), json!({ "value": value })))
        .collect();
    let content: Map<String, Value> = body
        .content
        .iter()
        .map(|(media, schema)| {
            let mut member = json!({ "schema": schema.json() });
            if let (false, Some(member)) = (examples.is_empty(), member.as_object_mut()) {
                member.insert("examples".to_owned(), examples.clone().into());
            }
            let encoding = encoding(media, schema, body);
            if let (false, Some(member)) = (encoding.is_empty(), member.as_object_mut()) {
                member.insert("encoding".to_owned(), Value::Object(encoding));
            }
            (media.clone(), member)
        })
        .collect();
    json!({ "required": body.required, "content": content })
}

/// How the fields of a form are written: the types of files, and several of a name as several of it. That is
/// what is meant where nothing is said, but tools take it for one text with commas.
fn encoding(media: &str, schema: &Schema, body: &Body) -> Map<String, Value> {
    let types = body.encoding.iter();
    let mut encoding: Map<String, Value> =
        types.map(|(name, types)| (name.clone(), json!({ "contentType": types }))).collect();
    if [URLENCODED, MULTIPART].contains(&media) {
        let fields = schema.resolved().get("properties").and_then(Value::as_object);
        for (name, field) in fields.into_iter().flatten() {
            let is_list = walk::kinds(field, schema.components()) == ["array"];
            if is_list && !encoding.contains_key(name) {
                encoding.insert(name.clone(), json!({ "style": "form", "explode": true }));
            }
        }
    }
    encoding
}
