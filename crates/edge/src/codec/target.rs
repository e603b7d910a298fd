//! The target of a request in one form, so that routing decides on the very text that is forwarded (invariant H6).
//!
//! Normalised: unneeded percent-encodings are decoded, needed ones get capital digits, repeated slashes become
//! one. Refused, because servers disagree on their meaning: dot segments in any spelling, encoded slashes,
//! backslashes and control characters, path parameters (`;`), raw bytes outside visible ASCII, broken encodings, fragments.

use super::Refusal;
use std::borrow::Cow;

/// What a request line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The host of an absolute form, as written.
    pub(crate) authority: Option<&'a str>,
    /// The normalised path with the query, as it goes on.
    pub(crate) path_and_query: Cow<'a, str>,
    /// Length of the path in it.
    pub(crate) path_length: usize,
}

/// Reads a target in origin form or absolute form.
///
/// # Errors
/// When the target is of another form or has anything in it that is refused.
pub(crate) fn parse_target(raw: &str) -> Result<Target<'_>, Refusal> {
    let (authority, rest) = split_authority(raw)?;
    let (path, query) = rest.split_once('?').map_or((rest, None), |(p, q)| (p, Some(q)));
    if let Some(query) = query {
        check_query(query)?;
    }
    if is_normal(path) {
        return Ok(Target { authority, path_and_query: rest.into(), path_length: path.len() });
    }
    let mut text = normalise_path(path)?;
    let path_length = text.len();
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    Ok(Target { authority, path_and_query: text.into(), path_length })
}

fn split_authority(raw: &str) -> Result<(Option<&str>, &str), Refusal> {
    if raw.starts_with('/') {
        return Ok((None, raw));
    }
    let scheme = raw.get(..7).filter(|s| s.eq_ignore_ascii_case("http://"));
    let rest = scheme.map(|_| &raw[7..]).ok_or(Refusal::Malformed("neither a path nor an http address"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = if path.is_empty() { "/" } else { path };
    if !path.starts_with('/') {
        return Err(Refusal::Malformed("an address without a path"));
    }
    Ok((Some(authority), path))
}

/// True for a path that is surely in normal form, as nearly all are; the others are looked at more closely.
fn is_normal(path: &str) -> bool {
    let mut previous = 0;
    path.bytes().all(|byte| {
        let plain = matches!(byte, 0x21..=0x7e) && !matches!(byte, b'%' | b'\\' | b';' | b'#');
        let special = previous == b'/' && matches!(byte, b'/' | b'.');
        previous = byte;
        plain && !special
    })
}

fn normalise_path(path: &str) -> Result<String, Refusal> {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => decode(bytes.next(), bytes.next(), &mut out)?,
            b'/' if out.ends_with('/') => {}
            b'\\' | b';' | b'#' => return Err(Refusal::Malformed("a character that has no place in a path")),
            0x21..=0x7e => out.push(char::from(byte)),
            _ => return Err(Refusal::Malformed("a raw byte in the path")),
        }
    }
    if out.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(Refusal::Malformed("a dot segment in the path"));
    }
    Ok(out)
}

fn decode(high: Option<u8>, low: Option<u8>, out: &mut String) -> Result<(), Refusal> {
    let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
    let (Some(high), Some(low)) = (digit(high), digit(low)) else {
        return Err(Refusal::Malformed("a broken percent-encoding"));
    };
    // Two hexadecimal digits always fit into a byte.
    let byte = (high * 16 + low) as u8;
    match byte {
        b'/' | b'\\' => return Err(Refusal::Malformed("an encoded separator in the path")),
        // Servers decode the path and write it elsewhere: an encoded line break there begins a field of its own.
        0..0x20 | 0x7f => return Err(Refusal::Malformed("an encoded control character in the path")),
        b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(char::from(byte)),
        _ => out.push_str(&format!("%{byte:02X}")),
    }
    Ok(())
}

fn check_query(query: &str) -> Result<(), Refusal> {
    let honest = query.bytes().all(|b| (0x21..=0x7e).contains(&b) && b != b'#');
    if honest { Ok(()) } else { Err(Refusal::Malformed("a raw byte in the query")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_each_meaning() {
        let table = [
            ("/", "/"),
            ("/rest/ping", "/rest/ping"),
            ("//rest///ping", "/rest/ping"),
            ("/%72est/%7Euser", "/rest/~user"),
            ("/a%20b%c3%a4", "/a%20b%C3%A4"),
            ("/a?b=../%2f\\", "/a?b=../%2f\\"),
            ("/a..b/...", "/a..b/..."),
            ("http://h/a?b", "/a?b"),
            ("http://h", "/"),
        ];
        for (raw, normal) in table {
            let target = parse_target(raw).expect(raw);
            assert_eq!(target.path_and_query, normal, "{raw}");
            assert_eq!(parse_target(normal).expect("normal").path_and_query, normal, "normalising twice: {raw}");
        }
        assert_eq!(parse_target("HTTP://h:1/a").expect("absolute").authority, Some("h:1"));
    }

    #[test]
    fn what_servers_disagree_on_is_refused() {
        for raw in [
            "",
            "*",
            "a",
            "https://h/",
            "ftp://h/",
            "http://h?x",
            "/..",
            "/../a",
            "/a/..",
            "/a/./b",
            "/%2e%2e/a",
            "/.%2E/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0d%0ab",
            "/a%7F",
            "/a;b",
            "/..;/a",
            "/a#b",
            "/a?b#c",
            "/%",
            "/%4",
            "/%zz",
            "/\u{e4}",
            "/a b",
            "/a?b c",
            "/a\x7f",
        ] {
            assert!(parse_target(raw).is_err(), "{raw:?}");
        }
    }
}
