//! The page elsewhere: in another folder or in a bucket, from the files that the hub keeps in its data folder. It needs no
//! running hub: what was known when it died can still be brought to where readers look.

use crate::faces::{Shelf, ShelfError, Site};
use crate::outbound::{ClientError, Outbound, Web};
use crate::s3::{Bucket, PutError};
use crate::settings::BucketSettings;
use downbeat_core::model::Topology;
use std::io;
use std::path::{Path, PathBuf};

/// Why the page was not brought elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is none.
    #[error("there is no status page in {folder} yet: a hub writes it", folder = .0.display())]
    Nothing(PathBuf),
    /// It cannot be read.
    #[error("cannot read the status page in {folder}", folder = folder.display())]
    Read {
        /// Where it lies.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder does not take it.
    #[error("cannot write the status page")]
    Folder(#[from] ShelfError),
    /// There is no way to the bucket.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The bucket does not take it.
    #[error(transparent)]
    Bucket(#[from] PutError),
}

/// Copies the page into another folder; how many files it has.
///
/// # Errors
/// [`ExportError`]
pub fn to_folder(data: &Path, folder: &Path) -> Result<usize, ExportError> {
    let site = read(data)?;
    Shelf::at(folder.to_owned()).put(&site)?;
    Ok(site.files().count())
}

/// Puts the page into a bucket; how many files it has.
///
/// # Errors
/// [`ExportError`]
pub async fn to_bucket(data: &Path, bucket: BucketSettings) -> Result<usize, ExportError> {
    let site = read(data)?;
    let web = Web::new(Outbound::new(vec![], &Topology::default()))?;
    Ok(Bucket::new(bucket, web).put(&site).await?)
}

fn read(data: &Path) -> Result<Site, ExportError> {
    let folder = data.join("status");
    match Site::read(&folder) {
        Ok(site) if site.files().next().is_some() => Ok(site),
        Ok(_) => Err(ExportError::Nothing(folder)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Err(ExportError::Nothing(folder)),
        Err(source) => Err(ExportError::Read { folder, source }),
    }
}
