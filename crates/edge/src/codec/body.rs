//! Bodies: pieces out of bytes, and bytes out of pieces.

use super::chunked::ChunkedDecoder;
use super::trailers::Trailers;
use bytes::{Bytes, BytesMut};

/// What a decoder found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Body bytes, never empty.
    Data(Bytes),
    /// Nothing more in this buffer.
    More,
    /// The body is whole.
    End,
}

/// The body is not in the coding it was said to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is malformed")]
pub(crate) struct BadBody;

/// Reads one body.
#[derive(Debug)]
pub(crate) enum BodyDecoder {
    /// So many bytes are still to come.
    Length(u64),
    /// In chunks.
    Chunked(ChunkedDecoder),
    /// All that comes.
    UntilClose,
}

impl BodyDecoder {
    pub(crate) const fn length(bytes: u64) -> Self {
        Self::Length(bytes)
    }

    pub(crate) fn chunked() -> Self {
        Self::Chunked(ChunkedDecoder::new())
    }

    pub(crate) const fn until_close() -> Self {
        Self::UntilClose
    }

    /// Takes the next piece off the front of `buffer`.
    ///
    /// # Errors
    /// When the bytes are not in the coding.
    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Result<Piece, BadBody> {
        match self {
            Self::Length(0) => Ok(Piece::End),
            Self::Chunked(chunks) => chunks.take(buffer),
            Self::Length(_) | Self::UntilClose if buffer.is_empty() => Ok(Piece::More),
            Self::UntilClose => Ok(Piece::Data(buffer.split().freeze())),
            Self::Length(left) => {
                let size = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= size as u64;
                Ok(Piece::Data(buffer.split_to(size).freeze()))
            }
        }
    }

    /// The trailers behind the body, once it is whole; only chunks have any.
    pub(crate) fn take_trailers(&mut self) -> Trailers {
        match self {
            Self::Chunked(chunks) => chunks.take_trailers(),
            Self::Length(_) | Self::UntilClose => Trailers::default(),
        }
    }

    /// Bytes still to come, where they are known and come as they are.
    pub(crate) const fn plain_left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// So many bytes of a plain body went another way.
    pub(crate) fn pass(&mut self, bytes: u64) {
        if let Self::Length(left) = self {
            *left = left.checked_sub(bytes).expect("no more bytes go by than are left");
        }
    }

    /// True when the sender may close now without having cut the body.
    pub(crate) const fn may_end(&self) -> bool {
        matches!(self, Self::Length(0) | Self::UntilClose)
    }
}

/// Writes one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyEncoder {
    /// As it is: its length was said, or the end of the connection ends it.
    Plain,
    /// In chunks, one a piece.
    Chunked,
}

impl BodyEncoder {
    /// Hands a piece, framed, to `sink`.
    pub(crate) fn piece(self, data: Bytes, mut sink: impl FnMut(Bytes)) {
        match self {
            Self::Plain => sink(data),
            Self::Chunked => {
                sink(Bytes::from(format!("{:x}\r\n", data.len())));
                sink(data);
                sink(Bytes::from_static(b"\r\n"));
            }
        }
    }

    /// The bytes behind the last piece. Trailers go with chunks only.
    pub(crate) fn end(self, trailers: &Trailers) -> Bytes {
        match self {
            Self::Plain => Bytes::new(),
            Self::Chunked if trailers.is_empty() => Bytes::from_static(b"0\r\n\r\n"),
            Self::Chunked => {
                let mut out = BytesMut::from(&b"0\r\n"[..]);
                trailers.put(&mut out);
                out.extend_from_slice(b"\r\n");
                out.freeze()
            }
        }
    }
}
