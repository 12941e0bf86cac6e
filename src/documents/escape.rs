//! Text as part of HTML, and names as part of addresses.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a path as it is, beside letters and digits.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Text that is safe in HTML, in attributes too.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// A name as one segment of a relative address; never a scheme or a host.
pub(super) fn segment(name: &str) -> String {
    format!("./{}", utf8_percent_encode(name, PLAIN))
}

/// A template with each `{name}` that has a value replaced by it, in one pass: what values contain stays.
pub(super) fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let value = values
            .iter()
            .find_map(|(name, value)| Some((value, after.strip_prefix(name)?.strip_prefix('}')?)));
        if let Some((value, tail)) = value {
            out.push_str(value);
            rest = tail;
        } else {
            out.push('{');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{escaped, filled, segment};

    #[test]
    fn a_template_is_filled_once() {
        let values = [("a", "{b}"), ("b", "2")];
        assert_eq!(filled("{a}-{b}-{c}-{ {a", &values), "{b}-2-{c}-{ {a");
    }

    #[test]
    fn nothing_of_a_name_becomes_markup_or_another_address() {
        assert_eq!(
            escaped("<a href=\"x\" o='y'>&"),
            "&lt;a href=&quot;x&quot; o=&#39;y&#39;&gt;&amp;"
        );
        assert_eq!(segment("javascript:alert(1)"), "./javascript%3Aalert%281%29");
        assert_eq!(segment("a b/é?#"), "./a%20b%2F%C3%A9%3F%23");
    }
}
