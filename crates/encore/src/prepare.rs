//! Preparing a data directory, once for all replicas that share it: secret, media, accounts, then the catalogue.
//!
//! The catalogue is written last; a directory that has one is prepared. Whoever prepares holds a lock on
//! `prepare.lock`, which the kernel gives back if the process dies, so nobody waits for a dead replica.

use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::{
    catalogue::{
        Catalogue, CatalogueError, Source, covers_folder,
        demo::{self, DemoError},
        library, media_folder,
    },
    cli::DataArgs,
    files::{At, FileError},
    password::{PasswordError, Passwords},
    secret::{self, SecretError},
    store::{self, StoreError},
};

/// What happens while a directory is being prepared, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Another process prepares the same directory; waiting for it.
    Waiting,
    /// A demo track is ready.
    Rendered {
        /// Its title.
        title: String,
    },
    /// A file of the library was taken in.
    TakenIn {
        /// Its title.
        title: String,
    },
    /// A file without tags was taken in under its own name.
    Untagged {
        /// The file.
        path: PathBuf,
    },
    /// A file was left out.
    Skipped {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Demo accounts with their playlists are ready.
    Accounts {
        /// How many.
        count: usize,
    },
}

impl Progress {
    pub(crate) fn skipped(path: &Path, reason: &dyn fmt::Display) -> Self {
        Self::Skipped { path: path.to_owned(), reason: reason.to_string() }
    }

    /// Whether somebody should look into it.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Untagged { .. } | Self::Skipped { .. })
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => write!(f, "waiting for another replica that prepares this directory"),
            Self::Rendered { title } => write!(f, "rendered \"{title}\""),
            Self::TakenIn { title } => write!(f, "took in \"{title}\""),
            Self::Untagged { path } => write!(f, "no tags, named after its file: {}", path.display()),
            Self::Skipped { path, reason } => write!(f, "left out {}: {reason}", path.display()),
            Self::Accounts { count } => write!(f, "made {count} demo accounts"),
        }
    }
}

/// Why a data directory could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A file or folder stood in the way.
    #[error(transparent)]
    File(#[from] FileError),
    /// The catalogue could not be read or written.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// Demo music could not be made.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The library has no audio file that can be played.
    #[error("no playable audio file (flac, mp3, ogg, wav, m4a) in {}", .0.display())]
    EmptyLibrary(PathBuf),
    /// The secret could not be read or made.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Demo passwords could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database could not be set up.
    #[error("set up the database")]
    Store(#[from] StoreError),
}

/// When an existing catalogue is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// Whenever it came from the source asked for.
    IfNeeded,
    /// Never for a library, whose files may have changed; demo music does not change.
    Library,
}

/// Makes sure that the directory is prepared, and says how many tracks it holds.
pub fn prepare(args: &DataArgs, refresh: Refresh, tell: &(dyn Fn(Progress) + Sync)) -> Result<usize, PrepareError> {
    Ok(prepared(args, refresh, tell)?.tracks.len())
}

/// As [`prepare`], for the server.
pub(crate) fn prepared(
    args: &DataArgs,
    refresh: Refresh,
    tell: &(dyn Fn(Progress) + Sync),
) -> Result<Catalogue, PrepareError> {
    for folder in [args.data.clone(), media_folder(&args.data), covers_folder(&args.data)] {
        fs::create_dir_all(&folder).at("create folder", &folder)?;
    }
    let _lock = lock(&args.data, tell)?;
    let stored = Catalogue::load(&args.data)?;
    match stored.filter(|catalogue| is_current(catalogue, args, refresh)) {
        Some(catalogue) => Ok(catalogue),
        None => make(args, tell),
    }
}

/// Holds the lock until the returned file is dropped.
fn lock(data: &Path, tell: &dyn Fn(Progress)) -> Result<File, FileError> {
    let path = data.join("prepare.lock");
    let file = File::create(&path).at("create", &path)?;
    if file.try_lock().is_err() {
        tell(Progress::Waiting);
        file.lock().at("lock", &path)?;
    }
    Ok(file)
}

fn is_current(catalogue: &Catalogue, args: &DataArgs, refresh: Refresh) -> bool {
    match (&catalogue.source, &args.library) {
        (Source::Demo, None) => true,
        (Source::Library(of), Some(wanted)) => {
            refresh == Refresh::IfNeeded && wanted.canonicalize().is_ok_and(|wanted| wanted == *of)
        }
        // A directory once prepared from a library is complete: later replicas need not name the library again.
        (Source::Library(_), None) => true,
        (Source::Demo, Some(_)) => false,
    }
}

fn make(args: &DataArgs, tell: &(dyn Fn(Progress) + Sync)) -> Result<Catalogue, PrepareError> {
    secret::load_or_make(&args.data, args.secret_file.as_deref())?;
    let catalogue = match &args.library {
        Some(library) => library::take_in(&args.data, library, tell)?,
        None => demo::make(&args.data, args.demo_seconds, tell)?,
    };
    if let (true, Some(library)) = (catalogue.tracks.is_empty(), &args.library) {
        return Err(PrepareError::EmptyLibrary(library.clone()));
    }
    let accounts = store::set_up(&args.data, &catalogue, &Passwords::new(args.argon2_memory)?)?;
    if accounts > 0 {
        tell(Progress::Accounts { count: accounts });
    }
    catalogue.save(&args.data)?;
    Ok(catalogue)
}
