//! The functions and methods of schemas.

use rhai::{Array, Dynamic, ImmutableString, Map, Module, NativeCallContext};

use super::{
    ScriptSchema,
    bounds::End,
    build::{self, holding, simple},
    object::object,
    wrong,
};
use crate::{
    host::{
        declare::{self, Component},
        define::global,
    },
    schema::walk,
    script::Native,
};

/// Adds them.
pub(crate) fn register(module: &mut Module) {
    module.set_custom_type::<ScriptSchema>("Schema");
    beginnings(module);
    names(module);
    bounds(module);
    objects(module);
}

fn beginnings(module: &mut Module) {
    for (name, about) in [
        ("int", "An integer of 64 bits."),
        ("float", "A number."),
        ("string", "A text."),
        ("bool", "True or false."),
        ("any_value", "Any value."),
        ("file", "A file in a form, or the bytes of a body."),
    ] {
        global(name, &["Schema"], about).set_into_module(module, move || simple(name));
    }
    global("array", &["items: Schema | Map", "Schema"], "An array of such items.")
        .set_into_module(module, |item: Dynamic| holding("items", "array", &item));
    global("map", &["values: Schema | Map", "Schema"], "An object of any names with such values.")
        .set_into_module(module, |item: Dynamic| holding("additionalProperties", "object", &item));
    global(
        "object",
        &["properties: Map", "Schema"],
        "An object with these properties and no others.",
    )
    .set_into_module(module, |properties: Map| object(&properties));
    global("form", &["fields: Map", "Schema"], "A body that travels as a form.")
        .set_into_module(module, |fields: Map| build::form(&fields));
    global(
        "one_of",
        &["choices: Array", "Schema"],
        "One of these values, or a value of these schemas.",
    )
    .set_into_module(module, |choices: Array| build::one_of(&choices));
    global("literal", &["value: ?", "Schema"], "This value and no other.")
        .set_into_module(module, |value: Dynamic| build::literal(&value));
    global("json_schema", &["schema: Map", "Schema"], "JSON Schema 2020-12 as it is.")
        .set_into_module(
            module,
            |context: NativeCallContext, schema: Map| -> Native<ScriptSchema> {
                let schema = build::json_schema(&schema)?;
                for name in walk::references(&schema.value()) {
                    let file = context.call_source().unwrap_or_default().to_owned();
                    declare::reference(&name, file, context.call_position())?;
                }
                Ok(schema)
            },
        );
    global("json_schema", &["any: bool", "Schema"], "Any value, as `true` is in JSON Schema.")
        .set_into_module(module, |any: bool| match any {
            true => Ok(build::simple("any_value")),
            false => Err(wrong("no value fits `json_schema(false)`")),
        });
}

fn names(module: &mut Module) {
    global("schema", &["name: String", "schema: Schema | Map", "Schema"], "A schema with a name.")
        .set_into_module(
            module,
            |context: NativeCallContext,
             name: ImmutableString,
             of: Dynamic|
             -> Native<ScriptSchema> {
                let (json, referring) = build::named(&name, &of)?;
                let component = Component {
                    json,
                    file: context.call_source().unwrap_or_default().to_owned(),
                    position: context.call_position(),
                };
                declare::component(&name, &component)?;
                Ok(referring)
            },
        );
    global("ref", &["name: String", "Schema"], "The schema of that name, wherever it is declared.")
        .set_into_module(
            module,
            |context: NativeCallContext, name: ImmutableString| -> Native<ScriptSchema> {
                let schema = build::reference(&name)?;
                let file = context.call_source().unwrap_or_default().to_owned();
                declare::reference(&name, file, context.call_position())?;
                Ok(schema)
            },
        );
}

fn bounds(module: &mut Module) {
    for end in [End::Least, End::Most] {
        global(end.method(), &["self: Schema", "n: ?", "Schema"], "Bounds a value or a length.")
            .set_into_module(module, move |schema: &mut ScriptSchema, value: Dynamic| {
                schema.bounded(end, &value)
            });
    }
    global(
        "pattern",
        &["self: Schema", "regex: String", "Schema"],
        "A regular expression to match.",
    )
    .set_into_module(module, |schema: &mut ScriptSchema, pattern: ImmutableString| {
        schema.patterned(&pattern)
    });
    global("format", &["self: Schema", "format: String", "Schema"], "A format such as \"date\".")
        .set_into_module(module, |schema: &mut ScriptSchema, format: ImmutableString| {
            schema.formatted(&format)
        });
    global("default", &["self: Schema", "value: ?", "Schema"], "What an absent value is.")
        .set_into_module(module, |schema: &mut ScriptSchema, value: Dynamic| {
            schema.defaulted(&value)
        });
    global(
        "describe",
        &["self: Schema", "text: String", "Schema"],
        "Says what it is, in Markdown.",
    )
    .set_into_module(module, |schema: &mut ScriptSchema, text: ImmutableString| {
        schema.described(&text)
    });
    global("example", &["self: Schema", "value: ?", "Schema"], "Adds an example.")
        .set_into_module(module, |schema: &mut ScriptSchema, value: Dynamic| {
            schema.exemplified(&value)
        });
    global("optional", &["self: Schema", "Schema"], "May be absent.")
        .set_into_module(module, |schema: &mut ScriptSchema| schema.clone().optional());
    global("nullable", &["self: Schema", "Schema"], "May be null.")
        .set_into_module(module, |schema: &mut ScriptSchema| schema.nullable());
    global("types", &["self: Schema", "types: Array", "Schema"], "The media types of a file.")
        .set_into_module(module, |schema: &mut ScriptSchema, types: Array| schema.typed(&types));
}

fn objects(module: &mut Module) {
    global("extend", &["self: Schema", "properties: Map", "Schema"], "With more properties.")
        .set_into_module(module, |schema: &mut ScriptSchema, more: Map| schema.extended(&more));
    global(
        "extend",
        &["self: Schema", "other: Schema", "Schema"],
        "With the properties of another.",
    )
    .set_into_module(module, |schema: &mut ScriptSchema, other: ScriptSchema| {
        schema.merged(&other)
    });
    for (method, picked, about) in
        [("pick", true, "Only these properties."), ("omit", false, "All but these properties.")]
    {
        global(method, &["self: Schema", "names: Array", "Schema"], about)
            .set_into_module(module, move |schema: &mut ScriptSchema, names: Array| {
                schema.chosen(method, &names, picked)
            });
    }
    global(
        "partial",
        &["self: Schema", "Schema"],
        "Each property may be absent; without defaults.",
    )
    .set_into_module(module, |schema: &mut ScriptSchema| schema.partial());
    global(
        "additional_properties",
        &["self: Schema", "values: bool | Schema | Map", "Schema"],
        "Whether there may be other properties, and what they must be.",
    )
    .set_into_module(module, |schema: &mut ScriptSchema, value: Dynamic| schema.additional(&value));
}
