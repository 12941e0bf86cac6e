//! What a script reads of a request, such as `req.params.id`, without the rest of the part it stands in.

use rhai::Dynamic;

use super::{Params, Part, ScriptRequest, copy, fields, headers};
use crate::{compile::Looker, script::Native};

/// Bytes of a query from which on it is taken apart once, not for each name that is asked for.
const LONG: usize = 512;

/// Shows what has this name in this part of a request, or gives it to who does not look. `None` where the part is no map or is not what it
/// should be: then its getter gives it, or says what is wrong.
pub(crate) fn lend(
    value: &Dynamic,
    [part, name]: [&str; 2],
    look: Look<'_, '_>,
) -> Option<Dynamic> {
    value.read_lock::<ScriptRequest>()?.lend(part, name, look)
}

/// Who looks, if anybody does.
type Look<'a, 'l> = Option<&'a mut Looker<'l>>;

impl ScriptRequest {
    fn lend(&self, part: &str, name: &str, look: Look<'_, '_>) -> Option<Dynamic> {
        let inner = &*self.0;
        match part {
            "params" => match &inner.params {
                Some(typed) => named(typed, name, look),
                None => made(param(&inner.data.params, name), look),
            },
            "query" => {
                let query = inner.data.uri.query().unwrap_or_default();
                if inner.query.kept.get().is_none() && query.len() < LONG {
                    return made(copy::mark(fields::of_query(query, name)), look);
                }
                named(inner.query.lent(|| Ok(self.query_map()))?, name, look)
            }
            "headers" => made(headers::of_request(self, name), look),
            "cookies" => {
                named(inner.cookies.lent(|| Ok(fields::cookies(self.headers())))?, name, look)
            }
            "body" => named(inner.body.lent(|| self.body_made())?, name, look),
            "vars" => named(inner.vars.lent(|| self.vars_made())?, name, look),
            _ => None,
        }
    }
}

fn param(params: &Params, name: &str) -> Dynamic {
    let at = params.names.iter().position(|there| &**there == name);
    match at.and_then(|at| params.values.get(at)) {
        Some(value) => copy::mark(value.as_str().into()),
        None => Dynamic::UNIT,
    }
}

/// Shows what was made to be shown.
fn made(value: Dynamic, look: Look<'_, '_>) -> Option<Dynamic> {
    match look {
        Some(look) => look(&value),
        None => Some(value),
    }
}

/// Shows what has this name in a map.
fn named(map: &Dynamic, name: &str, look: Look<'_, '_>) -> Option<Dynamic> {
    let map = map.as_map_ref().ok()?;
    let value = map.get(name).unwrap_or(&Dynamic::UNIT);
    match look {
        Some(look) => look(value),
        None => Some(value.flatten_clone()),
    }
}

impl Part {
    /// The part itself, which is kept from now on.
    fn lent(&self, make: impl Fn() -> Native<Dynamic>) -> Option<&Dynamic> {
        if let Some(kept) = self.kept.get() {
            return Some(kept);
        }
        let fresh = copy::mark(make().ok()?);
        Some(self.kept.get_or_init(|| fresh))
    }
}
