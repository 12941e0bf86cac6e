//! What a request depends on: versions that the client has, and the part that it wants (RFC 9110, 13 and 14).

use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, Method, header};

/// How a version is told from others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validators<'a> {
    /// Its strong entity tag.
    pub(crate) etag: Option<&'a str>,
    /// When it was modified, to the second.
    pub(crate) modified: Option<SystemTime>,
}

/// What conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is sent.
    Send,
    /// The client has it: 304.
    NotModified,
    /// It is not the version that the client insists on: 412.
    Failed,
}

/// What part is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// From the first byte to the last, both included.
    Part(u64, u64),
    /// Nothing that there is: 416.
    Nothing,
}

/// Judges the conditions of a request on a version.
pub(crate) fn judge(headers: &HeaderMap, version: Validators<'_>) -> Verdict {
    if headers.contains_key(header::IF_MATCH) {
        let is_named = |tag: &str| tag == "*" || Some(tag) == version.etag;
        if !tags(headers, &header::IF_MATCH).any(is_named) {
            return Verdict::Failed;
        }
    } else if let Some(date) = date(headers, &header::IF_UNMODIFIED_SINCE)
        && version.modified.is_none_or(|modified| modified > date)
    {
        return Verdict::Failed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        let weakly =
            |tag: &str| tag == "*" || Some(tag.strip_prefix("W/").unwrap_or(tag)) == version.etag;
        return match tags(headers, &header::IF_NONE_MATCH).any(weakly) {
            true => Verdict::NotModified,
            false => Verdict::Send,
        };
    }
    // Not "at or before": a file that is replaced by an older one is another version, too.
    match (date(headers, &header::IF_MODIFIED_SINCE), version.modified) {
        (Some(date), Some(modified)) if date == modified => Verdict::NotModified,
        _ => Verdict::Send,
    }
}

/// What part of `length` bytes a request wants. Several parts at once are not sent: the whole is, as the
/// standard allows.
pub(crate) fn wanted(
    method: &Method,
    headers: &HeaderMap,
    length: u64,
    version: Validators<'_>,
) -> Wanted {
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some(range) = range.filter(|_| *method == Method::GET) else { return Wanted::Whole };
    if !is_same_version(headers, version) {
        return Wanted::Whole;
    }
    let Some((unit, set)) = range.split_once('=') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Wanted::Whole };
    let (first, last) = (first.trim_end(), last.trim_start());
    let last_there = length.checked_sub(1);
    match (number(first), number(last), first.is_empty(), last.is_empty()) {
        (Some(first), None, _, true) => part(first, u64::MAX, last_there),
        (Some(first), Some(last), ..) if first <= last => part(first, last, last_there),
        (None, Some(0), true, _) => Wanted::Nothing,
        (None, Some(suffix), true, _) => part(length.saturating_sub(suffix), u64::MAX, last_there),
        _ => Wanted::Whole,
    }
}

fn part(first: u64, last: u64, last_there: Option<u64>) -> Wanted {
    match last_there {
        Some(there) if first <= there => Wanted::Part(first, last.min(there)),
        _ => Wanted::Nothing,
    }
}

/// A number of any length: one too large is larger than every file.
fn number(digits: &str) -> Option<u64> {
    let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Whether a part may be added to what the client has (`If-Range`).
fn is_same_version(headers: &HeaderMap, version: Validators<'_>) -> bool {
    let Some(value) = headers.get(header::IF_RANGE) else { return true };
    let Ok(value) = value.to_str() else { return false };
    match httpdate::parse_http_date(value) {
        Ok(date) => version.modified == Some(date),
        Err(_) => version.etag == Some(value.trim()),
    }
}

fn tags<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
    (date >= UNIX_EPOCH).then_some(date)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn version() -> Validators<'static> {
        Validators { etag: Some("\"v\""), modified: httpdate::parse_http_date(DATE).ok() }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn conditions_are_judged_in_the_order_of_the_standard() {
        for (pairs, verdict) in [
            (&[("if-none-match", "\"v\"")][..], Verdict::NotModified),
            (&[("if-none-match", "\"x\", W/\"v\"")], Verdict::NotModified),
            (&[("if-none-match", "*")], Verdict::NotModified),
            (&[("if-none-match", "\"x\""), ("if-modified-since", DATE)], Verdict::Send),
            (&[("if-modified-since", DATE)], Verdict::NotModified),
            (&[("if-modified-since", "Sun, 06 Nov 1994 08:49:38 GMT")], Verdict::Send),
            (&[("if-modified-since", "yesterday")], Verdict::Send),
            (&[("if-match", "\"v\"")], Verdict::Send),
            (&[("if-match", "W/\"v\"")], Verdict::Failed),
            (&[("if-match", "\"x\"")], Verdict::Failed),
            (&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], Verdict::Failed),
            (&[("if-unmodified-since", DATE)], Verdict::Send),
            (&[("if-match", "\"v\""), ("if-none-match", "\"v\"")], Verdict::NotModified),
            (&[], Verdict::Send),
        ] {
            assert_eq!(judge(&headers(pairs), version()), verdict, "{pairs:?}");
        }
    }

    #[test]
    fn one_range_is_taken_and_everything_odd_gets_the_whole() {
        for (range, part) in [
            ("bytes=0-0", Wanted::Part(0, 0)),
            ("bytes=2-4", Wanted::Part(2, 4)),
            ("bytes=2-", Wanted::Part(2, 9)),
            ("bytes=-3", Wanted::Part(7, 9)),
            ("bytes=-30", Wanted::Part(0, 9)),
            ("bytes=5-99999999999999999999999", Wanted::Part(5, 9)),
            ("Bytes=1-1", Wanted::Part(1, 1)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=4-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ] {
            let headers = headers(&[("range", range)]);
            assert_eq!(wanted(&Method::GET, &headers, 10, version()), part, "{range}");
        }
        let headers = |condition| headers(&[("range", "bytes=0-0"), ("if-range", condition)]);
        for (condition, part) in [
            ("\"v\"", Wanted::Part(0, 0)),
            ("W/\"v\"", Wanted::Whole),
            ("\"x\"", Wanted::Whole),
            (DATE, Wanted::Part(0, 0)),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Wanted::Whole),
        ] {
            assert_eq!(
                wanted(&Method::GET, &headers(condition), 10, version()),
                part,
                "{condition}"
            );
        }
        assert_eq!(wanted(&Method::HEAD, &headers("\"v\""), 10, version()), Wanted::Whole);
        let empty = super::tests::headers(&[("range", "bytes=0-")]);
        assert_eq!(wanted(&Method::GET, &empty, 0, version()), Wanted::Nothing);
    }
}
