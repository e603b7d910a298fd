//! The crier: enters every new public word of the book in the subscribers' store, each once, with all who have to hear it.
//!
//! The book is the truth, and it is published after it is written; so a crier that died in the middle finds what it has not
//! entered when it looks again.

use super::Subscribers;
use super::fault::StoreError;
use super::spoken::Spoken;
use super::trouble::Chore;
use crate::clock::HubClock;
use crate::faces::Picture;
use crate::view::Snapshot;
use downbeat_core::tell::word::StoryId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Between attempts at a store that does not take a word.
const RETRY: Duration = Duration::from_secs(2);

/// Enters words until the pictures end or the store is another hub's.
pub(super) async fn cry(
    mut snapshots: watch::Receiver<Snapshot>,
    subscribers: Subscribers,
    clock: HubClock,
    entered: Arc<Notify>,
) {
    let mut known = None;
    let mut seen = None;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let seq = snapshot.book.last_seq;
        if seen != Some(seq) {
            let entering = enter(&snapshot, &subscribers, clock, &mut known, &entered).await;
            subscribers.note(Chore::Entering, entering.as_ref().err());
            match entering {
                Ok(()) => seen = Some(seq),
                Err(StoreError::Overtaken | StoreError::Stopping) => return,
                Err(_) => {
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
        }
        if snapshots.changed().await.is_err() {
            return;
        }
    }
}

async fn enter(
    snapshot: &Snapshot,
    subscribers: &Subscribers,
    clock: HubClock,
    known: &mut Option<BTreeMap<StoryId, u32>>,
    entered: &Notify,
) -> Result<(), StoreError> {
    let known = match known {
        Some(known) => known,
        None => known.insert(subscribers.with(|store| store.known()).await?),
    };
    let words = snapshot.book.words_after(known, &snapshot.settings.policy.topology);
    if words.is_empty() {
        return Ok(());
    }
    let picture = Picture::of(snapshot, &BTreeMap::new());
    for word in words {
        let content = serde_json::to_string(&Spoken::of(&word, &picture)).expect("texts and numbers are JSON");
        let (id, now) = (word.id, clock.now());
        let hear = subscribers.with(move |store| store.enter_word(now, &word, &content)).await?;
        known.insert(id.story, id.count);
        if hear > 0 {
            tracing::info!(word = %id, subscribers = hear, "a public word goes to its subscribers");
            entered.notify_one();
        }
    }
    Ok(())
}
