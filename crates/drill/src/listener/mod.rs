//! Synthetic listeners: they log in through the edge, load a playlist and stream it at playing speed, and they
//! know for how long they heard nothing.
//!
//! Modelled on a browser's audio element: the buffer is capped by not reading (with a small receive buffer,
//! since the kernel would else hide an outage); a stalled stream is waited for, a broken one is continued by
//! `Range` and `If-Range` after 250 ms and 50 ms more each time, thirty times; the next song is fetched as soon
//! as the last one is in. Every song's SHA-256 has to be its ETag.

pub mod playhead;
mod stream;

use crate::dice::Dice;
use crate::encore_api::{self, Track};
use crate::http::{CallError, Caller};
use playhead::{Heard, Playhead};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Receive buffer of a listener's socket, in bytes.
const RECEIVE_BYTES: u32 = 32 * 1024;

/// A listener waits so long for the head of an answer, as browsers do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two tries to log in or to load a playlist.
const PAUSE: Duration = Duration::from_secs(1);

/// What a listener's ears and files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// What was heard.
    pub heard: Heard,
    /// Songs that came whole, with the right hash.
    pub songs: u64,
    /// Songs that came whole, with a wrong hash.
    pub wrong: u64,
    /// How often a broken stream was continued by the listener itself.
    pub retries: u64,
}

/// What the listener's task and its observers share.
#[derive(Debug)]
struct Ears {
    since: Instant,
    playhead: Playhead,
    songs: u64,
    wrong: u64,
    retries: u64,
}

impl Ears {
    fn now(&self) -> Duration {
        self.since.elapsed()
    }
}

/// Everybody who listens.
#[derive(Debug)]
pub struct Audience {
    listeners: Vec<(Arc<Mutex<Ears>>, JoinHandle<()>)>,
}

impl Audience {
    /// So many listeners press play, a little after each other.
    pub fn gather(edge: SocketAddr, count: usize, seed: u64) -> Self {
        let listeners = (0..count).map(|number| listen(edge, number, seed)).collect();
        Self { listeners }
    }

    /// What each of them has heard up to now.
    pub fn accounts(&self) -> Vec<Account> {
        self.listeners.iter().map(|(ears, _)| account(&mut lock(ears))).collect()
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.listeners.iter().for_each(|(_, task)| task.abort());
    }
}

fn account(ears: &mut Ears) -> Account {
    let now = ears.now();
    ears.playhead.advance(now);
    Account { heard: ears.playhead.heard(), songs: ears.songs, wrong: ears.wrong, retries: ears.retries }
}

fn lock(ears: &Mutex<Ears>) -> MutexGuard<'_, Ears> {
    // Counters and times are whole after every statement, whoever panicked.
    ears.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(edge: SocketAddr, number: usize, seed: u64) -> (Arc<Mutex<Ears>>, JoinHandle<()>) {
    let ears = Ears { since: Instant::now(), playhead: Playhead::new(), songs: 0, wrong: 0, retries: 0 };
    let ears = Arc::new(Mutex::new(ears));
    let listener = Listener {
        edge,
        user: format!("listener-{}", number % 40 + 1),
        from: own_address(number),
        dice: Dice::new(seed.wrapping_add(number as u64)),
        ears: Arc::clone(&ears),
    };
    let late = Duration::from_millis(50 * number as u64);
    let task = tokio::spawn(async move {
        tokio::time::sleep(late).await;
        listener.live().await;
    });
    (ears, task)
}

/// Each listener lives in a network of its own: 127.10.x.0/24.
fn own_address(number: usize) -> Ipv4Addr {
    // The remainders are below 250.
    Ipv4Addr::new(127, 10 + (number / 250 % 10) as u8, (number % 250) as u8 + 1, 1)
}

struct Listener {
    edge: SocketAddr,
    user: String,
    from: Ipv4Addr,
    dice: Dice,
    ears: Arc<Mutex<Ears>>,
}

impl Listener {
    /// Listens until nobody wants to know any more.
    async fn live(mut self) {
        loop {
            match self.load().await {
                Ok((token, tracks)) if !tracks.is_empty() => self.play_all(&token, &tracks).await,
                // Nothing to play, or no way in: a person tries again.
                Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn caller(&self) -> Caller {
        Caller::new(self.edge, PATIENCE).from(self.from).receive_buffer(RECEIVE_BYTES)
    }

    async fn load(&mut self) -> Result<(String, Vec<Track>), CallError> {
        let mut caller = self.caller();
        let token = encore_api::log_in(&mut caller, &self.user, "music").await?;
        let lists = encore_api::playlists(&mut caller, &token).await?;
        let Some(list) = self.dice.pick(&lists) else { return Ok((token, Vec::new())) };
        let mut tracks = encore_api::playlist(&mut caller, &token, list).await?.tracks;
        let first = self.dice.below(tracks.len());
        tracks.rotate_left(first);
        Ok((token, tracks))
    }

    async fn play_all(&self, token: &str, tracks: &[Track]) {
        for track in tracks {
            stream::Stream::new(track, token, &self.ears).play(|| self.caller()).await;
        }
    }
}
