//! What was made of a request before the script saw it: values of the types that its route declares.

use std::collections::BTreeMap;

use rhai::{Dynamic, Map};

use super::file::File;

/// The parts of a request that its route declares, typed and valid. What is not declared is not here.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    /// All parameters of the path.
    pub(crate) params: Option<Map>,
    /// The whole query.
    pub(crate) query: Option<Map>,
    /// Headers that are declared, by name in lower case.
    pub(crate) headers: BTreeMap<String, Dynamic>,
    /// All cookies.
    pub(crate) cookies: Option<Map>,
    /// The body.
    pub(crate) body: Option<Dynamic>,
    /// The files of the body, each under its field's name.
    pub(crate) files: Option<Vec<(String, File)>>,
}
