//! The fields of a form: how a text is read, and what a file must be.

use serde_json::Value;

use super::texts::Reading;
use crate::{
    host::{request::file::File, schema::media_types},
    schema::{Schema, check::Fault, walk},
};

/// A field of a form.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) reading: Reading,
    pub(super) file: Option<FileCheck>,
}

/// What a file must be.
#[derive(Debug)]
pub(super) struct FileCheck {
    most: Option<u64>,
    types: Vec<String>,
    pub(super) is_list: bool,
}

/// A field as it came.
pub(super) enum Given {
    Text(String),
    File(File),
}

impl Field {
    pub(super) fn new(name: &str, json: &Value, whole: &Schema) -> Self {
        let reading = Reading::of_json(json, whole);
        let resolved = walk::resolved(json, whole.components());
        let item = match reading.is_list {
            true => resolved.get("items").unwrap_or(resolved),
            false => resolved,
        };
        let is_file = walk::is_file(item, whole.components());
        let file = is_file.then(|| FileCheck::new(item, whole, reading.is_list));
        Self { name: name.to_owned(), reading, file }
    }
}

impl FileCheck {
    fn new(json: &Value, whole: &Schema, is_list: bool) -> Self {
        let resolved = walk::resolved(json, whole.components());
        Self {
            most: resolved.get("maxLength").and_then(Value::as_u64),
            types: media_types(json, whole.components()),
            is_list,
        }
    }

    pub(super) fn size(&self, file: &File, pointer: &str) -> Option<Fault> {
        let most = self.most.filter(|most| file.bytes.len() as u64 > *most)?;
        let message = format!("must have at most {most} bytes");
        Some(Fault { pointer: pointer.to_owned(), message })
    }

    pub(super) fn faults(&self, file: &File, pointer: &str) -> impl Iterator<Item = Fault> {
        let essence = file.content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let fits = self.types.is_empty() || self.types.iter().any(|kind| matches(kind, &essence));
        let kind = (!fits).then(|| Fault {
            pointer: pointer.to_owned(),
            message: format!("must be a file of the type {}", self.types.join(" or ")),
        });
        kind.into_iter().chain(self.size(file, pointer))
    }
}

/// The pointer to a field.
pub(super) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Whether a media type fits one in which a part may be `*`.
pub(super) fn matches(declared: &str, sent: &str) -> bool {
    let declared = declared.to_ascii_lowercase();
    match (declared.split_once('/'), sent.split_once('/')) {
        (Some((a, b)), Some((c, d))) => (a == "*" || a == c) && (b == "*" || b == d),
        _ => false,
    }
}
