//! The PROXY protocol, versions 1 and 2: what a proxy in front says of a connection before the client's own bytes.
//!
//! Its reader asks for exactly as many bytes as belong to the header for sure, so nothing of what follows is taken.
//! Source: HAProxy's `proxy-protocol.txt`, sections 2.1 and 2.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const V2_HEAD: usize = 16;
/// Most bytes behind it: addresses and what else a proxy tells.
const V2_REST_MAX: usize = 2 * 1024;
/// What version 1 begins with.
const V1_START: &[u8; 6] = b"PROXY ";
/// Longest line of version 1, its end included.
const V1_MAX: usize = 107;
/// The shortest header of all is `PROXY UNKNOWN`, CR LF.
const SHORTEST: usize = 15;

/// How far a header has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// At least so many more bytes belong to it.
    Needs(usize),
    /// It is whole.
    Whole(Source),
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The proxy's own, or one of which it knows nothing.
    Unknown,
    /// Of this client.
    Client(IpAddr),
}

/// There is no header where one has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no PROXY protocol header: {0}")]
pub(crate) struct BadHeader(&'static str);

/// Reads a header from its beginning.
///
/// # Errors
/// When it cannot become one.
pub(crate) fn parse_proxy_header(bytes: &[u8]) -> Result<Progress, BadHeader> {
    let begins = |with: &[u8]| with.starts_with(&bytes[..bytes.len().min(with.len())]);
    if begins(SIGNATURE) {
        return version_2(bytes);
    }
    if begins(V1_START) {
        return version_1(bytes);
    }
    Err(BadHeader("it begins otherwise"))
}

fn version_2(bytes: &[u8]) -> Result<Progress, BadHeader> {
    let Some((head, rest)) = bytes.split_first_chunk::<V2_HEAD>() else {
        // Until the signature is whole it may still be what only looks like one.
        let known = if bytes.len() < SIGNATURE.len() { SHORTEST } else { V2_HEAD };
        return Ok(Progress::Needs(known.saturating_sub(bytes.len())));
    };
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if head[12] >> 4 != 2 {
        return Err(BadHeader("a version other than 1 and 2"));
    }
    if length > V2_REST_MAX {
        return Err(BadHeader("it is too long"));
    }
    if rest.len() < length {
        return Ok(Progress::Needs(length - rest.len()));
    }
    let source = match head[12] & 0xf {
        0 => Source::Unknown,
        1 => proxied(head[13], rest)?,
        _ => return Err(BadHeader("an unknown command")),
    };
    Ok(Progress::Whole(source))
}

/// The source address stands first.
fn proxied(family: u8, rest: &[u8]) -> Result<Source, BadHeader> {
    const SHORT: BadHeader = BadHeader("too short for its addresses");
    // Two addresses and two ports.
    const V4: usize = 2 * 4 + 2 * 2;
    const V6: usize = 2 * 16 + 2 * 2;
    match family {
        0x11 => {
            let source: [u8; 4] = *rest.first_chunk::<V4>().ok_or(SHORT)?.first_chunk().ok_or(SHORT)?;
            Ok(Source::Client(Ipv4Addr::from(source).into()))
        }
        0x21 => {
            let source: [u8; 16] = *rest.first_chunk::<V6>().ok_or(SHORT)?.first_chunk().ok_or(SHORT)?;
            Ok(Source::Client(Ipv6Addr::from(source).to_canonical()))
        }
        0x00 => Ok(Source::Unknown),
        _ => Err(BadHeader("neither TCP over IPv4 nor over IPv6")),
    }
}

fn version_1(bytes: &[u8]) -> Result<Progress, BadHeader> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        if bytes.len() >= V1_MAX || bytes.contains(&b'\n') {
            return Err(BadHeader("a line without its end"));
        }
        let missing = if bytes.ends_with(b"\r") { 1 } else { 2 };
        return Ok(Progress::Needs(SHORTEST.saturating_sub(bytes.len()).max(missing)));
    };
    let text = std::str::from_utf8(line).map_err(|_| BadHeader("a line that is no text"))?;
    let mut words = text.split(' ').skip(1);
    let source = match words.next() {
        Some("UNKNOWN") => return Ok(Progress::Whole(Source::Unknown)),
        Some("TCP4") => two::<Ipv4Addr>(&mut words).map(IpAddr::from),
        Some("TCP6") => two::<Ipv6Addr>(&mut words).map(|ip| ip.to_canonical()),
        _ => None,
    };
    let whole = port(words.next()) && port(words.next()) && words.next().is_none();
    match source {
        Some(address) if whole => Ok(Progress::Whole(Source::Client(address))),
        _ => Err(BadHeader("a line that says something else")),
    }
}

