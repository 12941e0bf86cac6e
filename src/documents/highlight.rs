//! Code in Markdown as spans with classes, for a style sheet to colour.
//!
//! The grammars are regular expressions by many hands: each page has a deadline, long lines are not looked
//! at, and whatever fails leaves the code as it is.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt::{self, Write},
    sync::LazyLock,
    time::Instant,
};

use comrak::{adapters::SyntaxHighlighterAdapter, html};
use syntect::{
    html::{ClassStyle, ClassedHTMLGenerator},
    parsing::{SyntaxReference, SyntaxSet},
};

/// The longest line that is highlighted, in bytes.
const LONGEST_LINE: usize = 2000;

/// The largest block that is highlighted, in bytes.
const LARGEST: usize = 100_000;

/// What classes begin with, so that they meet none of the page's own.
const STYLE: ClassStyle = ClassStyle::SpacedPrefixed { prefix: "hl-" };

/// The grammars, unpacked when the first code is shown.
static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// Highlights the code of one page.
#[derive(Debug)]
pub(super) struct Highlighter {
    /// When it stops.
    pub(super) until: Instant,
}

impl Highlighter {
    fn highlighted(&self, language: &str, code: &str) -> Option<String> {
        if code.len() > LARGEST || Instant::now() >= self.until {
            return None;
        }
        let mut generator =
            ClassedHTMLGenerator::new_with_class_style(syntax(language)?, &SYNTAXES, STYLE);
        for line in code.split_inclusive('\n') {
            if line.len() > LONGEST_LINE || Instant::now() >= self.until {
                return None;
            }
            generator.parse_html_for_line_which_includes_newline(line).ok()?;
        }
        Some(generator.finalize())
    }
}

fn syntax(language: &str) -> Option<&'static SyntaxReference> {
    let name = language.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
    let near = match name.as_str() {
        "" => return None,
        // Near enough: braces, closures, strings and comments are the same.
        "rhai" => "rust",
        "ts" | "typescript" | "jsx" | "tsx" => "js",
        "jsonc" | "json5" => "json",
        "shell" | "console" | "zsh" => "sh",
        "toml" | "ini" => "properties",
        name => name,
    };
    SYNTAXES.find_syntax_by_token(near)
}

impl SyntaxHighlighterAdapter for Highlighter {
    fn write_highlighted(
        &self,
        output: &mut dyn Write,
        language: Option<&str>,
        code: &str,
    ) -> fmt::Result {
        match self.highlighted(language.unwrap_or_default(), code) {
            Some(spans) => output.write_str(&spans),
            None => html::escape(output, code),
        }
    }

    fn write_pre_tag(
        &self,
        output: &mut dyn Write,
        attributes: HashMap<&'static str, Cow<'_, str>>,
    ) -> fmt::Result {
        html::write_opening_tag(output, "pre", attributes)
    }

    fn write_code_tag(
        &self,
        output: &mut dyn Write,
        attributes: HashMap<&'static str, Cow<'_, str>>,
    ) -> fmt::Result {
        html::write_opening_tag(output, "code", attributes)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn code_becomes_spans_with_classes_and_nothing_else() {
        let highlighter = Highlighter { until: Instant::now() + Duration::from_secs(60) };
        for (language, code, class) in [
            ("rust", "fn main() { let x = \"<b>\"; } // end\n", "hl-comment"),
            ("rhai", "get(|| \"hi\");\n", "hl-string"),
            ("python", "def f(): return 1\n", "hl-keyword"),
            ("json", "{\"a\": 1}\n", "hl-numeric"),
            ("html", "<b>x</b>\n", "hl-tag"),
        ] {
            let html = highlighter.highlighted(language, code).unwrap();
            assert!(html.contains(class), "{language}: {html}");
            assert!(!html.contains("<b>"), "{language}: {html}");
        }
        assert_eq!(highlighter.highlighted("no such language", "x"), None);
        assert_eq!(highlighter.highlighted("rust", &"x".repeat(3000)), None);
        let late = Highlighter { until: Instant::now() };
        assert_eq!(late.highlighted("rust", "fn x() {}"), None);
    }
}
