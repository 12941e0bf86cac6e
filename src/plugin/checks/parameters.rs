//! Parameters of the path, the query, headers and cookies.

use http::HeaderMap;
use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use super::{
    Wrong,
    texts::{Reading, reread},
};
use crate::{
    host::request::{Params, RequestData, fields, typed::Typed},
    plugin::spec::{Location, Parameter},
    schema::check::{Checker, Fault},
    script::json,
};

/// What is said of bytes that are no text.
const BROKEN: &str = "is not valid UTF-8";

/// A parameter, compiled.
#[derive(Debug)]
pub(super) struct ParameterCheck {
    name: String,
    location: Location,
    required: bool,
    default: Option<Value>,
    reading: Reading,
    checker: Checker,
}

impl ParameterCheck {
    pub(super) fn new(parameter: &Parameter) -> Result<Self, String> {
        let checker = Checker::new(&parameter.schema)
            .map_err(|why| format!("the parameter `{}`: {why}", parameter.name))?;
        Ok(Self {
            name: match parameter.location {
                Location::Header => parameter.name.to_ascii_lowercase(),
                _ => parameter.name.clone(),
            },
            location: parameter.location,
            required: parameter.required,
            default: checker.default_of(&parameter.schema),
            reading: Reading::of(&parameter.schema),
            checker,
        })
    }

    /// The value of the texts that were given, typed and valid; nothing if it is absent.
    fn value(&self, given: &[&str], wrong: &mut Vec<Wrong>) -> Option<Dynamic> {
        let value = match given {
            [] => {
                if self.required {
                    self.refuse("is missing", wrong);
                }
                return self.default.as_ref().map(json::from_value);
            }
            several if self.reading.is_list => {
                let items = several.iter().map(|text| self.reading.value(text));
                self.reread(Value::Array(items.collect()), several)
            }
            [one] => self.reread(self.reading.value(one), given),
            _ => {
                self.refuse("is given more than once", wrong);
                return None;
            }
        };
        self.settled(value, wrong)
    }

    /// A value, in which what does not fit is the text that it was.
    fn reread(&self, value: Value, texts: &[&str]) -> Value {
        if !self.reading.is_doubtful() {
            return value;
        }
        let place = |index: usize| match self.reading.is_list {
            true => format!("/{index}"),
            false => String::new(),
        };
        let texts = texts.iter().enumerate();
        let doubtful: Vec<(String, String)> =
            texts.map(|(index, text)| (place(index), (*text).to_owned())).collect();
        reread(value, &doubtful, &self.checker)
    }

    fn settled(&self, mut value: Value, wrong: &mut Vec<Wrong>) -> Option<Dynamic> {
        let faults = self.checker.faults(&value);
        if !faults.is_empty() {
            let faults = faults.into_iter().map(|fault| self.location.wrong(&self.name, fault));
            wrong.extend(faults);
            return None;
        }
        match self.checker.settle(&mut value) {
            Ok(()) => Some(json::from_value(&value)),
            Err(fault) => {
                wrong.push(self.location.wrong(&self.name, fault));
                None
            }
        }
    }

    fn refuse(&self, message: &str, wrong: &mut Vec<Wrong>) {
        let fault = Fault { pointer: String::new(), message: message.to_owned() };
        wrong.push(self.location.wrong(&self.name, fault));
    }

    /// Puts the value where all of its location are, in place of the text.
    fn put(&self, all: &mut Map, data: &RequestData, wrong: &mut Vec<Wrong>) {
        let given = all.remove(self.name.as_str());
        if given.is_some() && self.is_broken(data) {
            return self.refuse(BROKEN, wrong);
        }
        let value = match &given {
            // Only a tail may match nothing.
            None if self.location == Location::Path && self.required => self.value(&[""], wrong),
            None => self.value(&[], wrong),
            Some(given) => match given.read_lock::<Array>() {
                Some(several) => {
                    let texts: Vec<String> = several.iter().map(ToString::to_string).collect();
                    self.value(&texts.iter().map(String::as_str).collect::<Vec<_>>(), wrong)
                }
                None => self.value(&[&given.to_string()], wrong),
            },
        };
        if let Some(value) = value {
            all.insert(self.name.as_str().into(), value);
        }
    }

    /// Whether what was sent is not UTF-8.
    fn is_broken(&self, data: &RequestData) -> bool {
        match self.location {
            Location::Query => data.uri.query().is_some_and(|query| {
                !fields::is_utf8(query.as_bytes()) && fields::is_broken_in_query(query, &self.name)
            }),
            Location::Cookie => fields::is_broken_in_cookies(&data.headers, &self.name),
            // A path that is not UTF-8 belongs to no route.
            Location::Path | Location::Header => false,
        }
    }

    fn header(&self, headers: &HeaderMap, typed: &mut Typed, wrong: &mut Vec<Wrong>) {
        let sent = headers.get_all(self.name.as_str());
        if sent.iter().any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
            return self.refuse(BROKEN, wrong);
        }
        let lines = sent.iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        let given: Vec<&str> = match self.reading.is_list {
            true => lines.flat_map(|line| line.split(',')).map(str::trim).collect(),
            false => lines.collect(),
        };
        let value = match given.as_slice() {
            // A header that is there and holds nothing is a list without items.
            [""] if self.reading.is_list => self.settled(Value::Array(Vec::new()), wrong),
            given => self.value(given, wrong),
        };
        if let Some(value) = value {
            typed.headers.insert(self.name.clone(), value);
        }
    }
}

/// Reads what is declared; a location of which nothing is declared is left as it is.
pub(super) fn check(
    parameters: &[ParameterCheck],
    data: &RequestData,
    typed: &mut Typed,
    wrong: &mut Vec<Wrong>,
) {
    for parameter in parameters {
        match parameter.location {
            Location::Path => {
                let all = typed.params.get_or_insert_with(|| path(data));
                parameter.put(all, data, wrong);
            }
            Location::Query => {
                let query = || fields::urlencoded(data.uri.query().unwrap_or_default().as_bytes());
                parameter.put(typed.query.get_or_insert_with(query), data, wrong);
            }
            Location::Cookie => {
                let cookies =
                    || fields::cookies(&data.headers).try_cast::<Map>().unwrap_or_default();
                parameter.put(typed.cookies.get_or_insert_with(cookies), data, wrong);
            }
            Location::Header => parameter.header(&data.headers, typed, wrong),
        }
    }
}

fn path(data: &RequestData) -> Map {
    let Params { names, values } = &data.params;
    names
        .iter()
        .zip(values)
        .map(|(name, value)| ((&**name).into(), value.as_str().into()))
        .collect()
}
