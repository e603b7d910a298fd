//! The catalogue: which tracks there are, and which immutable file holds each.
//!
//! Media are named after the SHA-256 of their content, so every replica that has a file has the same file, and a
//! download begun on one can be finished on another. The catalogue itself is one JSON file, written last and whole: a
//! data directory with a `catalogue.json` is prepared, one without is not.

pub(crate) mod demo;
pub(crate) mod library;
mod publish;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::files::{self, At, FileError, Readers};

/// Raised when the meaning of the file changes; an older catalogue is then made anew.
const FORMAT: u32 = 1;

/// One track, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Track {
    /// 16 hexadecimal digits of the content, the same everywhere.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) artist: String,
    pub(crate) album: String,
    pub(crate) album_id: String,
    /// Place on the album, from 1, if known.
    pub(crate) number: Option<u32>,
    pub(crate) duration_ms: u64,
    pub(crate) media: Media,
    /// File in `covers/`, if the audio file brought a picture.
    pub(crate) picture: Option<String>,
}

/// An immutable audio file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Media {
    /// SHA-256 of the content, 64 hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) format: Format,
    /// Length in bytes.
    pub(crate) bytes: u64,
}

impl Media {
    /// The file's name, on disk and in URLs.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.sha256, self.format.extension())
    }
}

/// The audio formats that are taken in and that browsers play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Flac,
    Mp3,
    Ogg,
    Wav,
    M4a,
}

impl Format {
    const ALL: [Self; 5] = [Self::Flac, Self::Mp3, Self::Ogg, Self::Wav, Self::M4a];

    /// By file name; `None` for what is no audio file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
            Self::Wav => "wav",
            Self::M4a => "m4a",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Flac => "audio/flac",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Wav => "audio/wav",
            Self::M4a => "audio/mp4",
        }
    }
}

/// Where the tracks came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// Composed here.
    Demo,
    /// A folder of audio files.
    Library(PathBuf),
}

/// All tracks, in the order in which they are shown: by artist, album, number, title.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Catalogue {
    format: u32,
    pub(crate) source: Source,
    pub(crate) tracks: Vec<Track>,
    #[serde(skip)]
    by_id: HashMap<String, usize>,
    #[serde(skip)]
    by_media: HashMap<String, usize>,
}

/// Why a stored catalogue could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a catalogue.
    #[error("understand {path}", path = path.display())]
    Damaged {
        /// The catalogue file.
        path: PathBuf,
        /// What the parser found.
        source: serde_json::Error,
    },
}

impl Catalogue {
    pub(crate) fn new(source: Source, mut tracks: Vec<Track>) -> Self {
        tracks.sort_by(|a, b| a.order().cmp(&b.order()));
        // The same file under two names is one track.
        tracks.dedup_by(|a, b| a.id == b.id);
        Self { format: FORMAT, source, tracks, by_id: HashMap::new(), by_media: HashMap::new() }.indexed()
    }

    /// Reads `catalogue.json` of a data directory; `None` if there is none yet, or one of another format.
    pub(crate) fn load(data: &Path) -> Result<Option<Self>, CatalogueError> {
        let path = file_of(data);
        if !path.try_exists().at("look for", &path)? {
            return Ok(None);
        }
        let text = fs::read(&path).at("read", &path)?;
        let stored: Self = serde_json::from_slice(&text).map_err(|source| CatalogueError::Damaged { path, source })?;
        Ok((stored.format == FORMAT).then(|| stored.indexed()))
    }

    pub(crate) fn save(&self, data: &Path) -> Result<(), CatalogueError> {
        let path = file_of(data);
        let text =
            serde_json::to_vec_pretty(self).map_err(|source| CatalogueError::Damaged { path: path.clone(), source })?;
        Ok(files::write_whole(&path, &text, Readers::Everybody)?)
    }

    pub(crate) fn track(&self, id: &str) -> Option<&Track> {
        self.by_id.get(id).map(|index| &self.tracks[*index])
    }

    /// The track whose file has this name.
    pub(crate) fn by_media_name(&self, name: &str) -> Option<&Track> {
        self.by_media.get(name).map(|index| &self.tracks[*index])
    }

    /// The first track of an album.
    pub(crate) fn album(&self, id: &str) -> Option<&Track> {
        self.tracks.iter().find(|track| track.album_id == id)
    }

    /// Albums in order, each with its tracks.
    pub(crate) fn albums(&self) -> impl Iterator<Item = &[Track]> {
        self.tracks.chunk_by(|a, b| a.album_id == b.album_id)
    }

    fn indexed(mut self) -> Self {
        let numbered = || self.tracks.iter().enumerate();
        self.by_id = numbered().map(|(index, track)| (track.id.clone(), index)).collect();
        self.by_media = numbered().map(|(index, track)| (track.media.name(), index)).collect();
        self
    }
}

impl Track {
    fn order(&self) -> (String, &str, &str, u32, &str, &str) {
        (
            self.artist.to_lowercase(),
            &self.album,
            &self.album_id,
            self.number.unwrap_or(u32::MAX),
            &self.title,
            &self.id,
        )
    }
}

fn file_of(data: &Path) -> PathBuf {
    data.join("catalogue.json")
}

/// Where media files are.
pub(crate) fn media_folder(data: &Path) -> PathBuf {
    data.join("media")
}

/// Where pictures taken from audio files are.
pub(crate) fn covers_folder(data: &Path) -> PathBuf {
    data.join("covers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_name_only() {
        let rows = [
            ("a.flac", Some(Format::Flac)),
            ("A.B.MP3", Some(Format::Mp3)),
            ("x.m4a", Some(Format::M4a)),
            ("notes.txt", None),
            ("flac", None),
            (".flac", None),
        ];
        for (name, expected) in rows {
            assert_eq!(Format::of(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_damaged_catalogue_is_an_error_and_one_of_another_format_is_none() -> Result<(), Box<dyn std::error::Error>> {
        let data = tempfile::tempdir()?;
        assert!(Catalogue::load(data.path())?.is_none());
        fs::write(file_of(data.path()), b"{")?;
        let error = Catalogue::load(data.path()).expect_err("it is damaged");
        assert!(error.to_string().starts_with("understand "), "{error}");
        fs::write(file_of(data.path()), br#"{"format":0,"source":"demo","tracks":[]}"#)?;
        assert!(Catalogue::load(data.path())?.is_none());
        Catalogue::new(Source::Demo, Vec::new()).save(data.path())?;
        assert!(Catalogue::load(data.path())?.is_some());
        Ok(())
    }
}
