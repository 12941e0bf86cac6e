//! What a script reads of a request, such as `req.params.id`, without the rest of the part it stands in.

use rhai::Dynamic;

use super::{Headers, Params, Part, ScriptRequest, copy, fields};
use crate::{compile::Looker, script::Native};

/// Bytes of a query from which on it is taken apart once, not for each name that is asked for.
const LONG: usize = 512;

/// Shows what has this name in this part of a request. `None` where the part is no map or is not what it
/// should be: then its getter gives it, or says what is wrong.
pub(crate) fn lend(
    value: &Dynamic,
    [part, name]: [&str; 2],
    look: &mut Looker<'_>,
) -> Option<Dynamic> {
    value.read_lock::<ScriptRequest>()?.lend(part, name, look)
}

impl ScriptRequest {
    fn lend(&self, part: &str, name: &str, look: &mut Looker<'_>) -> Option<Dynamic> {
        let inner = &*self.0;
        match part {
            "params" => match &inner.params {
                Some(typed) => named(typed, name, look),
                None => look(&param(&inner.data.params, name)),
            },
            "query" => {
                let query = inner.data.uri.query().unwrap_or_default();
                if inner.query.kept.get().is_none() && query.len() < LONG {
                    return look(&copy::mark(fields::of_query(query, name)));
                }
                named(inner.query.lent(|| Ok(self.query_map()))?, name, look)
            }
            "headers" => look(&Headers::of(self.clone()).value(name)),
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

/// Shows what has this name in a map.
fn named(map: &Dynamic, name: &str, look: &mut Looker<'_>) -> Option<Dynamic> {
    let map = map.as_map_ref().ok()?;
    look(map.get(name).unwrap_or(&Dynamic::UNIT))
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
