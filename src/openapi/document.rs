//! Fragments put together to one document.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value, json};

use super::{
    Surroundings,
    fragment::{Fragment, Operation},
    responses,
    security::Keys,
};
use crate::{schema::COMPONENTS, settings::ApiInfo};

/// Says of an operation that longer paths which begin like its own are answered as well, which OpenAPI has no
/// word for.
pub(super) const GOES_ON: &str = "x-tail";

/// One place of the API, at which several operations may stand.
struct Item<'a> {
    template: &'a str,
    names: &'a [String],
    operations: Map<String, Value>,
}

/// A document of all fragments, without servers.
pub(super) fn assemble<'a>(
    fragments: impl Iterator<Item = &'a Fragment>,
    around: Surroundings<'_>,
) -> Value {
    let fragments: Vec<&Fragment> = fragments.collect();
    let names = Names::new(&fragments);
    let keys = Keys::of(around.settings);
    let mut names_taken = HashSet::new();
    let mut items: BTreeMap<&str, Item<'_>> = BTreeMap::new();
    let mut schemas = Map::new();
    let mut tags = BTreeSet::new();
    // The whole of a path is never known to be a parameter's and a tail's at once, and the parameter wins.
    let mut tails = Vec::new();
    for fragment in &fragments {
        let renamed = take_schemas(&mut schemas, fragment);
        for operation in &fragment.operations {
            let made = Made { fragment, operation, renamed: renamed.clone() };
            match operation.path.has_tail {
                true => tails.push(made),
                false => made.put(&mut items, &names, &mut names_taken, &keys, around),
            }
        }
    }
    for made in tails {
        made.put(&mut items, &names, &mut names_taken, &keys, around);
    }
    let mut paths = Map::new();
    for item in items.into_values() {
        for operation in item.operations.values() {
            let groups = operation.get("tags").and_then(Value::as_array).into_iter().flatten();
            tags.extend(groups.filter_map(Value::as_str).map(str::to_owned));
        }
        paths.insert(item.template.to_owned(), item.operations.into());
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info(&around.settings.openapi.info),
        "tags": listed(&around.settings.openapi.info, &fragments, &tags),
        "paths": paths,
        "security": [],
    });
    let components = components(&document, schemas, keys);
    if let Some(members) = document.as_object_mut() {
        if !components.is_empty() {
            members.insert("components".to_owned(), components.into());
        }
        if around.settings.server.development {
            members.insert("x-hotplate".to_owned(), json!({ "generation": around.generation }));
        }
    }
    document
}

/// The names that routes give themselves: one that another operation has as well counts for nothing.
struct Names<'a> {
    derived: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn new(fragments: &[&'a Fragment]) -> Self {
        let operations = fragments.iter().flat_map(|fragment| &fragment.operations);
        Self { derived: operations.map(|operation| operation.id.as_str()).collect() }
    }

    fn of<'o>(&self, operation: &'o Operation, taken: &mut HashSet<&'o str>) -> &'o str {
        let named = operation.named.as_deref();
        let free = |name: &&str| {
            (*name == operation.id || !self.derived.contains(name)) && !taken.contains(name)
        };
        let name = named.filter(free).unwrap_or(&operation.id);
        taken.insert(name);
        name
    }
}

/// An operation on its way into a document.
struct Made<'a> {
    fragment: &'a Fragment,
    operation: &'a Operation,
    renamed: BTreeMap<String, String>,
}

impl<'a> Made<'a> {
    fn put(
        self,
        items: &mut BTreeMap<&'a str, Item<'a>>,
        names: &Names<'_>,
        taken: &mut HashSet<&'a str>,
        keys: &Keys,
        around: Surroundings<'_>,
    ) {
        let path = &self.operation.path;
        let item = items.entry(&path.shape).or_insert_with(|| Item {
            template: &path.template,
            names: &path.names,
            operations: Map::new(),
        });
        if let Some(there) = item.operations.get_mut(&self.operation.method) {
            if let (true, Some(there)) = (path.has_tail, there.as_object_mut()) {
                there.insert(GOES_ON.to_owned(), true.into());
            }
            return;
        }
        let mut members = self.operation.members.clone();
        if path.has_tail {
            members.insert(GOES_ON.to_owned(), true.into());
        }
        if item.names != path.names {
            rename_parameters(&mut members, &path.names, item.names);
        }
        let name = names.of(self.operation, taken);
        members.entry("summary").or_insert_with(|| in_words(name).into());
        members.insert("operationId".to_owned(), name.into());
        members.entry("tags").or_insert_with(|| json!([self.fragment.tag]));
        if let Some(security) = self.operation.access.requirements(keys) {
            members.insert("security".to_owned(), security);
        }
        if let (true, Some((file, line))) =
            (around.settings.server.development, &self.operation.place)
        {
            let here = json!({ "plugin": self.fragment.tag, "file": file, "line": line });
            members.insert("x-hotplate".to_owned(), here);
        }
        let mut operation = Value::Object(members);
        if !self.renamed.is_empty() {
            rename_schemas(&mut operation, &self.renamed);
        }
        item.operations.insert(self.operation.method.clone(), operation);
    }
}

/// Two routes may call the parameter at one place differently; a document has one name for it.
fn rename_parameters(members: &mut Map<String, Value>, from: &[String], to: &[String]) {
    let parameters = members.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if parameter.get("in").and_then(Value::as_str) != Some("path") {
            continue;
        }
        let name = parameter.get_mut("name");
        let place = name.as_ref().and_then(|name| from.iter().position(|from| **name == *from));
        if let (Some(name), Some(to)) = (name, place.and_then(|place| to.get(place))) {
            *name = to.as_str().into();
        }
    }
}

