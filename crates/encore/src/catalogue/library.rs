//! A folder of audio files becomes a catalogue. Files are copied into the store, so that what is served cannot
//! change under a listener's feet. A file that is no good costs one line of warning, never the whole library.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use lofty::{
    file::{AudioFile, TaggedFile, TaggedFileExt},
    picture::{MimeType, Picture},
    tag::Accessor,
};

use super::{Catalogue, Format, Source, Track, covers_folder, media_folder, publish::publish};
use crate::{
    files::{self, At, FileError, Readers, sha256_hex, short_id},
    prepare::Progress,
};

/// Deeper folders are not looked into.
const DEPTH_MAX: usize = 16;

/// More files than this are not taken in: the catalogue is kept in memory.
const TRACKS_MAX: usize = 20_000;

/// Larger pictures are left out.
const PICTURE_BYTES_MAX: usize = 4 << 20;

/// Takes in all audio files below `library`. Only a folder that cannot be read at all is an error.
pub(crate) fn take_in(data: &Path, library: &Path, tell: &dyn Fn(Progress)) -> Result<Catalogue, FileError> {
    let root = library.canonicalize().at("find library", library)?;
    let mut found = Vec::new();
    walk(&root, 0, &mut found, tell)?;
    let tracks = found.iter().filter_map(|(path, format)| take_in_file(data, path, *format, tell)).collect();
    Ok(Catalogue::new(Source::Library(root), tracks))
}

/// Collects audio files. Links are not followed: a library serves what lies in it and nothing else.
fn walk(
    folder: &Path,
    depth: usize,
    found: &mut Vec<(PathBuf, Format)>,
    tell: &dyn Fn(Progress),
) -> Result<(), FileError> {
    let mut entries: Vec<_> = fs::read_dir(folder).at("list", folder)?.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        match (entry.file_type(), Format::of(&path)) {
            (Ok(kind), _) if kind.is_dir() && depth < DEPTH_MAX => {
                if let Err(error) = walk(&path, depth + 1, found, tell) {
                    tell(Progress::skipped(&path, &error.source));
                }
            }
            (Ok(kind), Some(format)) if kind.is_file() && found.len() < TRACKS_MAX => found.push((path, format)),
            (Ok(kind), _) if kind.is_file() && Format::of(&path).is_none() => {}
            (Ok(kind), _) => tell(Progress::skipped(&path, &reason_to_skip(kind))),
            (Err(error), _) => tell(Progress::skipped(&path, &error)),
        }
    }
    Ok(())
}

fn reason_to_skip(kind: fs::FileType) -> &'static str {
    match () {
        () if kind.is_symlink() => "links are not followed",
        () if kind.is_dir() => "folders are nested too deeply",
        () if kind.is_file() => "the library is full",
        () => "not a regular file",
    }
}

fn take_in_file(data: &Path, path: &Path, format: Format, tell: &dyn Fn(Progress)) -> Option<Track> {
    let tagged = match lofty::read_from_path(path) {
        Ok(tagged) => tagged,
        Err(error) => {
            tell(Progress::skipped(path, &error));
            return None;
        }
    };
    match publish_track(data, path, format, &tagged, tell) {
        Ok(track) => {
            tell(Progress::TakenIn { title: track.title.clone() });
            Some(track)
        }
        Err(error) => {
            tell(Progress::skipped(path, &error.source));
            None
        }
    }
}

fn publish_track(
    data: &Path,
    path: &Path,
    format: Format,
    tagged: &TaggedFile,
    tell: &dyn Fn(Progress),
) -> Result<Track, FileError> {
    let file = File::open(path).at("open", path)?;
    let media = publish(&media_folder(data), path, format, file)?;
    let tag = tagged.primary_tag().or_else(|| tagged.first_tag());
    if tag.is_none() {
        tell(Progress::Untagged { path: path.to_owned() });
    }
    let text = |value: Option<std::borrow::Cow<'_, str>>| value.map(|v| clean(&v)).filter(|v| !v.is_empty());
    let artist = text(tag.and_then(Accessor::artist)).unwrap_or_else(|| "Unknown artist".into());
    let album = text(tag.and_then(Accessor::album)).unwrap_or_else(|| name_of(path.parent().unwrap_or(path)));
    let picture = tag.and_then(|tag| tag.pictures().first()).map(|picture| keep_picture(data, picture));
    Ok(Track {
        id: media.sha256[..16].into(),
        title: text(tag.and_then(Accessor::title)).unwrap_or_else(|| name_of(path)),
        album_id: short_id(&[&artist, &album]),
        artist,
        album,
        number: tag.and_then(Accessor::track),
        duration_ms: tagged.properties().duration().as_millis() as u64,
        media,
        picture: picture.transpose()?.flatten(),
    })
}

/// Text from a stranger's file: without control characters, and not longer than anybody would read.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect::<String>().trim().into()
}

/// A file's or folder's name without its ending, as a title of last resort.
fn name_of(path: &Path) -> String {
    clean(&path.file_stem().unwrap_or_default().to_string_lossy())
}

/// Stores an embedded picture under its hash; `None` if it is of no kind that browsers show, or too large.
fn keep_picture(data: &Path, picture: &Picture) -> Result<Option<String>, FileError> {
    let extension = match picture.mime_type() {
        Some(MimeType::Jpeg) => "jpg",
        Some(MimeType::Png) => "png",
        _ => return Ok(None),
    };
    if picture.data().len() > PICTURE_BYTES_MAX {
        return Ok(None);
    }
    let name = format!("{}.{extension}", sha256_hex(picture.data()));
    files::write_whole(&covers_folder(data).join(&name), picture.data(), Readers::Everybody)?;
    Ok(Some(name))
}
