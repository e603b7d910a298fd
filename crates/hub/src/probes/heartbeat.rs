//! The dead man's switch: a job calls an address of its own at least every so often, and is missed when it does not.
//!
//! What was heard is kept in memory only. After a start of the hub every heartbeat has its whole time and its grace before
//! it is missed, for whether it came meanwhile nobody knows (A15).

use super::Trouble;
use crate::http::problem::Problem;
use crate::settings::{ProbeSettings, ProbeTask};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use downbeat_core::model::{FailureKind, Name};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When each heartbeat was last heard. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heartbeats(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By the hash of the key: how long a search among hashes takes says nothing about a key.
    names: BTreeMap<[u8; 32], Name>,
    heard: Mutex<BTreeMap<Name, Heard>>,
}

/// Since when something has been silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// It was there.
    At(Instant),
    /// Nothing was heard since we listen.
    NeverSince(Instant),
}

impl Heartbeats {
    /// Those among the probes.
    pub(crate) fn of(probes: &[ProbeSettings], now: Instant) -> Self {
        let keyed = probes.iter().filter_map(|probe| match &probe.task {
            ProbeTask::Heartbeat { key, .. } => Some((hash(key), probe.name.clone())),
            _ => None,
        });
        let names: BTreeMap<_, _> = keyed.collect();
        let heard = names.values().map(|name| (name.clone(), Heard::NeverSince(now))).collect();
        Self(Arc::new(Inner { names, heard: Mutex::new(heard) }))
    }

    /// Notes a beat. `None` for a key that nobody has.
    fn beat(&self, key: &str, now: Instant) -> Option<()> {
        let name = self.0.names.get(&hash(key))?;
        self.heard().insert(name.clone(), Heard::At(now));
        Some(())
    }

    /// Fails when a heartbeat has been silent for longer than it may be.
    pub(super) fn judge(&self, name: &Name, (every, grace): (Duration, Duration), now: Instant) -> Result<(), Trouble> {
        let Some(heard) = self.heard().get(name).copied() else {
            return Err(Trouble::Ours("heartbeats are heard by the hub alone".into()));
        };
        let (Heard::At(since) | Heard::NeverSince(since)) = heard;
        let silent = now.saturating_duration_since(since);
        if silent <= every + grace {
            return Ok(());
        }
        let last = match heard {
            Heard::At(_) => format!("the last one came {} ago", rounded(silent)),
            Heard::NeverSince(_) => format!("none came in the {} that the hub runs", rounded(silent)),
        };
        let detail = format!("expected a heartbeat every {} with {} of grace, {last}", rounded(every), rounded(grace));
        Err(Trouble::theirs(FailureKind::Late, detail))
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, BTreeMap<Name, Heard>> {
        // One insertion is all that happens under it: what a panic elsewhere left is whole.
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// A span for people, in its two largest units.
fn rounded(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// The address of heartbeats, open to whoever has a key: jobs are given no token that could do more.
pub(crate) fn routes(heartbeats: Heartbeats) -> Router {
    Router::new().route("/v1/heartbeats/{key}", get(beat).post(beat)).with_state(heartbeats)
}

/// `GET` or `POST /v1/heartbeats/{key}`: 204.
async fn beat(State(heartbeats): State<Heartbeats>, Path(key): Path<String>) -> Result<StatusCode, Problem> {
    let noted = heartbeats.beat(&key, Instant::now());
    noted.map(|()| StatusCode::NO_CONTENT).ok_or_else(|| Problem::absent("no heartbeat has this key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::Slice;
    use std::num::NonZeroU32;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn who_is_silent_for_too_long_is_missed() {
        let (name, start) = (Name::new("backup").expect("a name"), Instant::now());
        let task = ProbeTask::Heartbeat { every: MINUTE, grace: MINUTE, key: "k".repeat(16) };
        let (slice, fail_after) = (Slice::everywhere(), NonZeroU32::MIN);
        let probe = ProbeSettings { name: name.clone(), slice, every: MINUTE, timeout: MINUTE, fail_after, task };
        let heartbeats = Heartbeats::of(&[probe], start);
        let judge = |minutes: u32| heartbeats.judge(&name, (MINUTE, MINUTE), start + MINUTE * minutes);
        assert_eq!(judge(2), Ok(()), "a start of the hub is no silence of the job");
        let said = |minutes| match judge(minutes) {
            Err(Trouble::Theirs { failure: FailureKind::Late, detail, .. }) => detail,
            other => panic!("{other:?}"),
        };
        assert!(said(3).ends_with("none came in the 3 m 0 s that the hub runs"));
        assert_eq!(heartbeats.beat("another key", start), None);
        assert_eq!(heartbeats.beat(&"k".repeat(16), start + MINUTE * 3), Some(()));
        assert_eq!(judge(5), Ok(()));
        assert!(said(6).ends_with("1 m 0 s of grace, the last one came 3 m 0 s ago"), "{}", said(6));
    }
}
