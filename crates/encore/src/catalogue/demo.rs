//! The demo tracks: rendered, encoded to FLAC, tagged, published. Two at a time.

use std::{io::Cursor, path::Path, sync::Mutex};

use flacenc::{component::BitRepr, error::Verify};
use lofty::{
    config::WriteOptions,
    ogg::tag::VorbisComments,
    tag::{Accessor, TagExt},
};

use super::{Catalogue, Format, Source, Track, media_folder, publish::publish};
use crate::{
    files::{FileError, short_id},
    prepare::Progress,
    synth::{self, BLOCK, Piece, SAMPLE_RATE, Stereo, programme::PROGRAMME},
};

/// Why demo music could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The encoder refused the music.
    #[error("encode \"{title}\" as FLAC: {reason}")]
    Encode {
        /// Which piece.
        title: &'static str,
        /// The encoder's words.
        reason: String,
    },
    /// The tags could not be written into the FLAC stream.
    #[error("tag \"{title}\"")]
    Tag {
        /// Which piece.
        title: &'static str,
        /// What the tagger found.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The result could not be stored.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Makes all demo tracks, on two threads; each one only as long as `seconds`, if given.
pub(crate) fn make(
    data: &Path,
    seconds: Option<f32>,
    tell: &(dyn Fn(Progress) + Sync),
) -> Result<Catalogue, DemoError> {
    let waiting = Mutex::new(PROGRAMME.iter());
    let next = || waiting.lock().expect("no player panics while choosing a piece").next();
    let player = || -> Result<Vec<Track>, DemoError> {
        let mut tracks = Vec::new();
        while let Some(piece) = next() {
            tracks.push(make_track(data, piece, seconds)?);
            tell(Progress::Rendered { title: piece.title.into() });
        }
        Ok(tracks)
    };
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(player);
        (player(), other.join().expect("a player never panics"))
    });
    let tracks = [first?, second?].concat();
    Ok(Catalogue::new(Source::Demo, tracks))
}

fn make_track(data: &Path, piece: &'static Piece, seconds: Option<f32>) -> Result<Track, DemoError> {
    let music = synth::render(piece, seconds);
    let duration_ms = music.left.len() as u64 * 1000 / u64::from(SAMPLE_RATE);
    let flac = tag(piece, encode(piece, &music)?)?;
    let media = publish(&media_folder(data), Path::new(piece.title), Format::Flac, flac.as_slice())?;
    Ok(Track {
        id: media.sha256[..16].into(),
        title: piece.title.into(),
        artist: piece.artist.into(),
        album: piece.album.into(),
        album_id: short_id(&[piece.artist, piece.album]),
        number: Some(piece.number),
        duration_ms,
        media,
        picture: None,
    })
}

fn encode(piece: &Piece, music: &Stereo) -> Result<Vec<u8>, DemoError> {
    let refused = |reason: String| DemoError::Encode { title: piece.title, reason };
    let config = flacenc::config::Encoder::default().into_verified().map_err(|(_, e)| refused(e.to_string()))?;
    let samples = music.interleaved_i16();
    let source = flacenc::source::MemSource::from_samples(&samples, 2, 16, SAMPLE_RATE as usize);
    let stream = flacenc::encode_with_fixed_block_size(&config, source, BLOCK).map_err(|e| refused(e.to_string()))?;
    let mut sink = flacenc::bitsink::ByteSink::new();
    stream.write(&mut sink).map_err(|e| refused(e.to_string()))?;
    Ok(sink.into_inner())
}

fn tag(piece: &Piece, flac: Vec<u8>) -> Result<Vec<u8>, DemoError> {
    let mut comments = VorbisComments::new();
    comments.set_title(piece.title.into());
    comments.set_artist(piece.artist.into());
    comments.set_album(piece.album.into());
    comments.set_track(piece.number);
    let mut file = Cursor::new(flac);
    let written = comments.save_to(&mut file, WriteOptions::default());
    written.map_err(|e| DemoError::Tag { title: piece.title, source: Box::new(e) })?;
    Ok(file.into_inner())
}
