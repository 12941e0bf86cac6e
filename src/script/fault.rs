//! Errors of Rhai as diagnostics: the innermost position, the calls that led there, and what to write
//! instead where the error is one that people meet often.

use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};

use super::{Text, Texts, habit, lint::names::DECLARING, locate, mistake::Mistake};
use crate::diagnostic::{Diagnostic, Frame, Place};

/// A script that does not parse.
pub(crate) fn syntax(error: &ParseError, text: &Text) -> Diagnostic {
    let position = error.position();
    let place = match position.is_none() {
        true => end_of(text),
        false => Place::at(
            &*text.file,
            &text.text,
            position.line().unwrap_or(0),
            position.position().unwrap_or(1),
        ),
    };
    let help = syntax_help(error.err_type(), &place);
    let diagnostic =
        Diagnostic::error("syntax", lower_first(&error.err_type().to_string())).at(place);
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The last character of a text, where an unfinished script shows.
fn end_of(text: &Text) -> Place {
    let line = text.text.lines().count().max(1);
    let column = text.text.lines().last().map_or(1, |line| line.chars().count().max(1));
    Place::at(&*text.file, &text.text, line, column)
}

fn syntax_help(error: &ParseErrorType, place: &Place) -> Option<&'static str> {
    let before: String = place.source.chars().take(place.column.saturating_sub(1)).collect();
    let at = place.source.chars().nth(place.column.saturating_sub(1));
    match error {
        ParseErrorType::MissingToken(..) if habit::help(place).is_some() => habit::help(place),
        ParseErrorType::MissingToken(..) if at == Some(':') => {
            Some("a map is written `#{ name: value }`")
        }
        ParseErrorType::MissingToken(..) if at.is_none() => {
            Some("a bracket or a string above is not closed")
        }
        ParseErrorType::MissingToken(token, _) if token == ";" && before.trim().is_empty() => {
            Some("end the statement above with `;`")
        }
        ParseErrorType::Reserved(word) if word == "eval" => Some("`eval` is not available"),
        ParseErrorType::Reserved(_) => {
            habit::help(place).or(Some("put the name in quotes, or choose another"))
        }
        ParseErrorType::WrongDocComment => {
            Some("`/** */` stands only above a function: write `///` above a route")
        }
        ParseErrorType::UnexpectedEOF => Some("a bracket or a string is not closed"),
        ParseErrorType::MismatchedType(wanted, _) if wanted.contains("bool") => {
            Some(ASK_FOR_A_VALUE)
        }
        ParseErrorType::ExprTooDeep => Some("name the inner parts with `let`"),
        _ => habit::help(place),
    }
}

/// A script that failed while it ran.
pub(crate) fn runtime(error: &EvalAltResult, main: &str, texts: &Texts) -> Diagnostic {
    let mut file = main.to_owned();
    let mut stack = Vec::new();
    let mut inner = error;
    loop {
        match inner {
            EvalAltResult::ErrorInFunctionCall(function, source, cause, position) => {
                stack.insert(0, frame(function, &file, *position));
                if !source.is_empty() {
                    file.clone_from(source);
                }
                inner = cause;
            }
            EvalAltResult::ErrorInModule(path, cause, position) => {
                stack.insert(0, frame(&format!("import \"{path}\""), &file, *position));
                if !path.is_empty() {
                    file = format!("{path}.rhai");
                }
                inner = cause;
            }
            _ => break,
        }
    }
    let (code, message, help) = explain(inner);
    let running = match error_function(error) {
        "" => None,
        name => Some(name),
    };
    let mut positions = match inner.position() {
        position if !position.is_none() => vec![position],
        _ => sought(texts, &file, running, raced(inner).or_else(|| locate::named(&message))),
    };
    if positions.is_empty() {
        positions.push(error.position());
    }
    let mut diagnostic = Diagnostic::error(code, message);
    for (index, position) in positions.into_iter().enumerate() {
        let place = texts.place(&file, position);
        diagnostic = match index {
            0 => diagnostic.at(place),
            _ => diagnostic.related("or here", place),
        };
    }
    diagnostic.help = help;
    diagnostic.stack = stack;
    diagnostic
}

