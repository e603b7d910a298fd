//! The hash chain: each line's hash covers its words and the hash before it, so that any edit, drop or reorder
//! changes everything behind it (invariant D5).

use downbeat_core::model::Moment;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// SHA-256 over a line and the hash of the line before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first line follows.
    pub const GENESIS: Hash = Hash([0; 32]);

    /// The hash of a line that follows the one with this hash.
    #[must_use]
    pub fn then(self, seq: u64, at: Moment, body: &str) -> Hash {
        let mut sha = Sha256::new();
        sha.update(self.0);
        sha.update(seq.to_be_bytes());
        sha.update(at.as_millis().to_be_bytes());
        sha.update(body.as_bytes());
        Hash(sha.finalize().into())
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why a text is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(HashError);
        }
        let mut bytes = [0; 32];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| HashError)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_line_counts() {
        let at = Moment::from_millis(7);
        let first = Hash::GENESIS.then(1, at, "{}");
        let others = [
            first.then(1, at, "{}"),
            Hash::GENESIS.then(2, at, "{}"),
            Hash::GENESIS.then(1, Moment::from_millis(8), "{}"),
            Hash::GENESIS.then(1, at, "{ }"),
        ];
        assert!(others.iter().all(|other| *other != first));
        assert_eq!(first, Hash::GENESIS.then(1, at, "{}"));
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!("0f".repeat(31).parse::<Hash>(), Err(HashError));
    }
}
