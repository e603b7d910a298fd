//! Host and port as `Host` says them, read strictly: servers disagree on everything but the plain forms.
//!
//! A name is labels of letters, digits, `-` and `_` between single dots; an IPv6 address stands in brackets; a port is a
//! number. Encoded bytes, empty labels but the last, and users are refused. Source: RFC 3986, 3.2.2, less what no name needs.

use super::fields::decimal;
use std::net::Ipv6Addr;

/// True for a host, with or without a port.
pub(super) fn is_host(text: &[u8]) -> bool {
    if let Some(rest) = text.strip_prefix(b"[") {
        let end = rest.iter().position(|b| *b == b']');
        return end.is_some_and(|end| is_v6(&rest[..end]) && is_port(&rest[end + 1..]));
    }
    let end = text.iter().position(|b| *b == b':').unwrap_or(text.len());
    is_name(&text[..end]) && is_port(&text[end..])
}

fn is_v6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Nothing, or a colon and a number.
fn is_port(text: &[u8]) -> bool {
    let Some(port) = text.strip_prefix(b":") else { return text.is_empty() };
    decimal(port).is_some_and(|port| port <= u64::from(u16::MAX))
}

fn is_name(text: &[u8]) -> bool {
    // A dot at the end says that the name is complete.
    let text = text.strip_suffix(b".").unwrap_or(text);
    let mut previous = b'.';
    for byte in text {
        let fits = if *byte == b'.' { previous != b'.' } else { byte.is_ascii_alphanumeric() || b"-_".contains(byte) };
        if !fits {
            return false;
        }
        previous = *byte;
    }
    previous != b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_what_only_looks_like_one() {
        for good in ["a", "a.b-c.example", "A_1", "a.", "127.0.0.1", "a:80", "a:065", "[::1]", "[::ffff:10.0.0.1]:8000"]
        {
            assert!(is_host(good.as_bytes()), "{good:?}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "a..b",
            "a...",
            "a b",
            "a/b",
            "a@b",
            "a,b",
            "a%2eb",
            "a~b",
            "a?b",
            "a#b",
            "a\\b",
            "a:",
            "a:b",
            "a:+80",
            "a:65536",
            "a:80:80",
            ":80",
            "[::1",
            "::1",
            "[]",
            "[a]",
            "[::1]a",
            "[::1]:",
            "[::1%25lo]",
            "[::1]:x",
            "a]",
            "\u{e4}",
            "a\u{1}",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad:?}");
        }
        assert!(!is_host(b"\xff"));
    }
}
