//! One song on its way into a listener's buffer, continued when it breaks.

use super::{Ears, lock};
use crate::encore_api::Track;
use crate::http::{Ask, CallError, Caller};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_RANGE, ETAG, IF_RANGE};
use hyper::{Response, StatusCode};
use sha2::{Digest, Sha256};
use std::sync::Mutex;
use std::time::Duration;

/// Music that a player keeps ahead.
const BUFFER_MAX: Duration = Duration::from_secs(15);

/// A full buffer is looked at again after so long.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// A browser continues a broken stream so often before it gives the song up.
const RETRIES_MAX: u32 = 30;

/// How long a browser waits before it continues a broken stream for the n-th time, from 0.
fn pause_before(retry: u32) -> Duration {
    Duration::from_millis(250 + 50 * u64::from(retry))
}

/// Why a stream stopped before its end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the body broke off")]
    Body(#[from] hyper::Error),
    #[error("the answer is no part of this song")]
    Other,
}

/// One song on its way.
pub(super) struct Stream<'a> {
    track: &'a Track,
    token: &'a str,
    ears: &'a Mutex<Ears>,
    etag: Option<String>,
    received: u64,
    fed: Duration,
    hash: Sha256,
}

impl<'a> Stream<'a> {
    pub(super) fn new(track: &'a Track, token: &'a str, ears: &'a Mutex<Ears>) -> Self {
        Self { track, token, ears, etag: None, received: 0, fed: Duration::ZERO, hash: Sha256::new() }
    }

    /// Takes the song in; gives it up when it cannot be continued.
    pub(super) async fn play(mut self, caller: impl Fn() -> Caller) {
        for retry in 0..RETRIES_MAX {
            if self.pull(caller()).await.is_ok() {
                return self.judge();
            }
            lock(self.ears).retries += 1;
            tokio::time::sleep(pause_before(retry)).await;
        }
        self.give_up();
    }

    async fn pull(&mut self, mut caller: Caller) -> Result<(), Broken> {
        let answer = caller.open(&self.question()).await?;
        self.accept(&answer)?;
        let mut body = answer.into_body();
        while self.received < self.track.media.bytes {
            self.wait_for_room().await;
            let frame = body.frame().await.ok_or(Broken::Other)??;
            if let Ok(bytes) = frame.into_data() {
                self.take(&bytes);
            }
        }
        Ok(())
    }

    fn question(&self) -> Ask {
        let ask = Ask::get(&self.track.media.url).by(self.token);
        match &self.etag {
            Some(etag) if self.received > 0 => ask.starting_at(self.received).with(IF_RANGE, etag),
            _ => ask,
        }
    }

    /// A beginning has to be whole, a continuation has to be of the same song from the right byte on.
    fn accept(&mut self, answer: &Response<Incoming>) -> Result<(), Broken> {
        let header = |name| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let etag = header(ETAG);
        if self.received == 0 {
            self.etag = etag;
            return if answer.status() == StatusCode::OK { Ok(()) } else { Err(Broken::Other) };
        }
        let from = format!("bytes {}-", self.received);
        let right_place = header(CONTENT_RANGE).is_some_and(|range| range.starts_with(&from));
        let right_song = etag == self.etag && answer.status() == StatusCode::PARTIAL_CONTENT;
        if right_place && right_song { Ok(()) } else { Err(Broken::Other) }
    }

    async fn wait_for_room(&self) {
        loop {
            let buffered = {
                let mut ears = lock(self.ears);
                let now = ears.now();
                ears.playhead.advance(now);
                ears.playhead.buffered()
            };
            if buffered < BUFFER_MAX {
                return;
            }
            tokio::time::sleep(FULL_PAUSE).await;
        }
    }

    /// Bytes become time by the song's own size and length.
    fn take(&mut self, bytes: &Bytes) {
        self.hash.update(bytes);
        self.received += bytes.len() as u64;
        let share = self.received as f64 / self.track.media.bytes.max(1) as f64;
        let until = self.track.duration().mul_f64(share.min(1.0));
        let music = until.saturating_sub(self.fed);
        self.fed = until;
        let mut ears = lock(self.ears);
        let now = ears.now();
        ears.playhead.feed(now, music);
    }

    fn judge(self) {
        let hash: String = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let right = self.etag.as_deref().map(|etag| etag.trim_matches('"')) == Some(hash.as_str());
        let mut ears = lock(self.ears);
        if right {
            ears.songs += 1;
        } else {
            ears.wrong += 1;
        }
    }

    fn give_up(self) {
        let mut ears = lock(self.ears);
        let now = ears.now();
        ears.playhead.give_up(now, self.track.duration().saturating_sub(self.fed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gives_up_after_half_a_minute() {
        let all: Duration = (0..RETRIES_MAX).map(pause_before).sum();
        assert_eq!(all, Duration::from_millis(29_250), "as measured in Chromium");
    }
}
