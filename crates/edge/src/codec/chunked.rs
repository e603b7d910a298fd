//! The chunked coding, read strictly: CR LF everywhere, hexadecimal sizes without signs or blanks.
//!
//! Chunk extensions are read over and dropped; trailers are kept for whoever asks. Both are bounded.

use super::body::{BadBody, Piece};
use super::trailers::Trailers;
use bytes::BytesMut;

/// Most bytes of one size line or trailer line.
const LINE_BYTES_MAX: usize = 1024;
/// Most bytes of one chunk. Nobody sends such chunks, and sizes near the ends of the integers are read in several ways.
const CHUNK_BYTES_MAX: u64 = 1 << 40;

/// Where in the coding the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Done,
}

/// Reads one chunked body.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    stage: Stage,
    trailers: Trailers,
}

impl ChunkedDecoder {
    pub(crate) fn new() -> Self {
        Self { stage: Stage::Size, trailers: Trailers::default() }
    }

    /// The trailers, once the body is whole.
    pub(crate) fn take_trailers(&mut self) -> Trailers {
        std::mem::take(&mut self.trailers)
    }

    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Result<Piece, BadBody> {
        loop {
            match self.stage {
                Stage::Done => return Ok(Piece::End),
                Stage::Data(left) => return Ok(self.take_data(buffer, left)),
                Stage::Size | Stage::DataEnd | Stage::Trailer => {
                    let Some(line) = take_line(buffer)? else { return Ok(Piece::More) };
                    self.stage = self.after_line(&line)?;
                }
            }
        }
    }

    fn take_data(&mut self, buffer: &mut BytesMut, left: u64) -> Piece {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if size == 0 {
            return Piece::More;
        }
        let rest = left - size as u64;
        self.stage = if rest == 0 { Stage::DataEnd } else { Stage::Data(rest) };
        Piece::Data(buffer.split_to(size).freeze())
    }

    /// The stage behind a whole line.
    fn after_line(&mut self, line: &[u8]) -> Result<Stage, BadBody> {
        match self.stage {
            Stage::Size => Ok(match chunk_size(line)? {
                0 => Stage::Trailer,
                size => Stage::Data(size),
            }),
            Stage::DataEnd if line.is_empty() => Ok(Stage::Size),
            Stage::Trailer if line.is_empty() => Ok(Stage::Done),
            Stage::Trailer => self.trailers.take_line(line).map(|()| Stage::Trailer).map_err(|_| BadBody),
            _ => Err(BadBody),
        }
    }
}

/// Takes one line without its CR LF.
fn take_line(buffer: &mut BytesMut) -> Result<Option<BytesMut>, BadBody> {
    let window = &buffer[..buffer.len().min(LINE_BYTES_MAX)];
    match window.iter().position(|b| *b == b'\n') {
        Some(end) if end > 0 && buffer[end - 1] == b'\r' && !buffer[..end - 1].contains(&b'\r') => {
            let mut line = buffer.split_to(end + 1);
            line.truncate(end - 1);
            Ok(Some(line))
        }
        Some(_) => Err(BadBody),
        None if window.len() == LINE_BYTES_MAX => Err(BadBody),
        None => Ok(None),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, BadBody> {
    let end = line.iter().position(|b| *b == b';').unwrap_or(line.len());
    let (digits, extension) = line.split_at(end);
    let hexadecimal = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    if !hexadecimal || !extension.iter().all(|b| *b == b'\t' || (0x20..0x7f).contains(b)) {
        return Err(BadBody);
    }
    let size = std::str::from_utf8(digits).ok().and_then(|d| u64::from_str_radix(d, 16).ok());
    size.filter(|size| *size <= CHUNK_BYTES_MAX).ok_or(BadBody)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], step: usize) -> Result<Option<Vec<u8>>, BadBody> {
        let (mut decoder, mut buffer, mut body) = (ChunkedDecoder::new(), BytesMut::new(), Vec::new());
        for part in bytes.chunks(step) {
            buffer.extend_from_slice(part);
            loop {
                match decoder.take(&mut buffer)? {
                    Piece::Data(data) => body.extend_from_slice(&data),
                    Piece::More => break,
                    Piece::End => return Ok(Some(body)),
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn good_and_bad_codings() {
        let table: [(&str, Result<Option<&str>, BadBody>); 17] = [
            ("5\r\nhello\r\n0\r\n\r\n", Ok(Some("hello"))),
            ("5;a=b\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", Ok(Some("hello!"))),
            ("00A\r\n0123456789\r\n0\r\nX: y\r\n\r\n", Ok(Some("0123456789"))),
            ("0\r\n\r\n", Ok(Some(""))),
            ("5\r\nhel", Ok(None)),
            ("5\nhello\r\n0\r\n\r\n", Err(BadBody)),
            ("5\r\nhello0\r\n\r\n", Err(BadBody)),
            ("5\r\nhelloXX0\r\n\r\n", Err(BadBody)),
            ("-5\r\nhello\r\n0\r\n\r\n", Err(BadBody)),
            ("0x5\r\nhello\r\n0\r\n\r\n", Err(BadBody)),
            ("5 \r\nhello\r\n0\r\n\r\n", Err(BadBody)),
            ("\r\nhello\r\n0\r\n\r\n", Err(BadBody)),
            ("11112222333344445\r\nx", Err(BadBody)),
            ("7fffffffffffffff\r\nx", Err(BadBody)),
            ("10000000000\r\nx", Ok(None)),
            ("5;\r\rn\nhello", Err(BadBody)),
            ("0\r\nno trailer\r\n\r\n", Err(BadBody)),
        ];
        for (text, expected) in table {
            for step in [1, 3, text.len()] {
                let got = decode(text.as_bytes(), step);
                assert_eq!(got, expected.map(|e| e.map(|e| e.as_bytes().to_vec())), "{text:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn lines_and_trailers_are_bounded() {
        assert_eq!(decode(&[b'1'; 2 * LINE_BYTES_MAX], 100), Err(BadBody));
        let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(33));
        assert_eq!(decode(trailers.as_bytes(), 1000), Err(BadBody));
    }
}
