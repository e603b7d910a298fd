//! The hash of a book: two folds of one log are the same when their hashes are (invariant D4). What lies beside the log is named
//! by its hash as well.
//!
//! It is the SHA-256 of the book's canonical form: JSON without spaces, fields in the order of their declaration, maps in the
//! order of their keys. A snapshot's body is that very text.

use super::book::Book;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

/// A SHA-256: of a book, or of what lies beside the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// Why a text is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits")]
pub struct DigestError;

impl Digest {
    /// The hash of a canonical form that is at hand, or of a file.
    pub fn of(canonical: &[u8]) -> Self {
        Self(Sha256::digest(canonical).into())
    }
}

impl Book {
    /// The hash of all that is known and decided.
    pub fn digest(&self) -> Digest {
        let mut sha = Hashing(Sha256::new());
        self.write_canonical(&mut sha).expect("a hash takes everything, and a book has only what JSON has");
        Digest(sha.0.finalize().into())
    }

    /// Writes the canonical form.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn write_canonical(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(out, self).map_err(io::Error::from)
    }
}

/// SHA-256 as something to write into. Serialisers write a few bytes at a time, which SHA-256 buffers by itself.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(DigestError);
        }
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| DigestError)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Channel, Event, Record};
    use crate::model::{Audience, IncidentId, Moment, Name, Notice, NoticeId, Slice, Stage};

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn book() -> Book {
        let incident = IncidentId(1);
        let notice = Notice {
            id: NoticeId { incident, count: 1 },
            audience: Audience::OnCall,
            stage: Stage::Investigating,
            title: "Playback failing in eu".into(),
            body: "We are investigating.".into(),
            translations: Default::default(),
            slice: Slice::everywhere(),
        };
        let events = [
            Event::ChannelsSet { channels: vec![Channel { name: name("pager"), audience: Audience::OnCall }] },
            Event::Suspected {
                incident,
                title: "Playback failing in eu".into(),
                slice: Slice::everywhere(),
                since: Moment::from_millis(1),
                findings: vec![],
                bits: Default::default(),
            },
            Event::NoticeWritten { notice },
        ];
        let mut book = Book::default();
        for (n, event) in (1..).zip(events) {
            book.apply(&Record { seq: n, at: Moment::from_millis(n), event }).expect("fits");
        }
        book
    }

    #[test]
    fn a_book_is_read_back_as_it_was_and_hashes_alike() {
        let book = book();
        assert_eq!(book.pending.len(), 1, "keys that are no strings are among what is written");
        let mut text = Vec::new();
        book.write_canonical(&mut text).expect("memory");
        let again: Book = serde_json::from_slice(&text).expect("a book");
        assert_eq!(again, book);
        assert_eq!((again.digest(), Digest::of(&text)), (book.digest(), book.digest()));
    }

    #[test]
    fn anything_else_hashes_otherwise() {
        let (book, mut other) = (book(), book());
        other.started_at = Moment::from_millis(9);
        assert_ne!(other.digest(), book.digest());
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = Book::default().digest();
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "00", &"0".repeat(63), &"g".repeat(64), &"+f".repeat(32), &"é".repeat(32)] {
            assert_eq!(bad.parse::<Digest>(), Err(DigestError), "{bad}");
        }
    }
}
