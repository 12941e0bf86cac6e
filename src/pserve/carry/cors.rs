//! `[cors]`: pages of which origins may read answers.

use url::Url;

use super::{Carried, Fault};
use crate::pserve::{
    value::{Text, Value},
    write::{Section, quoted},
};

/// What pserve lets pages of these origins do.
const METHODS: &str = r#"["GET", "POST", "PUT", "DELETE", "OPTIONS"]"#;
const MAX_AGE: &str = "3600";

impl Carried<'_> {
    /// The section of its own.
    pub(super) fn cors(&mut self) -> Result<(), Fault> {
        let enabled = self.take("cors", "enabled")?;
        let listed = self.take("cors", "origin_url")?;
        let Some((enabled, _)) = enabled else {
            if listed.is_some() {
                self.leave("cors", "origin_url", "without `enabled` pserve lets no page in");
            }
            return Ok(());
        };
        let mut section = Section::new("[cors]");
        if !enabled.is_true() {
            self.note(
                &mut section,
                "pserve lets pages in whatever `enabled` says, if it is there; here false is false.",
            );
        }
        let listed = match listed.map(|(value, _)| value) {
            None => Vec::new(),
            Some(Value::List(items)) => items.iter().filter_map(Value::text).collect(),
            Some(value) => value.text().into_iter().collect(),
        };
        let mut origins = Vec::new();
        for text in listed {
            match origin(&text) {
                Ok(origin) => origins.push(origin),
                Err(why) => self.leave("cors", &format!("origin_url {}", text.written()), why),
            }
        }
        let is_any = origins.iter().any(|origin| origin == "*");
        if is_any {
            origins = vec!["*".to_owned()];
            self.note(
                &mut section,
                "Every origin, and therefore without credentials: name the origins that may send cookies.",
            );
        }
        let origins: Vec<_> = origins.iter().map(|origin| quoted(origin)).collect();
        section.set("enabled", (enabled.is_true() && !origins.is_empty()).to_string());
        section.set("origins", format!("[{}]", origins.join(", ")));
        section.set("credentials", (!is_any).to_string());
        section.set("methods", METHODS);
        section.set("max_age", MAX_AGE);
        self.sections.push(section);
        Ok(())
    }
}

/// An origin as a browser writes it, or why it is none.
fn origin(text: &Text) -> Result<String, &'static str> {
    let Some(plain) = text.plain() else {
        return Err("it comes from the environment: write the origin into [cors] origins");
    };
    if plain == "*" {
        return Ok(plain);
    }
    let url = Url::parse(&plain).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let written = url.map(|url| url.origin().ascii_serialization());
    written.filter(|written| written != "null").ok_or("no browser calls a page's origin so")
}
