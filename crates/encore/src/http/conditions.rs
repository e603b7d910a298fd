//! Conditional and range requests (RFC 9110, sections 13 and 14), decided without touching a file.
//!
//! A resource here is immutable and has a strong entity tag, so a player that lost its connection can ask any replica
//! for the rest and be sure to get the same bytes. The rules in their order: `If-Match` fails: 412. `If-None-Match`
//! matches: 304. Then, for GET alone, `Range`, unless `If-Range` names another version. Ranges that make no sense, and
//! several ranges at once, are answered with the whole, as the RFC allows; ranges beyond the end with 416.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, Method, header};

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Delivery {
    /// 200 with everything.
    Whole,
    /// 206 with these bytes.
    Part(Range<u64>),
    /// 304 without a body.
    NotModified,
    /// 412: the client asked for another version.
    PreconditionFailed,
    /// 416: there are no such bytes.
    Unsatisfiable,
}

/// Decides for a resource of `size` bytes whose entity tag, quotes included, is `etag`.
pub(super) fn decide(method: &Method, headers: &HeaderMap, size: u64, etag: &str) -> Delivery {
    if headers.contains_key(header::IF_MATCH) && !lists(headers, &header::IF_MATCH, |tag| tag == etag) {
        return Delivery::PreconditionFailed;
    }
    // If-None-Match compares weakly: a cached copy with a weak tag of the same value will do.
    if lists(headers, &header::IF_NONE_MATCH, |tag| tag.strip_prefix("W/").unwrap_or(tag) == etag) {
        return Delivery::NotModified;
    }
    let same_version = headers.get(header::IF_RANGE).is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    match single(headers, &header::RANGE).and_then(parse_range) {
        Some(asked) if same_version && method == Method::GET => asked.within(size),
        _ => Delivery::Whole,
    }
}

/// Whether a header that lists entity tags has `*` or one that fits. Our tags contain no comma.
fn lists(headers: &HeaderMap, name: &HeaderName, fits: impl Fn(&str) -> bool) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|tag| tag == "*" || fits(tag))
}

/// The value of a header that appears exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// One range as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// `first-` or `first-last`, both inclusive.
    From { first: u64, last: Option<u64> },
    /// `-count`: the last so many bytes.
    Suffix { count: u64 },
}

impl Asked {
    fn within(self, size: u64) -> Delivery {
        let (start, end) = match self {
            Self::From { first, last } => (first, last.map_or(size, |last| last.saturating_add(1).min(size))),
            Self::Suffix { count } => (size.saturating_sub(count), size),
        };
        if start < end { Delivery::Part(start..end) } else { Delivery::Unsatisfiable }
    }
}

/// Reads `bytes=...` with one range; `None` for everything else.
fn parse_range(text: &str) -> Option<Asked> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (first, last) {
        ("", count) => Some(Asked::Suffix { count: number(count)? }),
        (first, "") => Some(Asked::From { first: number(first)?, last: None }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Asked::From { first, last: Some(last) })
        }
    }
}

/// Digits only: `parse` alone would take a plus sign. Numbers too large for us are beyond every end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const ETAG: &str = "\"abc\"";

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], expected: Delivery) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a header value"));
        }
        assert_eq!(decide(&Method::GET, &map, 1000, ETAG), expected, "{headers:?}");
    }

    #[test]
    fn ranges() {
        let rows = [
            ("bytes=0-", Delivery::Part(0..1000)),
            ("bytes=0-0", Delivery::Part(0..1)),
            ("bytes=200-299", Delivery::Part(200..300)),
            ("bytes=999-", Delivery::Part(999..1000)),
            ("bytes=990-5000", Delivery::Part(990..1000)),
            ("bytes=990-99999999999999999999999", Delivery::Part(990..1000)),
            ("bytes=-10", Delivery::Part(990..1000)),
            ("bytes=-5000", Delivery::Part(0..1000)),
            ("Bytes=5-6", Delivery::Part(5..7)),
            ("bytes=1000-", Delivery::Unsatisfiable),
            ("bytes=99999999999999999999999-", Delivery::Unsatisfiable),
            ("bytes=-0", Delivery::Unsatisfiable),
            // Nonsense and several ranges: the whole.
            ("bytes=5-2", Delivery::Whole),
            ("bytes=", Delivery::Whole),
            ("bytes=-", Delivery::Whole),
            ("bytes=a-b", Delivery::Whole),
            ("bytes=+1-2", Delivery::Whole),
            ("bytes=1-2-3", Delivery::Whole),
            ("bytes=0-1,5-6", Delivery::Whole),
            ("lines=0-1", Delivery::Whole),
            ("0-1", Delivery::Whole),
            ("", Delivery::Whole),
        ];
        for (range, expected) in rows {
            check(&[("range", range)], expected);
        }
    }

    #[test]
    fn conditions_come_before_ranges() {
        let part = ("range", "bytes=5-");
        check(&[part, ("if-range", ETAG)], Delivery::Part(5..1000));
        check(&[part, ("if-range", "\"other\"")], Delivery::Whole);
        check(&[part, ("if-range", "W/\"abc\"")], Delivery::Whole);
        check(&[part, ("if-range", "Sun, 22 Nov 2026 10:00:00 GMT")], Delivery::Whole);
        check(&[part, ("if-match", ETAG)], Delivery::Part(5..1000));
        check(&[part, ("if-match", "*")], Delivery::Part(5..1000));
        check(&[part, ("if-match", "\"x\", \"abc\"")], Delivery::Part(5..1000));
        check(&[part, ("if-match", "\"other\"")], Delivery::PreconditionFailed);
        check(&[part, ("if-match", "W/\"abc\"")], Delivery::PreconditionFailed);
        check(&[part, ("if-none-match", ETAG)], Delivery::NotModified);
        check(&[part, ("if-none-match", "W/\"abc\"")], Delivery::NotModified);
        check(&[("if-none-match", "\"x\""), ("if-none-match", "*")], Delivery::NotModified);
        check(&[part, ("if-none-match", "\"other\"")], Delivery::Part(5..1000));
        check(&[("if-match", "\"other\""), ("if-none-match", ETAG)], Delivery::PreconditionFailed);
        check(&[part, part], Delivery::Whole);
    }

    #[test]
    fn head_knows_no_ranges_and_nothing_is_beyond_every_range() {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=5-"))]);
        assert_eq!(decide(&Method::HEAD, &headers, 1000, ETAG), Delivery::Whole);
        assert_eq!(decide(&Method::GET, &headers, 0, ETAG), Delivery::Unsatisfiable);
    }
}
