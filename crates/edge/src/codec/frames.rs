//! HTTP/2 frames seen from beside: which ones pass in a stream of bytes, without a look into what they carry.
//!
//! The `h2` library speaks the protocol; this only counts along, so that floods are noticed that the library has no
//! figure for. Source: RFC 9113, 4.1 (frame format) and 6 (frame definitions).

/// Bytes of a frame's head.
const HEAD: usize = 9;
/// Bytes of a reset: a head and an error code.
const RESET: usize = HEAD + 4;
const FLAG_ACK: u8 = 0x1;
const FLAG_END_STREAM: u8 = 0x1;
const FLAG_END_HEADERS: u8 = 0x4;

/// What a client of HTTP/2 sends first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    Data {
        length: usize,
        last: Last,
    },
    /// HEADERS or CONTINUATION.
    HeaderBlock {
        length: usize,
        last: Last,
    },
    Reset {
        stream: u32,
        code: u32,
    },
    Ping,
    Settings,
    WindowUpdate,
    /// Acknowledgements, priorities, and whatever is not known.
    Other,
}

/// Whether a frame ends what it belongs to: a stream's data, a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Yes,
    No,
}

/// Finds the frames in a stream of bytes, however it is cut.
#[derive(Debug)]
pub(crate) struct FrameScanner {
    /// Bytes that are of no interest and still to pass.
    skip: usize,
    head: [u8; RESET],
    have: usize,
}

impl FrameScanner {
    /// For the bytes of a client, which begin with the preface.
    pub(crate) const fn behind_preface() -> Self {
        Self { skip: PREFACE.len(), head: [0; RESET], have: 0 }
    }

    /// For the bytes of a server.
    pub(crate) const fn new() -> Self {
        Self { skip: 0, head: [0; RESET], have: 0 }
    }

    /// Takes in the next bytes, and tells of each frame as soon as it is known.
    pub(crate) fn scan(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Frame)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let taken = (self.wanted() - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == self.wanted() {
                self.skip = HEAD + self.length() - self.have;
                self.have = 0;
                tell(self.frame());
            }
        }
    }

    /// Bytes after which the frame is known: of a reset all, of the others the head.
    fn wanted(&self) -> usize {
        if self.have >= HEAD && self.is_reset() { RESET } else { HEAD }
    }

    fn is_reset(&self) -> bool {
        self.head[3] == 3 && self.length() == RESET - HEAD
    }

    fn length(&self) -> usize {
        usize::from(self.head[0]) << 16 | usize::from(self.head[1]) << 8 | usize::from(self.head[2])
    }

    fn frame(&self) -> Frame {
        let flag = |flag: u8| self.head[4] & flag != 0;
        let last = |at: u8| if flag(at) { Last::Yes } else { Last::No };
        let number = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| self.head[at + i]));
        let length = self.length();
        match self.head[3] {
            0 => Frame::Data { length, last: last(FLAG_END_STREAM) },
            1 | 9 => Frame::HeaderBlock { length, last: last(FLAG_END_HEADERS) },
            3 if self.is_reset() => Frame::Reset { stream: number(5) & 0x7fff_ffff, code: number(HEAD) },
            4 if !flag(FLAG_ACK) => Frame::Settings,
            6 if !flag(FLAG_ACK) => Frame::Ping,
            8 => Frame::WindowUpdate,
            _ => Frame::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream][..], payload].concat()
    }

    #[test]
    fn frames_are_seen_however_the_bytes_are_cut() {
        let all = [
            PREFACE.to_vec(),
            bytes(4, 0, 0, &[0; 6]),
            bytes(4, 1, 0, &[]),
            bytes(1, 0, 1, b"head"),
            bytes(9, 4, 1, b"more"),
            bytes(0, 0, 1, b""),
            bytes(0, 1, 1, b"data"),
            bytes(3, 0, 7, &[0, 0, 0, 8]),
            bytes(6, 0, 0, &[0; 8]),
            bytes(6, 1, 0, &[0; 8]),
            bytes(8, 0, 0, &[0, 0, 0, 1]),
            bytes(3, 0, 9, &[1]),
            bytes(0x10, 0, 0, b"priority"),
        ]
        .concat();
        let expected = [
            Frame::Settings,
            Frame::Other,
            Frame::HeaderBlock { length: 4, last: Last::No },
            Frame::HeaderBlock { length: 4, last: Last::Yes },
            Frame::Data { length: 0, last: Last::No },
            Frame::Data { length: 4, last: Last::Yes },
            Frame::Reset { stream: 7, code: 8 },
            Frame::Ping,
            Frame::Other,
            Frame::WindowUpdate,
            Frame::Other,
            Frame::Other,
        ];
        for step in 1..=all.len() {
            let (mut scanner, mut seen) = (FrameScanner::behind_preface(), Vec::new());
            all.chunks(step).for_each(|part| scanner.scan(part, |frame| seen.push(frame)));
            assert_eq!(seen, expected, "in steps of {step}");
        }
    }
}
