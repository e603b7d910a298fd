//! Host and port as `Host` says them, read strictly: servers disagree on everything but the plain forms.
//!
//! A name is labels of letters, digits, `-` and `_` between single dots; an IPv6 address stands in brackets; a port is a
//! number. Encoded bytes, empty labels but the last, and users are refused. Source: RFC 3986, 3.2.2, less what no name needs.

use std::net::Ipv6Addr;

/// True for a host, with or without a port.
pub(super) fn is_host(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').is_some_and(|(address, port)| is_v6(address) && is_port(port)),
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            is_name(name) && is_port(port)
        }
    }
}

fn is_v6(address: &str) -> bool {
    address.parse::<Ipv6Addr>().is_ok()
}

/// Nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    text.is_empty() || text.strip_prefix(':').is_some_and(digits)
}

fn is_name(text: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    // A dot at the end says that the name is complete.
    text.strip_suffix('.').unwrap_or(text).split('.').all(label)
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
