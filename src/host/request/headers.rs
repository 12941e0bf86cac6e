//! Header fields as a script sees them: names in any case, `_` for `-`.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use rhai::{Array, Dynamic, Map};

use super::ScriptRequest;

/// Header fields, read-only. Cloning them costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Headers(Fields);

#[derive(Debug, Clone)]
enum Fields {
    Request(ScriptRequest),
    Own(Arc<HeaderMap>),
}

/// The values of a name in a request, joined with `, `, or its typed value; unit if there is none.
pub(super) fn of_request(request: &ScriptRequest, name: &str) -> Dynamic {
    value(name, |name| match request.typed_header(name) {
        Some(value) => super::copy::mark(value.clone()),
        None => joined(request.headers(), name),
    })
}

/// What a name has, or else the name with `-` for `_`.
fn value(name: &str, of: impl Fn(&str) -> Dynamic) -> Dynamic {
    let value = of(name);
    if value.is_unit() && name.contains('_') {
        return of(&name.replace('_', "-"));
    }
    value
}

fn joined(fields: &HeaderMap, name: &str) -> Dynamic {
    let mut values = fields.get_all(name).iter();
    let Some(first) = values.next() else { return Dynamic::UNIT };
    let mut joined = String::from_utf8_lossy(first.as_bytes());
    for value in values {
        let all = joined.to_mut();
        all.push_str(", ");
        all.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    super::copy::mark(joined.as_ref().into())
}

impl Headers {
    /// The given fields.
    pub(crate) fn new(fields: HeaderMap) -> Self {
        Self(Fields::Own(Arc::new(fields)))
    }

    /// The fields of a request.
    pub(super) fn of(request: ScriptRequest) -> Self {
        Self(Fields::Request(request))
    }

    fn fields(&self) -> &HeaderMap {
        match &self.0 {
            Fields::Request(request) => request.headers(),
            Fields::Own(fields) => fields,
        }
    }

    /// The values of a name, joined with `, `; unit if there is none.
    pub(super) fn value(&self, name: &str) -> Dynamic {
        match &self.0 {
            Fields::Request(request) => of_request(request, name),
            Fields::Own(fields) => value(name, |name| joined(fields, name)),
        }
    }

    /// Whether there is a field of that name.
    pub(super) fn contains(&self, name: &str) -> bool {
        let fields = self.fields();
        fields.contains_key(name) || fields.contains_key(name.replace('_', "-"))
    }

    /// How many different names there are.
    pub(super) fn len(&self) -> usize {
        self.fields().keys_len()
    }

    /// The names, in lower case.
    pub(super) fn keys(&self) -> Array {
        self.fields().keys().map(|name| name.as_str().into()).collect()
    }

    /// The values, in the order of the names.
    pub(super) fn values(&self) -> Array {
        self.each().map(|(_, value)| value).collect()
    }

    /// `#{ key, value }` of each name.
    pub(super) fn entries(&self) -> Array {
        self.each()
            .map(|(name, value)| {
                let mut entry = Map::new();
                entry.insert("key".into(), name.as_str().into());
                entry.insert("value".into(), value);
                entry.into()
            })
            .collect()
    }

    /// All of them as a plain map, names in lower case.
    pub(crate) fn to_map(&self) -> Map {
        self.each().map(|(name, value)| (name.as_str().into(), value)).collect()
    }

    fn each(&self) -> impl Iterator<Item = (&HeaderName, Dynamic)> {
        self.fields().keys().map(|name| (name, self.value(name.as_str())))
    }
}
