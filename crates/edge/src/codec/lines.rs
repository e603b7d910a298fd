//! Where a head ends, and whether its lines are honest.

use super::{HEAD_BYTES_MAX, Refusal};
use memchr::memchr3;

/// Finds the end of a head in a growing buffer without looking at any byte twice, however slowly it grows.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    scanned: usize,
    /// Where the line that is scanned began.
    line: usize,
}

impl HeadScanner {
    /// Length of the whole head, its empty line included; `None` while it is incomplete.
    ///
    /// # Errors
    /// When the head is longer than [`HEAD_BYTES_MAX`], or a line ends in anything but CR LF.
    pub(crate) fn scan(&mut self, buffer: &[u8]) -> Result<Option<usize>, Refusal> {
        let head = &buffer[..buffer.len().min(HEAD_BYTES_MAX)];
        while let Some(found) = memchr3(b'\r', b'\n', 0, &head[self.scanned..]) {
            let at = self.scanned + found;
            match (head[at], head.get(at + 1)) {
                (b'\r', Some(b'\n')) if at == self.line && at > 0 => {
                    *self = Self::default();
                    return Ok(Some(at + 2));
                }
                (b'\r', Some(b'\n')) => *self = Self { scanned: at + 2, line: at + 2 },
                (b'\r', Some(_)) => return Err(Refusal::Malformed("bare carriage return")),
                (b'\r', None) => {
                    self.scanned = at;
                    return self.incomplete(buffer);
                }
                (b'\n', _) => return Err(Refusal::Malformed("bare line feed")),
                _ => return Err(Refusal::Malformed("NUL in the head")),
            }
        }
        self.scanned = head.len();
        self.incomplete(buffer)
    }

    fn incomplete(&self, buffer: &[u8]) -> Result<Option<usize>, Refusal> {
        if buffer.len() >= HEAD_BYTES_MAX { Err(Refusal::HeadTooLarge) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_end_at_an_empty_line_only() {
        type Row = (&'static [u8], Result<Option<usize>, &'static str>);
        let table: [Row; 7] = [
            (b"GET / HTTP/1.1\r\n\r\nrest", Ok(Some(18))),
            (b"GET / HTTP/1.1\r\nA: b\r\n", Ok(None)),
            (b"GET / HTTP/1.1\n\n", Err("bare line feed")),
            (b"GET / HTTP/1.1\r\nA: b\n\r\n", Err("bare line feed")),
            (b"GET / HTTP/1.1\rA: b\r\n\r\n", Err("bare carriage return")),
            (b"GET /\0 HTTP/1.1\r\n\r\n", Err("NUL")),
            (b"\n", Err("bare line feed")),
        ];
        for (bytes, expected) in table {
            let got = HeadScanner::default().scan(bytes);
            match (expected, got) {
                (Ok(length), Ok(found)) => assert_eq!(found, length, "{:?}", String::from_utf8_lossy(bytes)),
                (Err(says), Err(refusal)) => assert!(refusal.to_string().contains(says), "{refusal}"),
                (expected, got) => panic!("{:?}: {expected:?}, got {got:?}", String::from_utf8_lossy(bytes)),
            }
        }
    }

    #[test]
    fn a_head_may_come_byte_by_byte() {
        let whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut scanner = HeadScanner::default();
        for end in 1..whole.len() {
            assert_eq!(scanner.scan(&whole[..end]), Ok(None), "{end}");
        }
        assert_eq!(scanner.scan(whole), Ok(Some(whole.len())));
    }

    #[test]
    fn an_endless_head_is_refused() {
        let endless = vec![b'a'; HEAD_BYTES_MAX];
        assert_eq!(HeadScanner::default().scan(&endless), Err(Refusal::HeadTooLarge));
    }
}
