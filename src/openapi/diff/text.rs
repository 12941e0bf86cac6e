//! What texts must look like, and what numbers may be kept in.

use serde_json::Value;

use super::{body, place::shown, rule::SchemaRule, schema::Comparer, view::View};

/// Formats of which the first allows less than the second.
const WIDER: [(&str, &str); 4] =
    [("int32", "int64"), ("float", "double"), ("email", "idn-email"), ("hostname", "idn-hostname")];

/// Formats of numbers, by the types of which they are.
const OF_NUMBERS: [&str; 4] = ["int32", "int64", "float", "double"];

impl<'a> Comparer<'a, '_> {
    /// Pattern.
    pub(super) fn strings(&mut self, old: &View<'a>, new: &View<'a>) {
        match (old.keyword("pattern"), new.keyword("pattern")) {
            (None, Some(b)) => {
                self.tell(SchemaRule::PatternTightened, &format!("pattern {} set", shown(b)));
            }
            (Some(a), None) => {
                self.tell(SchemaRule::PatternLoosened, &format!("pattern {} removed", shown(a)));
            }
            (Some(a), Some(b)) if a != b => {
                let what = format!("pattern changed from {} to {}", shown(a), shown(b));
                self.tell(SchemaRule::PatternChanged, &what);
            }
            _ => {}
        }
    }

    /// A format, of strings or of numbers.
    pub(super) fn format(&mut self, old: &View<'a>, new: &View<'a>) {
        let of = |view: &View<'a>| {
            let name = view.keyword("format").and_then(Value::as_str)?;
            // They say what programs may keep a number in, or what a text is, and limit nothing.
            (!["double", "byte", "password"].contains(&name)).then_some(name)
        };
        let of_number = |name: Option<&str>| name.is_none_or(|name| OF_NUMBERS.contains(&name));
        if of_number(of(old)) && of_number(of(new)) && old.types != new.types {
            // The change of types says it.
            return;
        }
        match (of(old), of(new)) {
            (None, Some(b)) => self.tell(SchemaRule::FormatTightened, &format!("format {b} set")),
            (Some(a), None) => {
                self.tell(SchemaRule::FormatLoosened, &format!("format {a} removed"));
            }
            (Some(a), Some(b)) if a != b => {
                let rule = if WIDER.contains(&(a, b)) {
                    SchemaRule::FormatLoosened
                } else if WIDER.contains(&(b, a)) {
                    SchemaRule::FormatTightened
                } else {
                    SchemaRule::FormatChanged
                };
                self.tell(rule, &format!("format changed from {a} to {b}"));
            }
            _ => {}
        }
    }

    /// The media type of what a file or a text holds.
    pub(super) fn content(&mut self, old: &View<'a>, new: &View<'a>) {
        let of = |view: &View<'a>| view.keyword("contentMediaType").and_then(Value::as_str);
        let is_any = |name: &str| name == "application/octet-stream" || name == "*/*";
        let a = of(old).filter(|name| !is_any(name));
        let b = of(new).filter(|name| !is_any(name));
        match (a, b) {
            (None, Some(b)) => {
                self.tell(SchemaRule::ContentTightened, &format!("must be {b} now"));
            }
            (Some(a), None) => {
                self.tell(SchemaRule::ContentLoosened, &format!("need not be {a} any more"));
            }
            (Some(a), Some(b)) if a != b => {
                let rule = match (body::covers(b, a), body::covers(a, b)) {
                    (true, _) => SchemaRule::ContentLoosened,
                    (_, true) => SchemaRule::ContentTightened,
                    _ => SchemaRule::ContentChanged,
                };
                self.tell(rule, &format!("must be {b} instead of {a}"));
            }
            _ => {}
        }
    }
}
