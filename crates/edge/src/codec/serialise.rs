//! Heads, written anew from what was understood: the only form in which anything leaves the edge.

use super::answer::AnswerLength;
use super::request::RequestHead;
use super::trace::Trace;
use super::trailers::announced;
use super::{AnswerHead, BodyEncoder, Field, Fields, Persistence, Version};
use bytes::{BufMut, BytesMut};
use std::fmt::Write;
use std::net::IpAddr;

/// Room for a usual head.
const HEAD_ROOM: usize = 512;
/// A body of at most this is put behind its head in the same buffer: one piece is cheaper to send than two.
const MERGED_MAX: u64 = 4 * 1024;

/// How a request goes on to a replica.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Onward<'a> {
    /// By which way it came.
    pub(crate) trace: Trace,
    /// How the body is framed.
    pub(crate) length: Outgoing,
    /// Ask for the rest of a body only: the value of `Range` and the strong ETag for `If-Range`.
    pub(crate) rest: Option<(&'a str, &'a [u8])>,
}

/// How an outgoing body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// None follows and none is announced.
    None,
    /// So many bytes follow.
    Known(u64),
    /// Chunks follow.
    Chunked,
}

/// A request's head as it goes on to a replica.
pub(crate) fn request_bytes(head: &RequestHead, onward: Onward<'_>) -> BytesMut {
    let mut out = BytesMut::with_capacity(HEAD_ROOM);
    out.put(head.method.as_bytes());
    out.put_u8(b' ');
    out.put(&head.target[..]);
    out.put(&b" HTTP/1.1\r\n"[..]);
    put_field(&mut out, b"Host", &head.host);
    for field in head.fields.end_to_end().filter(|f| goes_on(f, onward)) {
        put_field(&mut out, field.name, field.value);
    }
    onward.trace.put(&mut out, head);
    if let Some((range, etag)) = onward.rest {
        put_field(&mut out, b"Range", range.as_bytes());
        put_field(&mut out, b"If-Range", etag);
    }
    if let Some(protocol) = &head.upgrade {
        put_switch(&mut out, protocol);
    } else if takes_trailers(head) {
        put_field(&mut out, b"TE", b"trailers");
        put_field(&mut out, b"Connection", b"TE");
    }
    put_length(&mut out, onward.length);
    put_announced(&mut out, &head.fields, onward.length);
    out.put(&b"\r\n"[..]);
    out
}

/// True when a client says that it takes trailers, which go on to it. In HTTP/1.1 it has to say so of this connection:
/// else somebody on the way passed on what was said to him.
fn takes_trailers(head: &RequestHead) -> bool {
    let said = head.fields.lists("te", "trailers");
    said && (head.version == Version::Http2 || head.fields.lists("connection", "te"))
}

fn put_switch(out: &mut BytesMut, protocol: &[u8]) {
    put_field(out, b"Connection", b"Upgrade");
    put_field(out, b"Upgrade", protocol);
}

/// True for fields of a client that a replica shall see as they are.
fn goes_on(field: &Field<'_>, onward: Onward<'_>) -> bool {
    const REPLACED: [&str; 2] = ["host", "expect"];
    const CONDITIONS: [&str; 6] =
        ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
    let replaced = REPLACED.iter().any(|name| field.is(name)) || onward.trace.replaces(field);
    // The conditions were answered with the first head; asking them again could only lead elsewhere.
    let answered = onward.rest.is_some() && CONDITIONS.iter().any(|name| field.is(name));
    !replaced && !answered && !imitates(field)
}

/// True for `X_Forwarded_For` and the like: gateways that turn `-` and `_` into one would take it for ours.
fn imitates(field: &Field<'_>) -> bool {
    if !field.name.contains(&b'_') {
        return false;
    }
    let dashed: Vec<u8> = field.name.iter().map(|b| if *b == b'_' { b'-' } else { b.to_ascii_lowercase() }).collect();
    dashed.starts_with(b"x-forwarded-") || dashed == b"content-length" || dashed == b"transfer-encoding"
}

