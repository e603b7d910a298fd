//! A short name for a thing of the service: a component, a region, a replica, a version, a network.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// 1 to 64 characters of `A-Z a-z 0-9 . _ - : /`, so that a name can stand in a file name's neighbour, a
/// metric label, a slice and a web page without quoting. Cheap to clone.
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

// Most names that are compared are copies of one: where they lie is looked at before their letters are.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name cannot be empty")]
    Empty,
    /// More than 64 characters.
    #[error("a name has at most 64 characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("a name consists of letters, digits and . _ - : / only, not {0:?}")]
    Character(char),
}

impl Name {
    /// Checks and takes a text.
    ///
    /// # Errors
    /// When the text is empty, too long, or has a character that names do not have.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let length = text.chars().count();
        match text.chars().find(|c| !allowed(*c)) {
            _ if length == 0 => Err(NameError::Empty),
            _ if length > 64 => Err(NameError::TooLong(length)),
            Some(c) => Err(NameError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-:/".contains(c)
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0.to_string()
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad_names() {
        let long = "x".repeat(65);
        let table = [
            ("eu-1", Ok(())),
            ("127.66.6.0/24", Ok(())),
            ("2001:db8::/48", Ok(())),
            ("", Err(NameError::Empty)),
            (long.as_str(), Err(NameError::TooLong(65))),
            ("eu 1", Err(NameError::Character(' '))),
            ("a=b", Err(NameError::Character('='))),
            ("<b>", Err(NameError::Character('<'))),
        ];
        for (text, expected) in table {
            assert_eq!(Name::new(text).map(|_| ()), expected, "{text:?}");
        }
    }
}