/// The innermost script function that an error came through.
fn error_function(error: &EvalAltResult) -> &str {
    match error {
        EvalAltResult::ErrorInFunctionCall(function, _, cause, _) => match error_function(cause) {
            "" => function,
            inner => inner,
        },
        EvalAltResult::ErrorInModule(_, cause, _) => error_function(cause),
        _ => "",
    }
}

/// Where the native that an error tells of is called by the function that was running.
fn sought(texts: &Texts, file: &str, running: Option<&str>, native: Option<&str>) -> Vec<Position> {
    match (texts.script(file), native) {
        (Some(script), Some(native)) => locate::calls(script, running, native),
        _ => Vec::new(),
    }
}

/// The function that was given a value which is in use, as in `argument #1 of function 'push'`.
fn raced(error: &EvalAltResult) -> Option<&str> {
    let EvalAltResult::ErrorDataRace(what, _) = error else { return None };
    what.split('\'').nth(1)
}

fn frame(function: &str, file: &str, position: Position) -> Frame {
    let function = match function.strip_prefix("anon$") {
        Some(_) => "a closure".to_owned(),
        None => function.to_owned(),
    };
    Frame {
        function,
        file: file.to_owned(),
        line: position.line().unwrap_or(0),
        column: position.position().unwrap_or(0),
    }
}

/// The code, the sentence and the help for an error without its wrapping.
fn explain(error: &EvalAltResult) -> (&'static str, String, Option<String>) {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => match value.read_lock::<Mistake>() {
            Some(mistake) => (mistake.code, mistake.to_string(), mistake.help.clone()),
            None => ("raised", raised(value), None),
        },
        EvalAltResult::ErrorVariableNotFound(name, _) => {
            ("unknown-variable", format!("there is no variable `{name}`"), None)
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => function_not_found(signature),
        EvalAltResult::ErrorMismatchDataType(wanted, got, _) if wanted == "bool" => (
            "not-a-bool",
            format!("a condition must be true or false, this is {}", in_words(got)),
            Some(ASK_FOR_A_VALUE.to_owned()),
        ),
        EvalAltResult::ErrorMismatchDataType(wanted, got, _) if !wanted.is_empty() => (
            "wrong-type",
            format!("{} is needed here, this is {}", in_words(wanted), in_words(got)),
            None,
        ),
        EvalAltResult::ErrorArrayBounds(0, index, _) => (
            "out-of-bounds",
            format!("index {index} of an array without items"),
            Some(BOUNDS.to_owned()),
        ),
        EvalAltResult::ErrorArrayBounds(length, index, _) => {
            let message = format!("index {index} of an array of {length}");
            ("out-of-bounds", message, Some(BOUNDS.to_owned()))
        }
        EvalAltResult::ErrorDotExpr(message, _) => {
            let told = no_property(message).unwrap_or_else(|| plain(error));
            let help = match told.as_str() {
                told if told.contains("null") => Some("`x?.y` gives null where x is null"),
                told if told.contains("`length`") => Some("write `x.len()`"),
                _ => None,
            };
            ("no-property", told, help.map(str::to_owned))
        }
        EvalAltResult::ErrorIndexingType(..) => {
            ("no-property", plain(error), Some("`x?[y]` gives null where x is null".to_owned()))
        }
        EvalAltResult::ErrorTerminated(..) => {
            ("budget", "the script used up its budget".to_owned(), None)
        }
        EvalAltResult::ErrorStackOverflow(_) => (
            "call-depth",
            "functions call each other deeper than `call_depth` allows".to_owned(),
            Some("end the recursion, or raise `call_depth` in [limits]".to_owned()),
        ),
        EvalAltResult::ErrorDataRace(..) => {
            let message = match raced(error) {
                Some(function) => {
                    format!("`{function}` is given the value that it is called on")
                }
                None => "a closure uses the value that it is called through".to_owned(),
            };
            ("in-use", message, Some(IN_USE.to_owned()))
        }
        EvalAltResult::ErrorParsing(kind, _) => ("syntax", lower_first(&kind.to_string()), None),
        EvalAltResult::ErrorModuleNotFound(name, _) => {
            ("import-not-found", format!("there is no module `{name}`"), None)
        }
        _ => ("script", plain(error), None),
    }
}

