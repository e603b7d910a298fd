//! Putting a file into the store of immutable media: hashed while it is copied, then renamed to its hash.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::{Format, Media};
use crate::files::{At, FileError, hex, put_in_place, temporary_beside};

/// Copies `content` to `<folder>/<sha256>.<extension>`; `from` names it in errors.
pub(super) fn publish(folder: &Path, from: &Path, format: Format, mut content: impl Read) -> Result<Media, FileError> {
    let temporary = temporary_beside(&folder.join("incoming"));
    let media = copy_and_hash(&temporary, from, format, &mut content);
    let placed = media.and_then(|media| put_in_place(&temporary, &folder.join(media.name())).map(|()| media));
    if placed.is_err() {
        // The copy is of no use; that it cannot be removed either says nothing new.
        drop(fs::remove_file(&temporary));
    }
    placed
}

fn copy_and_hash(temporary: &Path, from: &Path, format: Format, content: &mut impl Read) -> Result<Media, FileError> {
    let mut file = File::create(temporary).at("create", temporary)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = content.read(&mut chunk).at("read", from)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        file.write_all(&chunk[..read]).at("write", temporary)?;
        bytes += read as u64;
    }
    file.sync_all().at("flush", temporary)?;
    Ok(Media { sha256: hex(&hasher.finalize()), format, bytes })
}