/// An answer's head as it goes out to a client, and how its body has to be written.
pub(crate) fn answer_bytes(head: &AnswerHead, client: Version, then: Persistence) -> (BytesMut, BodyEncoder) {
    let body = match head.length {
        AnswerLength::Known(bytes @ ..=MERGED_MAX) => bytes as usize,
        _ => 0,
    };
    let mut out = BytesMut::with_capacity(HEAD_ROOM + body);
    put_status(&mut out, head.status);
    for field in head.fields.end_to_end() {
        put_field(&mut out, field.name, field.value);
    }
    let length = match (head.length, client) {
        (AnswerLength::Bodiless { would_be }, _) => would_be.map_or(Outgoing::None, Outgoing::Known),
        (AnswerLength::Known(bytes), _) => Outgoing::Known(bytes),
        (AnswerLength::Chunked | AnswerLength::UntilClose, Version::Http10) => Outgoing::None,
        (AnswerLength::Chunked | AnswerLength::UntilClose, _) => Outgoing::Chunked,
    };
    put_length(&mut out, length);
    put_announced(&mut out, &head.fields, length);
    put_end(&mut out, then);
    let encoder = if length == Outgoing::Chunked { BodyEncoder::Chunked } else { BodyEncoder::Plain };
    (out, encoder)
}

/// The head that switches a client to a protocol.
pub(crate) fn switch_bytes(head: &AnswerHead, protocol: &[u8]) -> BytesMut {
    let mut out = BytesMut::with_capacity(HEAD_ROOM);
    put_status(&mut out, 101);
    for field in head.fields.end_to_end() {
        put_field(&mut out, field.name, field.value);
    }
    put_switch(&mut out, protocol);
    out.put(&b"\r\n"[..]);
    out
}

fn put_status(out: &mut BytesMut, status: u16) {
    out.put(&b"HTTP/1.1 "[..]);
    put_decimal(out, status.into());
    out.put_u8(b' ');
    out.put(reason(status).as_bytes());
    out.put(&b"\r\n"[..]);
}

fn put_end(out: &mut BytesMut, then: Persistence) {
    if then == Persistence::Close {
        put_field(out, b"Connection", b"close");
    }
    out.put(&b"\r\n"[..]);
}

fn put_length(out: &mut BytesMut, length: Outgoing) {
    match length {
        Outgoing::None => {}
        Outgoing::Known(bytes) => {
            out.put(&b"Content-Length: "[..]);
            put_decimal(out, bytes);
            out.put(&b"\r\n"[..]);
        }
        Outgoing::Chunked => put_field(out, b"Transfer-Encoding", b"chunked"),
    }
}

/// Trailers are announced where there is a place for them.
fn put_announced(out: &mut BytesMut, fields: &Fields, length: Outgoing) {
    if length == Outgoing::Chunked {
        announced(fields).for_each(|names| put_field(out, b"Trailer", names));
    }
}

pub(super) fn put_display(out: &mut BytesMut, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a buffer in memory takes everything");
}

/// Digits of the largest number.
pub(super) const DIGITS_MAX: usize = 20;

/// A number's digits, without the machinery of formatting, which costs as much as the rest of a short head.
pub(super) fn digits(mut number: u64, room: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut start = DIGITS_MAX;
    loop {
        start -= 1;
        // A digit fits into a byte.
        room[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[start..];
        }
    }
}

fn put_decimal(out: &mut BytesMut, number: u64) {
    out.extend_from_slice(digits(number, &mut [0; DIGITS_MAX]));
}

/// Writes an address as it is usually written.
pub(super) fn put_address(out: &mut BytesMut, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (i, octet) in address.octets().into_iter().enumerate() {
                if i > 0 {
                    out.put_u8(b'.');
                }
                put_decimal(out, octet.into());
            }
        }
        IpAddr::V6(address) => put_display(out, address),
    }
}

pub(super) fn put_field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + b": \r\n".len());
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The phrase behind a status; empty for those that nobody reads.
pub(crate) const fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
