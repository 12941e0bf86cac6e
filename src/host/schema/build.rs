//! The functions that begin a schema.

use rhai::{Array, Dynamic, Map};
use serde_json::{Value, json};

use super::{
    Json, Medium, Presence, ScriptSchema, object::object, plain, referring, wrong, wrong_but,
};
use crate::{
    schema::{
        Components,
        check::{check_references, check_schema},
        inline::inlined,
        walk,
    },
    script::Native,
};

/// The names that a component may have, as in OpenAPI.
pub(super) fn check_name(name: &str) -> Native<()> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 100
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if fits && name.starts_with(crate::schema::OF_ADMINISTRATION) {
        return Err(wrong_but(
            format!("{} cannot be the name of a schema", crate::host::define::quoted(name)),
            "names that begin with `hotplate.` are those of the administration",
        ));
    }
    if fits {
        return Ok(());
    }
    Err(wrong_but(
        format!("{} cannot be the name of a schema", crate::host::define::quoted(name)),
        "a name begins with a letter and goes on with letters, digits, `_`, `-` and `.`",
    ))
}

/// A schema of one JSON type.
pub(super) fn simple(name: &str) -> ScriptSchema {
    ScriptSchema::new(match name {
        "int" => json!({ "type": "integer", "format": "int64" }),
        "float" => json!({ "type": "number", "format": "double" }),
        "string" => json!({ "type": "string" }),
        "bool" => json!({ "type": "boolean" }),
        "file" => json!({
            "type": "string",
            "format": "binary",
            "contentMediaType": "application/octet-stream",
        }),
        _ => json!({}),
    })
}

/// `array(x)`, `map(x)`.
pub(super) fn holding(keyword: &str, kind: &str, item: &Dynamic) -> Native<ScriptSchema> {
    let item = ScriptSchema::part(item)?;
    if item.presence == Presence::Optional {
        return Err(wrong_but(
            format!(
                "an item of `{}` cannot be optional",
                if kind == "array" { "array" } else { "map" }
            ),
            "write `.nullable()` where an item may be null",
        ));
    }
    let mut schema = ScriptSchema::new(json!({ "type": kind, keyword: item.value() }));
    schema.brings(&item);
    schema.bounded_itself()
}

/// `literal(x)`.
pub(super) fn literal(value: &Dynamic) -> Native<ScriptSchema> {
    let value = plain("literal", value)?;
    Ok(ScriptSchema::new(constant(&value)))
}

fn constant(value: &Value) -> Value {
    json!({ "type": walk::kind_of(value), "const": value })
}

/// `one_of([…])`: an enumeration of values, or alternatives.
pub(super) fn one_of(choices: &Array) -> Native<ScriptSchema> {
    if choices.is_empty() {
        return Err(wrong("`one_of` needs at least one value or schema"));
    }
    let is_schema = |choice: &Dynamic| choice.is::<ScriptSchema>() || choice.is_map();
    if choices.iter().any(is_schema) {
        return alternatives(choices, is_schema);
    }
    let mut values = Vec::new();
    for choice in choices {
        let value = plain("one_of", choice)?;
        if values.contains(&value) {
            return Err(wrong(format!("`one_of` has {value} twice")));
        }
        values.push(value);
    }
    let mut kinds: Vec<&str> = values.iter().map(walk::kind_of).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut json = Json::new();
    match kinds.as_slice() {
        [one] => drop(json.insert("type".to_owned(), (*one).into())),
        [one, "null"] | ["null", one] => drop(json.insert("type".to_owned(), json!([one, "null"]))),
        _ => {}
    }
    json.insert("enum".to_owned(), Value::Array(values));
    Ok(ScriptSchema::new(Value::Object(json)))
}

fn alternatives(choices: &Array, is_schema: impl Fn(&Dynamic) -> bool) -> Native<ScriptSchema> {
    let mut schema = ScriptSchema::new(json!({}));
    let mut several = Vec::new();
    for choice in choices {
        let choice = match is_schema(choice) {
            true => ScriptSchema::part(choice)?,
            false => literal(choice)?,
        };
        if choice.presence == Presence::Optional {
            return Err(wrong_but(
                "an alternative of `one_of` cannot be optional",
                "write `one_of([…]).optional()`",
            ));
        }
        if choice.is_file() {
            return Err(wrong("a `file()` cannot be an alternative: it stands alone in a form"));
        }
        several.push(choice.value());
        schema.brings(&choice);
    }
    schema.with("anyOf", several).bounded_itself()
}

/// `form(#{…})`: an object that travels as a form.
pub(super) fn form(fields: &Map) -> Native<ScriptSchema> {
    let mut form = object(fields)?;
    form.medium = Medium::Form;
    check_fields(&form)?;
    Ok(form)
}

/// Checks that all properties can travel in a form.
pub(super) fn check_fields(form: &ScriptSchema) -> Native<()> {
    let properties = form.json.get("properties").and_then(Value::as_object);
    let mut fields = properties.into_iter().flatten();
    fields.try_for_each(|(name, field)| check_field(name, field, &form.components))
}

/// A form's fields are texts or files, one or several of a name.
fn check_field(name: &str, field: &Value, components: &Components) -> Native<()> {
    let field = walk::resolved(field, components);
    let kinds = walk::kinds(field, components);
    let items = field.get("items").map(|items| walk::kinds(items, components));
    let scalar =
        |kinds: &[&str]| !kinds.iter().any(|kind| ["array", "object", "null"].contains(kind));
    let fits = match (kinds.as_slice(), items) {
        (["array"], Some(items)) => scalar(&items),
        (["array"], None) => false,
        (kinds, _) => scalar(kinds),
    };
    if fits {
        return Ok(());
    }
    Err(wrong_but(
        format!("the field `{name}` cannot travel in a form"),
        "fields of a form are strings, numbers, bools and files, or arrays of these; what may be \
         left out is `.optional()`, not `.nullable()`",
    ))
}

/// `json_schema(#{…})`: JSON Schema 2020-12 as it is.
pub(super) fn json_schema(map: &Map) -> Native<ScriptSchema> {
    let unfit = |why: String| wrong(format!("this JSON Schema cannot be used: {why}"));
    let value = plain("json_schema", &Dynamic::from(map.clone()))?;
    let value = inlined(value).map_err(unfit)?;
    check_references(&value).map_err(unfit)?;
    check_schema(&value)
        .map_err(|error| wrong(format!("this is no JSON Schema of draft 2020-12: {error}")))?;
    let schema = ScriptSchema::new(value);
    let unnamed = crate::schema::Schema::new(schema.value(), Components::new());
    if unnamed.unknown().is_empty() {
        crate::schema::check::Checker::new(&unnamed).map_err(unfit)?;
    }
    schema.fitting()
}

/// `ref("Name")`.
pub(super) fn reference(name: &str) -> Native<ScriptSchema> {
    check_name(name)?;
    Ok(referring(name))
}

/// `schema("Name", x)`: what it is, and what refers to it.
pub(super) fn named(name: &str, of: &Dynamic) -> Native<(Value, ScriptSchema)> {
    check_name(name)?;
    let schema = ScriptSchema::of(of)?;
    if schema.presence == Presence::Optional {
        return Err(wrong_but(
            format!("the schema `{name}` cannot be optional itself"),
            "say `.optional()` where it is used",
        ));
    }
    let mut referring = referring(name);
    referring.medium = schema.medium;
    referring.brings(&schema);
    referring.components.insert(name.to_owned(), schema.value());
    Ok((schema.value(), referring))
}
