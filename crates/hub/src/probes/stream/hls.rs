//! HTTP Live Streaming (RFC 8216): playlists, and the segments that they name, as a player fetches them.

use super::playlist::{Media, Piece, Playlist, Range, Segment, read};
use super::{Listener, Opened, cut, wrong};
use crate::probes::Trouble;
use crate::probes::web::body;
use downbeat_core::model::FailureKind;
use reqwest::Url;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Longest playlist: 24 hours in segments of four seconds are some 500 KB.
const PLAYLIST_MAX: usize = 1024 * 1024;
/// Longest opening of a stream: tables of its tracks.
const OPENING_MAX: usize = 1024 * 1024;
/// A key has 16 bytes, whatever has more is none.
const KEY_BYTES: usize = 16;
/// A playlist is not asked for more often, whatever it says.
const RELOAD_MIN: Duration = Duration::from_millis(250);

/// What has been fetched of what goes before the segments.
#[derive(Default)]
struct Ready {
    opening: Option<Piece>,
    key: Option<String>,
}

/// A playlist with the music in it, and where it was.
struct Programme {
    media: Media,
    url: Url,
    loaded: Instant,
}

impl Listener<'_> {
    /// Plays what a playlist names: of several rates the first, which is the one that players begin with.
    pub(super) async fn play_hls(&mut self, url: Url) -> Result<(), Trouble> {
        let mut programme = self.programme(url).await?;
        self.playout.comes_in(programme.media.target);
        let (mut next, mut ready) = (programme.media.beginning(), Ready::default());
        while !self.playout.has_enough() {
            if let Some(segment) = programme.media.segment(next) {
                let segment = segment.clone();
                self.segment(&segment, &programme.url, &mut ready).await?;
                next += 1;
            } else if programme.media.is_whole {
                self.playout.ends(Instant::now());
            } else {
                programme = self.renew(programme, next).await?;
                next = self.skip(&programme.media, next)?;
            }
        }
        Ok(())
    }

    async fn programme(&mut self, url: Url) -> Result<Programme, Trouble> {
        match self.playlist(url).await? {
            (Playlist::Media(media), url) => Ok(Programme { media, url, loaded: Instant::now() }),
            (Playlist::Master(variants), url) => {
                let first = variants.first().ok_or_else(|| wrong(format!("{url} names no variant")))?;
                match self.playlist(join(&url, first)?).await? {
                    (Playlist::Media(media), url) => Ok(Programme { media, url, loaded: Instant::now() }),
                    (Playlist::Master(_), url) => Err(wrong(format!("{url} is a list of variants within another"))),
                }
            }
        }
    }

    async fn playlist(&mut self, url: Url) -> Result<(Playlist, Url), Trouble> {
        let (bytes, url) = self.load(url, None, PLAYLIST_MAX).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong(format!("{url} is no text")))?;
        let playlist = read(text).map_err(|error| wrong(format!("{url}: {error}")))?;
        Ok((playlist, url))
    }

    /// Asks a live playlist for what is new: a target's length after the last time, or half of it when there was nothing.
    async fn renew(&mut self, before: Programme, next: u64) -> Result<Programme, Trouble> {
        let Programme { media, url, mut loaded } = before;
        let mut wait = media.target;
        loop {
            sleep_until((loaded + wait.max(RELOAD_MIN)).min(self.deadline())).await;
            if self.deadline() <= Instant::now() {
                let what = format!("{url} has named nothing new since segment {}", next.saturating_sub(1));
                return Err(Trouble::theirs(FailureKind::Stalled, what));
            }
            let renewed = self.programme(url.clone()).await?;
            let (first, at) = (renewed.media.first, media.first);
            if first < at {
                return Err(wrong(format!("{url} went back to segment {first}, it was at {at}")));
            }
            if renewed.media.end() > next || renewed.media.is_whole {
                return Ok(renewed);
            }
            (loaded, wait) = (renewed.loaded, media.target / 2);
        }
    }

    /// The number that follows; what has left the playlist before it could be asked for was missed.
    fn skip(&mut self, media: &Media, next: u64) -> Result<u64, Trouble> {
        let lost = u32::try_from(media.first.saturating_sub(next)).unwrap_or(u32::MAX);
        self.playout.missed(Instant::now(), media.target.saturating_mul(lost))?;
        Ok(next.max(media.first))
    }

    async fn segment(&mut self, segment: &Segment, base: &Url, ready: &mut Ready) -> Result<(), Trouble> {
        if segment.is_missing {
            return self.playout.missed(Instant::now(), segment.lasts);
        }
        if segment.key != ready.key {
            if let Some(key) = &segment.key {
                self.key(join(base, key)?).await?;
            }
            ready.key.clone_from(&segment.key);
        }
        if segment.opening != ready.opening {
            if let Some(Piece { uri, range }) = &segment.opening {
                self.load(join(base, uri)?, *range, OPENING_MAX).await?;
            }
            ready.opening.clone_from(&segment.opening);
        }
        let Piece { uri, range } = &segment.piece;
        self.piece(join(base, uri)?, *range, segment.lasts).await
    }

    async fn key(&mut self, url: Url) -> Result<(), Trouble> {
        let Opened { response, url } = self.open(url, None).await?;
        match body(response, KEY_BYTES + 1, self.deadline()).await?.len() {
            KEY_BYTES => Ok(()),
            _ => Err(wrong(format!("{url} is no key: a key has {KEY_BYTES} bytes"))),
        }
    }

    /// What has come of a piece is heard as it comes, where it says how long it is; else when it is whole.
    async fn piece(&mut self, url: Url, range: Option<Range>, lasts: Duration) -> Result<(), Trouble> {
        sleep_until(self.playout.room_at()).await;
        let Opened { mut response, url } = self.open(url, range).await?;
        let length = response.content_length().or(range.and_then(Range::length));
        let share = |bytes: u64| length.map_or(0.0, |length| bytes as f64 / length.max(1) as f64).min(1.0);
        let (mut came, mut played) = (0, Duration::ZERO);
        while let Some(bytes) = self.next(&mut response).await? {
            came += bytes as u64;
            let so_far = lasts.mul_f64(share(came));
            self.playout.came(Instant::now(), so_far.saturating_sub(played))?;
            played = so_far;
            if self.playout.has_enough() {
                return Ok(());
            }
        }
        match length {
            Some(length) if came < length => Err(cut(format!("{url} ended after {came} of {length} bytes"))),
            _ if came == 0 && !lasts.is_zero() => Err(wrong(format!("{url} is empty"))),
            _ => self.playout.came(Instant::now(), lasts.saturating_sub(played)),
        }
    }
}

fn join(base: &Url, uri: &str) -> Result<Url, Trouble> {
    match base.join(uri) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(url) => Err(wrong(format!("{base} names {url}, which is no HTTP"))),
        Err(error) => Err(wrong(format!("{base} names {uri:?}: {error}"))),
    }
}
