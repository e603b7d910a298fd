//! The secret that signs sessions: 32 random bytes, shared by all replicas, readable by their owner only.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::files::{self, At, FileError, Readers, hex};

/// Shorter secrets can be guessed.
const BYTES_MIN: usize = 16;

/// Why there is no usable secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Reading or writing the file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds too little.
    #[error("the secret in {path} is shorter than {BYTES_MIN} bytes", path = .0.display())]
    TooShort(PathBuf),
    /// The system gave no random bytes.
    #[error("get random bytes")]
    Random(#[from] getrandom::Error),
}

/// Reads the secret from `given`, or from `secret` in the data directory, where it is made if missing.
pub(crate) fn load_or_make(data: &Path, given: Option<&Path>) -> Result<Vec<u8>, SecretError> {
    let own = data.join("secret");
    let path = given.unwrap_or(&own);
    if given.is_none() && !own.try_exists().at("look for", &own)? {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        files::write_whole(&own, hex(&random).as_bytes(), Readers::OwnerOnly)?;
    }
    let secret = fs::read(path).at("read secret", path)?.trim_ascii().to_vec();
    if secret.len() < BYTES_MIN { Err(SecretError::TooShort(path.to_owned())) } else { Ok(secret) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn is_made_once_and_kept_private() -> Result<(), Box<dyn std::error::Error>> {
        let data = tempfile::tempdir()?;
        let first = load_or_make(data.path(), None)?;
        assert_eq!(first, load_or_make(data.path(), None)?);
        assert_eq!(fs::metadata(data.path().join("secret"))?.permissions().mode() & 0o777, 0o600);
        Ok(())
    }

    #[test]
    fn a_given_file_must_exist_and_hold_enough() -> Result<(), Box<dyn std::error::Error>> {
        let data = tempfile::tempdir()?;
        let given = data.path().join("given");
        assert!(matches!(load_or_make(data.path(), Some(&given)), Err(SecretError::File(_))));
        fs::write(&given, "short\n")?;
        assert!(matches!(load_or_make(data.path(), Some(&given)), Err(SecretError::TooShort(_))));
        fs::write(&given, "long enough to be a secret\n")?;
        assert_eq!(load_or_make(data.path(), Some(&given))?, b"long enough to be a secret");
        Ok(())
    }
}
