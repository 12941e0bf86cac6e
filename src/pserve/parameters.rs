//! The parameters of one plugin: `auth_type=global&route_path=people`, or `json=file.json`.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value as Json;

use super::{value::Text, write::quoted};

/// The most bytes of a file of parameters.
const MOST_BYTES: u64 = 1 << 20;

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parameter {
    Text(Text),
    Json(Json),
}

/// Reads parameters as Python's `parse_qs` does: the first of a name counts, those without a value do not.
pub(super) fn parse(text: &Text) -> BTreeMap<String, Parameter> {
    let mut found = BTreeMap::new();
    for part in text.split('&') {
        let Some((name, value)) = part.split_once('=') else { continue };
        let Some(name) = name.map(decoded).plain().filter(|_| !value.is_empty()) else { continue };
        found.entry(name).or_insert_with(|| Parameter::Text(value.map(decoded)));
    }
    found
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The members of a file of parameters; or why there are none, in words.
pub(super) fn of_file(path: &Path) -> Result<BTreeMap<String, Parameter>, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    match serde_json::from_str(&text).map_err(|error| error.to_string())? {
        Json::Object(members) => {
            Ok(members.into_iter().map(|(name, value)| (name, Parameter::Json(value))).collect())
        }
        _ => Err("it holds no object".to_owned()),
    }
}

impl Parameter {
    /// It as a text, if it is one.
    pub(super) fn text(&self) -> Option<Text> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Json(Json::String(text)) => Some(Text::from(&**text)),
            Self::Json(Json::Number(number)) => Some(Text::from(&*number.to_string())),
            Self::Json(_) => None,
        }
    }

    /// It in TOML; nothing where that has no such value. `keep` writes texts by the name that they have.
    pub(super) fn toml(
        &self,
        name: &str,
        keep: &mut dyn FnMut(&str, &Text) -> Option<String>,
    ) -> Option<String> {
        match self {
            Self::Text(text) => Some(keep(name, text).unwrap_or_else(|| quoted(&text.written()))),
            Self::Json(value) => toml(name, value, keep),
        }
    }
}

fn toml(
    name: &str,
    value: &Json,
    keep: &mut dyn FnMut(&str, &Text) -> Option<String>,
) -> Option<String> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => format!("{number:?}"),
            (None, None) => return None,
        },
        Json::String(text) => {
            let text = Text::from(&**text);
            keep(name, &text).unwrap_or_else(|| quoted(&text.written()))
        }
        Json::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| toml(name, item, keep)).collect::<Option<_>>()?;
            format!("[{}]", items.join(", "))
        }
        Json::Object(members) => {
            let mut written = Vec::new();
            for (member, value) in members {
                let path = format!("{name}_{member}");
                written.push(format!(
                    "{} = {}",
                    super::write::key(member),
                    toml(&path, value, keep)?
                ));
            }
            format!("{{ {} }}", written.join(", "))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_read_as_queries_are() {
        let found = parse(&Text::from("a=1&a=2&b=x%20y+z&c=&d&=5&e==f"));
        let texts: Vec<_> = found
            .iter()
            .map(|(name, value)| format!("{name}:{}", value.text().unwrap().written()))
            .collect();
        assert_eq!(texts, [":5", "a:1", "b:x y z", "e:=f"]);
    }

    #[test]
    fn what_json_holds_has_a_form_in_toml() {
        let value = json!({ "a": [1, 2.5, true, "x${y}"], "b c": { "d": -1 } });
        let toml = |value: Json| Parameter::Json(value).toml("x", &mut |_, _| None);
        assert_eq!(
            toml(value).unwrap(),
            "{ a = [1, 2.5, true, \"x$${y}\"], \"b c\" = { d = -1 } }"
        );
        assert_eq!(toml(json!(null)), None);
        assert_eq!(toml(json!([null])), None);
        let deep = Parameter::Json(json!({ "db": { "password": "p", "user": "u" } }));
        let kept = deep.toml("x", &mut |name, _| name.ends_with("password").then(|| name.into()));
        assert_eq!(kept.unwrap(), "{ db = { password = x_db_password, user = \"u\" } }");
    }
}