const ASK_FOR_A_VALUE: &str =
    "write `x != null` to ask whether there is a value; `x ?? y` for a default";

const IN_USE: &str = "closures share the variables that they use: let this one use a copy, `let copy = x;`, or put it into a map by \
                      its name, `x.name = || …`, and take it out before it is called, `let f = x.name; f.call()`";

const BOUNDS: &str = "`a.get(5)` gives null where there is no such item; `a[5]` raises";

/// Rhai's sentence about a property that a type does not have, as people say it.
fn no_property(message: &str) -> Option<String> {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    let (property, kind) = (quoted.next()?, quoted.next()?);
    Some(format!("there is no property `{property}` on {}", in_words(kind)))
}

/// What a script threw, in words.
fn raised(value: &rhai::Dynamic) -> String {
    if let Some(map) = value.read_lock::<rhai::Map>() {
        // Only what is text already: a value that holds itself has no end as text.
        let part = |name: &str| {
            let text = map.get(name)?.read_lock::<rhai::ImmutableString>()?.to_string();
            (!text.is_empty()).then_some(text)
        };
        if let Some(text) = part("detail").or_else(|| part("title")).or_else(|| part("message")) {
            return text;
        }
    }
    match value.read_lock::<rhai::ImmutableString>() {
        Some(text) => text.to_string(),
        None => format!("the script threw {}", in_words(value.type_name())),
    }
}

/// `find (i64, &str | ImmutableString | String)` as the name and the types people know.
fn function_not_found(signature: &str) -> (&'static str, String, Option<String>) {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ")"));
    if name == "!" {
        let message = format!(
            "`!` turns true to false; this is {}",
            in_words(types.strip_suffix(')').unwrap_or(types))
        );
        return ("not-a-bool", message, Some(ASK_FOR_A_VALUE.to_owned()));
    }
    if let Some(property) = name.strip_prefix("get$").or_else(|| name.strip_prefix("set$")) {
        let message = format!("there is no property `{property}` on {}", in_words(types));
        return ("no-property", message, None);
    }
    let types: Vec<String> = types
        .strip_suffix(')')
        .unwrap_or(types)
        .split(", ")
        .filter(|t| !t.is_empty())
        .map(in_words)
        .collect();
    let given = match types.as_slice() {
        [] => "without arguments".to_owned(),
        types => format!("for {}", types.join(", ")),
    };
    let help = if let Some(written) = declaring(name) {
        Some(format!("write {written}"))
    } else {
        let has_null = types.iter().any(|kind| kind == "null");
        has_null.then(|| "a value is null here: `x ?? y` gives a default".to_owned())
    };
    ("unknown-function", format!("there is no function `{name}` {given}"), help)
}

/// How a function that declares something is called.
fn declaring(name: &str) -> Option<String> {
    Some(match name {
        "before" => "`before(|req| …);`".to_owned(),
        "after" => "`after(|req, res| res);`, or `after(\"10s\", || …);`".to_owned(),
        "on_start" | "on_stop" => format!("`{name}(|| …);`"),
        "every" => "`every(\"5m\", || …);`".to_owned(),
        "cron" => "`cron(\"0 6 * * *\", || …);`".to_owned(),
        "route" => "`route([\"GET\", \"POST\"], \"/path\", #{}, |req| …);`".to_owned(),
        name if DECLARING.contains(&name) => format!("`{name}(\"/path\", |req| …);`"),
        _ => return None,
    })
}

/// A type of Rhai as people call it.
fn in_words(kind: &str) -> String {
    let kind = kind.trim();
    match kind {
        "()" => "null",
        "i64" => "an integer",
        "f64" => "a float",
        "bool" => "a bool",
        "char" => "a character",
        "array" => "an array",
        "map" => "a map",
        "Fn" => "a function",
        "blob" => "a blob",
        _ if kind.contains("string") || kind.contains("String") || kind.contains("&str") => {
            "a string"
        }
        _ => return format!("`{}`", kind.rsplit("::").next().unwrap_or(kind)),
    }
    .to_owned()
}

/// Rhai's own sentence without its position.
fn plain(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let text = match text.rfind(" (line ") {
        Some(at) => text.get(..at).unwrap_or(&text),
        None => &text,
    };
    lower_first(text)
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
