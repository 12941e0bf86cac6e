//! The body of a request, by its content type.

use http::{HeaderMap, StatusCode, header};
use hyper::body::Bytes;
use rhai::{Array, Dynamic};
use serde_json::{Map, Value};

use super::{
    Wrong,
    form::{Field, FileCheck, Given, matches, pointer},
    texts::reread,
};
use crate::{
    host::{
        problem::Problem,
        request::{
            RequestData,
            body::{ENCODED, essence, is_encoded},
            fields,
            file::File,
            multipart,
            typed::Typed,
        },
    },
    plugin::spec::Body,
    schema::{
        check::{Checker, Fault},
        walk,
    },
    script::json,
};

/// The name under which a key may stand in a JSON body.
const KEY: &str = "apikey";

/// A body, compiled.
#[derive(Debug)]
pub(super) struct BodyCheck {
    required: bool,
    default: Option<Value>,
    /// The media types that are taken.
    kinds: Vec<String>,
    checker: Checker,
    fields: Vec<Field>,
    whole: Whole,
    /// Whether a key that came with the body is no part of it.
    drops_key: bool,
}

/// What a body is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// A file: bytes of whatever media type.
    File,
    /// What its media type says.
    Value,
}

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Text,
    Urlencoded,
    Multipart,
    Bytes,
}

fn kind(media_type: &str) -> Kind {
    match media_type {
        "application/json" => Kind::Json,
        "application/x-www-form-urlencoded" => Kind::Urlencoded,
        "multipart/form-data" => Kind::Multipart,
        "text/plain" => Kind::Text,
        _ => Kind::Bytes,
    }
}

/// The kind that a sent media type is read as by one that is declared; `None` where it is another.
fn taken(declared: &str, sent: &str, whole: Whole) -> Option<Kind> {
    let kind = match whole {
        Whole::File => Kind::Bytes,
        Whole::Value => kind(declared),
    };
    let fits = match kind {
        Kind::Json => {
            sent == declared || (sent.starts_with("application/") && sent.ends_with("+json"))
        }
        Kind::Text => sent.starts_with("text/"),
        Kind::Urlencoded | Kind::Multipart => sent == declared,
        Kind::Bytes => matches(declared, sent),
    };
    fits.then_some(kind)
}

impl BodyCheck {
    pub(super) fn new(body: &Body) -> Result<Self, String> {
        let kinds: Vec<String> = body.content.iter().map(|(kind, _)| kind.clone()).collect();
        let Some((_, schema)) = body.content.first() else {
            return Err("the body takes no media type".to_owned());
        };
        let resolved = schema.resolved();
        let properties = resolved.get("properties").and_then(Value::as_object);
        let is_form = kinds.iter().any(|one| kind(one) == Kind::Multipart);
        let whole = match walk::is_file(schema.json(), schema.components()) {
            true => Whole::File,
            false => Whole::Value,
        };
        let fields = match whole {
            Whole::File => vec![Field::new("", schema.json(), schema)],
            Whole::Value if is_form => properties
                .into_iter()
                .flatten()
                .map(|(name, json)| Field::new(name, json, schema))
                .collect(),
            Whole::Value => Vec::new(),
        };
        let is_closed = resolved.get("additionalProperties") == Some(&Value::Bool(false));
        let checker = Checker::new(schema).map_err(|why| format!("the body: {why}"))?;
        Ok(Self {
            required: body.required,
            default: checker.default_of(schema),
            kinds,
            checker,
            fields,
            whole,
            drops_key: is_closed && properties.is_some_and(|all| !all.contains_key(KEY)),
        })
    }