/// The first of two addresses.
fn two<'a, A: std::str::FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Option<A> {
    let source = words.next()?.parse().ok()?;
    let _destination: A = words.next()?.parse().ok()?;
    Some(source)
}

fn port(word: Option<&str>) -> bool {
    word.is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit()) && word.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    /// Reads as a socket would be read: never more than is asked for.
    fn read(bytes: &[u8]) -> (Result<Source, BadHeader>, usize) {
        let mut taken = 0;
        loop {
            match parse_proxy_header(&bytes[..taken]) {
                Ok(Progress::Whole(source)) => return (Ok(source), taken),
                Ok(Progress::Needs(n)) if taken + n <= bytes.len() => taken += n,
                Ok(Progress::Needs(_)) => return (Err(BadHeader("the test's bytes end")), taken),
                Err(bad) => return (Err(bad), taken),
            }
        }
    }

    #[test]
    fn headers_are_read_to_their_end_and_no_further() {
        let v4: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0, 9, 1, 187];
        let mut v6 = [0_u8; 36];
        v6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        v6[15] = 5;
        let client = |text: &str| Source::Client(text.parse().expect("an address"));
        let table = [
            (v2(0x21, 0x11, v4), client("192.0.2.7")),
            (v2(0x21, 0x11, &[v4, &[4, 0, 1, 0]].concat()), client("192.0.2.7")),
            (v2(0x21, 0x21, &v6), client("2001:db8::5")),
            (v2(0x20, 0x00, &[]), Source::Unknown),
            (v2(0x20, 0x11, v4), Source::Unknown),
            (v2(0x21, 0x00, &[]), Source::Unknown),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n".to_vec(), client("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::5 ::1 1 2\r\n".to_vec(), client("2001:db8::5")),
            (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n".to_vec(), client("192.0.2.7")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Source::Unknown),
            (b"PROXY UNKNOWN ffff:f::1 ffff:f::2 65535 65535\r\n".to_vec(), Source::Unknown),
        ];
        for (header, expected) in table {
            let followed = [&header[..], b"GET / HTTP/1.1\r\n\r\n and more of it"].concat();
            assert_eq!(read(&followed), (Ok(expected), header.len()), "{:?}", String::from_utf8_lossy(&header));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let long = format!("PROXY UNKNOWN {}", "x".repeat(120));
        let table: [Vec<u8>; 16] = [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00".to_vec(),
            b"\r\n\r\n\0\r\nQUIT\rabcdefgh".to_vec(),
            v2(0x11, 0x11, &[0; 12]),
            v2(0x22, 0x11, &[0; 12]),
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x21, &[0; 35]),
            v2(0x21, 0x12, &[0; 12]),
            v2(0x21, 0x31, &[0; 216]),
            v2(0x21, 0x11, &[0; V2_REST_MAX + 1]),
            b"PROXY TCP4 2001:db8::5 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 65536\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n\n\n\n".to_vec(),
            long.into_bytes(),
        ];
        for header in table {
            let (result, _) = read(&header);
            assert!(result.is_err(), "{:?}: {result:?}", String::from_utf8_lossy(&header));
            assert_ne!(result, Err(BadHeader("the test's bytes end")), "{:?}", String::from_utf8_lossy(&header));
        }
    }
}