/// Enters the schemas of a fragment; gives those that had to get another name, because it was taken.
fn take_schemas(schemas: &mut Map<String, Value>, fragment: &Fragment) -> BTreeMap<String, String> {
    let mut renamed = BTreeMap::new();
    for (name, schema) in &fragment.components {
        if schemas.get(name).is_some_and(|there| there != schema) {
            renamed.insert(name.clone(), name_of(name, fragment));
        }
    }
    // What refers to one of them says something else than what has its name, however equal they look.
    while let Some(name) = fragment.components.iter().find_map(|(name, schema)| {
        let is_taken = schemas.contains_key(name) && !renamed.contains_key(name);
        (is_taken && refers(schema, &renamed)).then_some(name)
    }) {
        renamed.insert(name.clone(), name_of(name, fragment));
    }
    for (name, schema) in &fragment.components {
        let mut schema = schema.clone();
        if !renamed.is_empty() {
            rename_schemas(&mut schema, &renamed);
        }
        schemas.insert(renamed.get(name).unwrap_or(name).clone(), schema);
    }
    renamed
}

/// The name of a schema of a fragment where its own is taken.
fn name_of(name: &str, fragment: &Fragment) -> String {
    format!("{name}.{}", fragment.tag.replace('/', "."))
}

/// Whether a schema refers to one of those that are renamed.
fn refers(schema: &Value, renamed: &BTreeMap<String, String>) -> bool {
    let mut found = HashSet::new();
    references(schema, &mut found);
    let mut names = found.iter().filter_map(|reference| reference.strip_prefix(COMPONENTS));
    !renamed.is_empty() && names.any(|name| renamed.contains_key(name))
}

fn rename_schemas(value: &mut Value, renamed: &BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let (true, Value::String(reference)) = (name == "$ref", &mut *member)
                    && let Some(to) =
                        reference.strip_prefix(COMPONENTS).and_then(|name| renamed.get(name))
                {
                    *reference = format!("{COMPONENTS}{to}");
                } else {
                    rename_schemas(member, renamed);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_schemas(item, renamed)),
        _ => {}
    }
}

/// The name of an operation as a short sentence, for an operation that says nothing of itself.
fn in_words(name: &str) -> String {
    let is_digest = |text: &str| text.len() == 8 && text.bytes().all(|c| c.is_ascii_hexdigit());
    let word = |part: &'_ str| match part.split_once('.') {
        Some((readable, digest)) if is_digest(digest) => readable.to_owned(),
        _ => part.to_owned(),
    };
    let words: Vec<String> = name.split('_').map(word).filter(|word| !word.is_empty()).collect();
    let words = words.join(" ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn info(info: &ApiInfo) -> Value {
    let mut value = json!({ "title": info.title, "version": info.version });
    if let Some(members) = value.as_object_mut() {
        let texts = [
            ("summary", &info.summary),
            ("description", &info.description),
            ("termsOfService", &info.terms_of_service),
        ];
        for (name, text) in texts {
            members.extend(text.as_ref().map(|text| (name.to_owned(), text.as_str().into())));
        }
        let contact = info.contact.as_ref().and_then(|contact| serde_json::to_value(contact).ok());
        members.extend(contact.map(|contact| ("contact".to_owned(), contact)));
        let license = info.license.as_ref().and_then(|license| serde_json::to_value(license).ok());
        members.extend(license.map(|license| ("license".to_owned(), license)));
    }
    value
}

/// The groups: those of `openapi/info.toml`, then those of plugins, then others that routes name.
fn listed(info: &ApiInfo, fragments: &[&Fragment], used: &BTreeSet<String>) -> Value {
    let own = info.tags.iter().map(|tag| (tag.name.as_str(), tag.description.as_deref()));
    let of_plugins = fragments
        .iter()
        .filter(|fragment| used.contains(&fragment.tag))
        .map(|fragment| (fragment.tag.as_str(), Some(fragment.about.as_str())));
    let others = used.iter().map(|name| (name.as_str(), None));
    let mut there = HashSet::new();
    let tags = own.chain(of_plugins).chain(others).filter(|(name, _)| there.insert(*name));
    tags.map(|(name, description)| match description {
        Some(description) if !description.is_empty() => {
            json!({ "name": name, "description": description })
        }
        _ => json!({ "name": name }),
    })
    .collect()
}

/// The components: schemas of scripts, and of the server's own what something refers to.
fn components(document: &Value, mut schemas: Map<String, Value>, keys: Keys) -> Map<String, Value> {
    let mut components = Map::new();
    let mut used = HashSet::new();
    references(document, &mut used);
    let is_used = |used: &HashSet<&str>, kind: &str, name: &str| {
        used.contains(format!("#/components/{kind}/{name}").as_str())
    };
    let mut answers = responses::components();
    answers.retain(|name, _| is_used(&used, "responses", name));
    answers.values().for_each(|answer| references(answer, &mut used));
    for (name, schema) in responses::schemas() {
        if is_used(&used, "schemas", &name) {
            schemas.entry(name).or_insert(schema);
        }
    }
    let guarded = keys.are_configured() || has_security(document);
    let keys = if guarded { keys.into_schemes() } else { Map::new() };
    for (name, members) in [("schemas", schemas), ("responses", answers), ("securitySchemes", keys)]
    {
        if !members.is_empty() {
            components.insert(name.to_owned(), members.into());
        }
    }
    components
}

fn references<'v>(value: &'v Value, found: &mut HashSet<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn has_security(document: &Value) -> bool {
    let items = document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let operations = items.filter_map(Value::as_object).flat_map(Map::values);
    operations.into_iter().any(|operation| operation.get("security").is_some())
}