    /// Reads the body into `typed`, or says what is wrong with it.
    ///
    /// # Errors
    ///
    /// The problem, where it cannot be read at all.
    pub(super) fn check(
        &self,
        data: &RequestData,
        typed: &mut Typed,
        wrong: &mut Vec<Wrong>,
    ) -> Result<(), Problem> {
        let sent = essence(&data.headers, &header::CONTENT_TYPE);
        let read_as = self.kinds.iter().find_map(|kind| taken(kind, &sent, self.whole));
        let says_nothing = sent.is_empty() || kind(&sent) == Kind::Json;
        if data.body.is_empty() && says_nothing && read_as != Some(Kind::Bytes) {
            self.absent(typed, wrong);
            return Ok(());
        }
        let Some(kind) = read_as else {
            let wanted = self.kinds.join(" or ");
            let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            return Err(problem.detail(format!("the body must be {wanted}")));
        };
        if is_encoded(&data.headers) {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).detail(ENCODED));
        }
        match kind {
            Kind::Json => {
                let mut value: Value = serde_json::from_slice(&data.body)
                    .map_err(|error| unread(&format!("is not valid JSON: {error}")))?;
                if self.drops_key
                    && let Value::Object(fields) = &mut value
                {
                    fields.remove(KEY);
                }
                self.settle(value, typed, wrong);
            }
            Kind::Text => {
                let text = std::str::from_utf8(&data.body).map_err(|error| {
                    let place = error.valid_up_to();
                    unread(&format!("is not valid UTF-8 from byte {place} on"))
                })?;
                self.settle(Value::String(text.to_owned()), typed, wrong);
            }
            Kind::Urlencoded => {
                if !fields::is_utf8(&data.body) {
                    return Err(unread("is not valid UTF-8"));
                }
                let texts = form_urlencoded::parse(&data.body)
                    .map(|(name, value)| (name.into_owned(), Given::Text(value.into_owned())));
                self.form(texts.collect(), typed, wrong);
            }
            Kind::Multipart => {
                let parts = multipart::parse(&data.headers, &data.body)
                    .map_err(|why| unread(&format!("is not valid multipart/form-data: {why}")))?;
                let given = parts.into_iter().map(|part| {
                    let is_text = self.field(&part.name).is_some_and(|field| field.file.is_none());
                    let given = match part.is_file && !is_text {
                        true => Given::File(part.file),
                        false => Given::Text(part.text().map_err(|why| unread(&why))?.to_owned()),
                    };
                    Ok((part.name, given))
                });
                self.form(given.collect::<Result<_, Problem>>()?, typed, wrong);
            }
            Kind::Bytes => self.bytes(&data.headers, &data.body, typed, wrong),
        }
        Ok(())
    }

    fn absent(&self, typed: &mut Typed, wrong: &mut Vec<Wrong>) {
        if self.required {
            wrong.push(in_body(Fault { pointer: String::new(), message: "is missing".to_owned() }));
        }
        typed.body = Some(self.default.as_ref().map_or(Dynamic::UNIT, json::from_value));
    }

    /// Checks a value and makes it the body.
    fn settle(&self, mut value: Value, typed: &mut Typed, wrong: &mut Vec<Wrong>) {
        let faults = self.checker.faults(&value);
        wrong.extend(faults.iter().cloned().map(in_body));
        if !faults.is_empty() {
            return;
        }
        match self.checker.settle(&mut value) {
            Ok(()) => typed.body = Some(json::from_value(&value)),
            Err(fault) => wrong.push(in_body(fault)),
        }
    }

    fn bytes(&self, headers: &HeaderMap, body: &Bytes, typed: &mut Typed, wrong: &mut Vec<Wrong>) {
        let content_type = essence(headers, &header::CONTENT_TYPE).into();
        let file = File { filename: None, content_type, bytes: body.clone() };
        if let Some(check) = self.fields.first().and_then(|field| field.file.as_ref()) {
            wrong.extend(check.size(&file, "").map(in_body));
        }
        typed.body = Some(Dynamic::from_blob(body.to_vec()));
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    fn file_of(&self, name: &str) -> Option<&FileCheck> {
        self.field(name)?.file.as_ref()
    }

    /// Checks the fields of a form and makes them the body, files among them.
    fn form(&self, given: Vec<(String, Given)>, typed: &mut Typed, wrong: &mut Vec<Wrong>) {
        let mut values = Map::new();
        let mut files: Vec<(String, File)> = Vec::new();
        let before = wrong.len();
        let mut doubtful: Vec<(String, String)> = Vec::new();
        for (name, one) in given {
            let field = self.field(&name);
            let is_list = field.is_some_and(|field| field.reading.is_list);
            let pointer = match values.get(&name) {
                _ if !is_list => pointer(&name),
                None => pointer(&name) + "/0",
                Some(Value::Array(several)) => format!("{}/{}", pointer(&name), several.len()),
                Some(_) => pointer(&name) + "/1",
            };
            let value = match one {
                Given::Text(_) if self.file_of(&name).is_some() => {
                    let message = "must be a file: a part with a file name".to_owned();
                    wrong.push(in_body(Fault { pointer, message }));
                    Value::String(String::new())
                }
                Given::Text(text) => match field {
                    None => Value::String(text),
                    Some(field) => {
                        let value = field.reading.value(&text);
                        if field.reading.is_doubtful() {
                            doubtful.push((pointer, text));
                        }
                        value
                    }
                },
                Given::File(file) => {
                    if let Some(check) = self.file_of(&name) {
                        wrong.extend(check.faults(&file, &pointer).map(in_body));
                    }
                    files.push((name.clone(), file));
                    // The schema checks that it is there; what it holds was checked here.
                    Value::String(String::new())
                }
            };
            if field.is_some() && !is_list && values.contains_key(&name) {
                let message = "is given more than once".to_owned();
                wrong.push(in_body(Fault { pointer: self::pointer(&name), message }));
                continue;
            }
            match (values.get_mut(&name), is_list) {
                (None, true) => drop(values.insert(name, Value::Array(vec![value]))),
                (None, false) => drop(values.insert(name, value)),
                (Some(Value::Array(several)), _) => several.push(value),
                (Some(first), _) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        self.settle(reread(Value::Object(values), &doubtful, &self.checker), typed, wrong);
        if wrong.len() > before {
            return;
        }
        if let Some(body) = &mut typed.body {
            self.put_files(body, &files);
        }
        typed.files = Some(files);
    }

    /// Files in place of the empty texts that stood for them.
    fn put_files(&self, body: &mut Dynamic, files: &[(String, File)]) {
        let Some(mut body) = body.write_lock::<rhai::Map>() else { return };
        for (name, file) in files {
            let is_list = self.file_of(name).is_some_and(|check| check.is_list);
            let file = Dynamic::from(file.clone());
            let Some(there) = body.get_mut(name.as_str()) else { continue };
            if !is_list {
                *there = file;
                continue;
            }
            // The texts of a list give way one by one.
            if let Some(mut several) = there.write_lock::<Array>()
                && let Some(text) = several.iter_mut().find(|one| one.is_string())
            {
                *text = file;
            }
        }
    }
}

fn in_body(fault: Fault) -> Wrong {
    Wrong { location: "body", name: None, fault }
}

fn unread(why: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST).detail(format!("the body {why}"))
}
