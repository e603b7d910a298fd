//! Passwords: argon2id, kept as PHC strings, checked by a bounded number of checkers.
//!
//! A check costs memory and time on purpose, which makes log-in the first thing a crowd overloads; so only
//! [`CHECKERS`] run at once and the rest waits in front of a [`Gate`].

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use crate::{
    gate::{Gate, Overloaded},
    units::ByteSize,
};

/// How many passwords are checked at once.
const CHECKERS: usize = 2;

/// Passes over the memory, as OWASP advises together with 19 MiB.
const PASSES: u32 = 2;

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The amount of memory makes no sense to argon2.
    #[error("use {memory} of memory for argon2: {reason}")]
    Memory {
        /// What was asked for.
        memory: ByteSize,
        /// argon2's words.
        reason: String,
    },
    /// Hashing failed, or a stored hash is damaged.
    #[error("hash a password: {0}")]
    Hash(String),
    /// Too many wait already.
    #[error("check a password")]
    Overloaded(#[from] Overloaded),
}

/// Whether the password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
}

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// What is checked when the user does not exist, so that answering takes equally long.
    decoy: String,
    gate: Gate,
}

impl Passwords {
    pub(crate) fn new(memory: ByteSize) -> Result<Self, PasswordError> {
        let refused = |reason: String| PasswordError::Memory { memory, reason };
        let kib = u32::try_from(memory.bytes() / 1024).map_err(|e| refused(e.to_string()))?;
        let params = Params::new(kib, PASSES, 1, None).map_err(|e| refused(e.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&argon2, "nobody's password")?;
        Ok(Self { argon2, decoy, gate: Gate::new(CHECKERS) })
    }

    /// Hashes at once, on this thread, past the gate: for preparing demo accounts.
    pub(crate) fn hash_now(&self, password: &str) -> Result<String, PasswordError> {
        hash(&self.argon2, password)
    }

    /// Hashes a new password, when a checker is free.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let argon2 = self.argon2.clone();
        self.checked(move || hash(&argon2, &password)).await
    }

    /// Checks a password against a stored hash, or against nothing if there is no such user.
    pub(crate) async fn check(&self, password: String, stored: Option<String>) -> Result<Verdict, PasswordError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let verdict = self.checked(move || verify(&password, &stored)).await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    async fn checked<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = self.gate.enter().await?;
        let work = move || {
            // The place is held by the work, not by who waits for it: a caller that goes away frees nothing.
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| PasswordError::Hash(e.to_string()))?
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, PasswordError> {
    argon2.hash_password(password.as_bytes()).map(|h| h.to_string()).map_err(|e| PasswordError::Hash(e.to_string()))
}

/// Memory and passes are those written in the stored hash.
fn verify(password: &str, stored: &str) -> Result<Verdict, PasswordError> {
    let parsed = PasswordHash::new(stored).map_err(|e| PasswordError::Hash(e.to_string()))?;
    match Argon2::default().verify_password(password.as_bytes(), &parsed) {
        Ok(()) => Ok(Verdict::Right),
        Err(_) => Ok(Verdict::Wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn right_wrong_and_unknown() -> Result<(), PasswordError> {
        let passwords = Passwords::new(ByteSize::mebibytes(1))?;
        let stored = passwords.hash("music".into()).await?;
        assert!(stored.starts_with("$argon2id$v=19$m=1024,t=2,p=1$"), "{stored}");
        assert_eq!(passwords.check("music".into(), Some(stored.clone())).await?, Verdict::Right);
        assert_eq!(passwords.check("muzak".into(), Some(stored)).await?, Verdict::Wrong);
        assert_eq!(passwords.check("nobody's password".into(), None).await?, Verdict::Wrong);
        assert!(passwords.check("music".into(), Some("damaged".into())).await.is_err());
        Ok(())
    }

    #[test]
    fn too_little_memory_is_refused() {
        let tiny = "1KiB".parse().expect("a size");
        assert!(Passwords::new(tiny).expect_err("argon2 needs 8 KiB").to_string().contains("1KiB"));
    }
}
