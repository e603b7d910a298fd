//! Frames of HTTP/2: what stands in front of each, and those that the edge writes.
//!
//! Source: RFC 9113, 4.1 (frame format), 6 (frame definitions), 7 (error codes).

use bytes::{BufMut, BytesMut};

/// What a client of HTTP/2 sends first.
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes in front of each frame.
pub(crate) const HEAD: usize = 9;
/// Longest frame that is taken, and the longest that is sent: what holds before anybody says otherwise.
pub(crate) const FRAME_MAX: usize = 16 * 1024;

pub(crate) const FLAG_ACK: u8 = 0x1;
pub(crate) const FLAG_END_STREAM: u8 = 0x1;
pub(crate) const FLAG_END_HEADERS: u8 = 0x4;
pub(crate) const FLAG_PADDED: u8 = 0x8;
pub(crate) const FLAG_PRIORITY: u8 = 0x20;

/// Kinds of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// To be passed over.
    Unknown,
}

/// Why a stream or a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum ErrorCode {
    NoError = 0x0,
    Protocol = 0x1,
    Internal = 0x2,
    FlowControl = 0x3,
    StreamClosed = 0x5,
    FrameSize = 0x6,
    RefusedStream = 0x7,
    Cancel = 0x8,
    Compression = 0x9,
    Calm = 0xb,
}

/// Whether a frame ends what it belongs to: a stream's data, a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Yes,
    No,
}

impl Last {
    pub(crate) const fn of(flags: u8, flag: u8) -> Self {
        if flags & flag != 0 { Self::Yes } else { Self::No }
    }

    const fn flag(self, flag: u8) -> u8 {
        match self {
            Self::Yes => flag,
            Self::No => 0,
        }
    }
}

/// What stands in front of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) length: usize,
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    /// 0 for what concerns the connection.
    pub(crate) stream: u32,
}

impl FrameHead {
    pub(crate) const fn parse(bytes: [u8; HEAD]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            2 => Kind::Priority,
            3 => Kind::Reset,
            4 => Kind::Settings,
            5 => Kind::PushPromise,
            6 => Kind::Ping,
            7 => Kind::GoAway,
            8 => Kind::WindowUpdate,
            9 => Kind::Continuation,
            _ => Kind::Unknown,
        };
        let length = (a as usize) << 16 | (b as usize) << 8 | c as usize;
        // The highest bit is reserved.
        Self { length, kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff }
    }

    pub(crate) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The length of a frame has three bytes; ours are far shorter than what those count.
fn put_head(out: &mut BytesMut, length: usize, kind: u8, flags: u8, stream: u32) {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind, flags, d, e, f, g]);
}

/// What stands in front of so many bytes of a stream's data.
pub(crate) fn put_data_head(out: &mut BytesMut, stream: u32, length: usize, last: Last) {
    put_head(out, length, 0, last.flag(FLAG_END_STREAM), stream);
}

/// Leaves room for a header block, which [`end_block`] ends. Says where it begins.
pub(crate) fn begin_block(out: &mut BytesMut) -> usize {
    let start = out.len();
    out.put_bytes(0, HEAD);
    start
}

/// Makes frames of a header block that was written behind [`begin_block`].
pub(crate) fn end_block(out: &mut BytesMut, start: usize, stream: u32, last: Last) {
    let length = out.len() - start - HEAD;
    if length > FRAME_MAX {
        return cut_block(out, start, stream, last);
    }
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    let flags = FLAG_END_HEADERS | last.flag(FLAG_END_STREAM);
    out[start..start + HEAD].copy_from_slice(&[a, b, c, 1, flags, d, e, f, g]);
}

/// A block that is longer than one frame.
fn cut_block(out: &mut BytesMut, start: usize, stream: u32, last: Last) {
    let block = out.split_off(start + HEAD);
    out.truncate(start);
    let count = block.len().div_ceil(FRAME_MAX);
    for (i, part) in block.chunks(FRAME_MAX).enumerate() {
        let end = if i + 1 == count { FLAG_END_HEADERS } else { 0 };
        let (kind, flags) = if i == 0 { (1, end | last.flag(FLAG_END_STREAM)) } else { (9, end) };
        put_head(out, part.len(), kind, flags, stream);
        out.extend_from_slice(part);
    }
}

pub(crate) fn put_reset(out: &mut BytesMut, stream: u32, code: ErrorCode) {
    put_head(out, 4, 3, 0, stream);
    out.put_u32(code as u32);
}

/// Settings: pairs of a number and a value.
pub(crate) fn put_settings(out: &mut BytesMut, settings: &[(u16, u32)]) {
    put_head(out, settings.len() * 6, 4, 0, 0);
    for (number, value) in settings {
        out.put_u16(*number);
        out.put_u32(*value);
    }
}

pub(crate) fn put_settings_ack(out: &mut BytesMut) {
    put_head(out, 0, 4, FLAG_ACK, 0);
}

pub(crate) fn put_ping(out: &mut BytesMut, payload: &[u8; 8]) {
    put_head(out, 8, 6, 0, 0);
    out.extend_from_slice(payload);
}

pub(crate) fn put_pong(out: &mut BytesMut, payload: &[u8]) {
    put_head(out, payload.len(), 6, FLAG_ACK, 0);
    out.extend_from_slice(payload);
}

/// Says that no stream behind `last` is served.
pub(crate) fn put_goaway(out: &mut BytesMut, last: u32, code: ErrorCode) {
    put_head(out, 8, 7, 0, 0);
    out.put_u32(last);
    out.put_u32(code as u32);
}

pub(crate) fn put_window_update(out: &mut BytesMut, stream: u32, more: u32) {
    put_head(out, 4, 8, 0, stream);
    out.put_u32(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(mut bytes: &[u8]) -> Vec<FrameHead> {
        let mut heads = Vec::new();
        while let Some((head, rest)) = bytes.split_first_chunk() {
            let head = FrameHead::parse(*head);
            bytes = &rest[head.length..];
            heads.push(head);
        }
        assert!(bytes.is_empty());
        heads
    }

    #[test]
    fn a_long_block_is_cut_into_frames() {
        for (length, frames) in [(0, 1), (FRAME_MAX, 1), (FRAME_MAX + 1, 2), (3 * FRAME_MAX, 3)] {
            let mut out = BytesMut::from(&b"\0\0\0\x04\x01\0\0\0\0"[..]);
            let start = begin_block(&mut out);
            out.put_bytes(b'x', length);
            end_block(&mut out, start, 5, Last::Yes);
            let heads = heads(&out);
            let (settings, block) = heads.split_first().expect("frames");
            assert_eq!((settings.kind, block.len()), (Kind::Settings, frames), "{length}");
            assert_eq!(block.iter().map(|head| head.length).sum::<usize>(), length);
            assert!(block[0].kind == Kind::Headers && block[0].has(FLAG_END_STREAM));
            assert!(
                block[1..].iter().all(|head| head.kind == Kind::Continuation && head.flags & !FLAG_END_HEADERS == 0)
            );
            let ends: Vec<bool> = block.iter().map(|head| head.has(FLAG_END_HEADERS)).collect();
            assert_eq!(ends.iter().position(|end| *end), Some(frames - 1), "the last one ends the block");
        }
    }

    #[test]
    fn the_reserved_bit_says_nothing() {
        let head = FrameHead::parse([1, 2, 3, 8, 9, 0x80, 0, 1, 0]);
        assert_eq!(head, FrameHead { length: 0x01_0203, kind: Kind::WindowUpdate, flags: 9, stream: 256 });
    }
}
