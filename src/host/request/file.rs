//! A file that came in a form, or as a whole body.

use hyper::body::Bytes;
use rhai::{Blob, Dynamic, INT, ImmutableString, Map, Module};

use crate::{
    host::{define::global, error::raise},
    script::Native,
};

/// A file of a request. Cloning it costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// The name that the client gave it, if it gave one. It is a text, never a path to trust.
    pub(crate) filename: Option<ImmutableString>,
    /// Its media type as the client says.
    pub(crate) content_type: ImmutableString,
    /// What it holds.
    pub(crate) bytes: Bytes,
}

impl File {
    /// `#{ filename, content_type, size }`.
    pub(crate) fn to_map(&self) -> Map {
        let mut map = Map::new();
        map.insert("filename".into(), self.filename.clone().map_or(Dynamic::UNIT, Dynamic::from));
        map.insert("content_type".into(), self.content_type.clone().into());
        map.insert("size".into(), self.size().into());
        map
    }

    fn size(&self) -> INT {
        INT::try_from(self.bytes.len()).unwrap_or(INT::MAX)
    }
}

/// Adds the type `File`.
pub(super) fn register(module: &mut Module) {
    use rhai::FuncRegistration;
    module.set_custom_type::<File>("File");
    FuncRegistration::new_getter("filename").set_into_module(module, |file: &mut File| {
        file.filename.clone().map_or(Dynamic::UNIT, Dynamic::from)
    });
    FuncRegistration::new_getter("content_type")
        .set_into_module(module, |file: &mut File| file.content_type.clone());
    FuncRegistration::new_getter("size").set_into_module(module, |file: &mut File| file.size());
    global("bytes", &["self: File", "Blob"], "What the file holds.")
        .set_into_module(module, |file: &mut File| -> Blob { file.bytes.to_vec() });
    global("text", &["self: File", "String"], "What the file holds, as text; 400 if it is none.")
        .set_into_module(module, |file: &mut File| -> Native<ImmutableString> {
            match std::str::from_utf8(&file.bytes) {
                Ok(text) => Ok(text.into()),
                Err(_) => Err(raise(http::StatusCode::BAD_REQUEST, "the file is not UTF-8 text")),
            }
        });
}
