//! `Set-Cookie`: careful unless told otherwise.
//!
//! Without options a cookie has `Path=/; HttpOnly; SameSite=Lax`. Values are percent-encoded, as
//! `req.cookies` decodes them.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rhai::{Dynamic, INT, Map};

use super::fields::printable;
use crate::{diagnostic::nearest, host::error::mistake, script::Native};

/// What a cookie's value cannot hold as it is.
const UNSAFE_IN_VALUE: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'%').add(b',').add(b';').add(b'\\');

const OPTIONS: [&str; 7] =
    ["max_age", "path", "domain", "same_site", "http_only", "secure", "expires"];

/// The value of a `Set-Cookie` header.
pub(super) fn cookie(name: &str, value: &Dynamic, options: &Map) -> Native<String> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(mistake(format!("`{}` is not the name of a cookie", printable(name))));
    }
    let mut cookie = format!("{name}={}", encoded(name, value)?);
    if let Some(unknown) = options.keys().find(|option| !OPTIONS.contains(&option.as_str())) {
        let hint = match nearest(unknown, OPTIONS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", OPTIONS.join(", ")),
        };
        return Err(mistake(format!("a cookie has no option `{}`; {hint}", printable(unknown))));
    }
    let options = Options(options);
    let path = options.text("path")?.unwrap_or_else(|| "/".to_owned());
    if !path.starts_with('/') {
        return Err(mistake("a cookie's `path` begins with `/`"));
    }
    cookie.push_str("; Path=");
    cookie.push_str(&path);
    if let Some(domain) = options.text("domain")? {
        cookie.push_str("; Domain=");
        cookie.push_str(&domain);
    }
    if let Some(seconds) = options.seconds()? {
        cookie.push_str("; Max-Age=");
        cookie.push_str(&seconds.to_string());
    }
    if let Some(expires) = options.expires()? {
        cookie.push_str("; Expires=");
        cookie.push_str(&expires);
    }
    let secure = options.flag("secure")?.unwrap_or(false);
    let same_site = options.same_site()?;
    if same_site == "None" && !secure {
        return Err(mistake("a cookie with `same_site: \"None\"` needs `secure: true`"));
    }
    if options.flag("http_only")?.unwrap_or(true) {
        cookie.push_str("; HttpOnly");
    }
    if secure {
        cookie.push_str("; Secure");
    }
    cookie.push_str("; SameSite=");
    cookie.push_str(same_site);
    Ok(cookie)
}

fn encoded(name: &str, value: &Dynamic) -> Native<String> {
    let text = match value.as_immutable_string_ref() {
        Ok(text) => text.to_string(),
        Err(_) if value.is_int() || value.is_float() || value.is_bool() => value.to_string(),
        Err(kind) => {
            return Err(mistake(format!(
                "the value of cookie `{name}` is a string or a number, not {}",
                crate::host::define::words(kind)
            )));
        }
    };
    Ok(utf8_percent_encode(&text, UNSAFE_IN_VALUE).to_string())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

struct Options<'a>(&'a Map);

impl Options<'_> {
    fn of(&self, name: &str) -> Option<&Dynamic> {
        self.0.get(name).filter(|value| !value.is_unit())
    }

    fn text(&self, name: &str) -> Native<Option<String>> {
        let Some(value) = self.of(name) else { return Ok(None) };
        let Ok(text) = value.as_immutable_string_ref() else {
            return Err(mistake(format!("a cookie's `{name}` is a string")));
        };
        if !text.is_ascii() || text.contains(|c: char| c == ';' || c.is_control()) {
            return Err(mistake(format!("a cookie's `{name}` is ASCII without `;`")));
        }
        Ok(Some(text.to_string()))
    }

    fn flag(&self, name: &str) -> Native<Option<bool>> {
        let Some(value) = self.of(name) else { return Ok(None) };
        match value.as_bool() {
            Ok(flag) => Ok(Some(flag)),
            Err(_) => Err(mistake(format!("a cookie's `{name}` is true or false"))),
        }
    }

    fn seconds(&self) -> Native<Option<INT>> {
        let Some(value) = self.of("max_age") else { return Ok(None) };
        match value.as_int() {
            Ok(seconds) => Ok(Some(seconds)),
            Err(_) => Err(mistake("a cookie's `max_age` is a whole number of seconds")),
        }
    }

    /// A date as it is written in HTTP, or seconds since 1970.
    fn expires(&self) -> Native<Option<String>> {
        let Some(Ok(seconds)) = self.of("expires").map(Dynamic::as_int) else {
            return self.text("expires");
        };
        let Ok(time) = Timestamp::from_second(seconds) else {
            return Err(mistake("a cookie's `expires` is out of range"));
        };
        Ok(Some(time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()))
    }

    fn same_site(&self) -> Native<&'static str> {
        let Some(written) = self.text("same_site")? else { return Ok("Lax") };
        ["Lax", "Strict", "None"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(&written))
            .ok_or_else(|| mistake("a cookie's `same_site` is \"Lax\", \"Strict\" or \"None\""))
    }
}
