//! Accounts: a name and a password hash.

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;

/// A name that an account may have: 1 to 32 of `a-z`, `0-9`, `-`, `_`. No dot, which separates the parts of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserName(String);

impl UserName {
    pub(crate) fn new(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        ((1..=32).contains(&text.len()) && text.chars().all(allowed)).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a new account could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignUp {
    Done,
    NameTaken,
}

/// The stored hash of a user's password.
pub(crate) fn password_of(connection: &Connection, user: &str) -> Result<Option<String>, StoreError> {
    let mut query = connection.prepare_cached("SELECT password FROM users WHERE name = ?1")?;
    Ok(query.query_row([user], |row| row.get(0)).optional()?)
}

/// Makes an account.
pub(crate) fn add(connection: &Connection, user: &UserName, password: &str) -> Result<SignUp, StoreError> {
    let added = connection.execute(
        "INSERT INTO users (name, password) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        [user.as_str(), password],
    )?;
    Ok(if added == 1 { SignUp::Done } else { SignUp::NameTaken })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["demo", "listener-40", "a", "under_score", &"x".repeat(32)] {
            assert!(UserName::new(good).is_some(), "{good}");
        }
        for bad in ["", "Demo", "a.b", "a b", "é", "x'--", "../x", &"x".repeat(33)] {
            assert!(UserName::new(bad).is_none(), "{bad}");
        }
    }
}
