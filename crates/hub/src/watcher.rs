//! Who watches the watcher? As long as the hub can decide, remember and reach out, it calls somebody outside again and again, who
//! calls you when the calls end: a dead man's switch (invariant C6). A hub that is dead, hangs or is cut off calls nobody, and one
//! that cannot write has no way of telling anybody through its log; so the call proves that the disk takes new bytes.

use crate::doors::Doors;
use crate::outbound::{NamedBy, Web, why};
use crate::settings::WatcherSettings;
use reqwest::Method;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Where the disk is proven, beside the log.
const PROOF: &str = "alive";
/// A disk that is full may still have room within a file's last block, so the proof is a block of its own.
const PROOF_BYTES: usize = 4_096;
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls until it is dropped.
pub(crate) async fn keep_calling(watcher: WatcherSettings, data: PathBuf, doors: Doors, web: Web) {
    let mut turns = tokio::time::interval(watcher.every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_heard = true;
    loop {
        turns.tick().await;
        let called = match (ailment(&doors, &data).await, &watcher.fail_url) {
            (None, _) => call(&web, Method::GET, &watcher.url, String::new()).await,
            (Some(ailment), fail_url) => {
                tracing::error!(ailment, "the watcher is not told that all is well");
                // Whoever has no address for that hears it by our silence.
                let Some(url) = fail_url else { continue };
                call(&web, Method::POST, url, ailment).await
            }
        };
        match (&called, is_heard) {
            (Err(why), true) => tracing::warn!(why, "the watcher does not hear the hub"),
            (Ok(()), false) => tracing::info!("the watcher hears the hub again"),
            _ => {}
        }
        is_heard = called.is_ok();
    }
}

/// What keeps the hub from its work, when something does.
async fn ailment(doors: &Doors, data: &Path) -> Option<String> {
    if let Some(ailment) = doors.ailment() {
        return Some(ailment);
    }
    let folder = data.to_path_buf();
    let proof = tokio::task::spawn_blocking(move || prove(&folder)).await;
    let proof = proof.unwrap_or_else(|error| Err(error.into()));
    proof.err().map(|error| format!("{} takes no new bytes: {error}", data.display()))
}

/// Writes a new file and waits until the disk has it.
fn prove(folder: &Path) -> io::Result<()> {
    let new = folder.join(format!("{PROOF}.new"));
    let mut file = File::create(&new)?;
    file.write_all(&[b'\n'; PROOF_BYTES])?;
    file.sync_data()?;
    fs::rename(&new, folder.join(PROOF))
}

async fn call(web: &Web, method: Method, url: &str, body: String) -> Result<(), String> {
    let request = web.request_text(method, url, NamedBy::Service).map_err(|refusal| refusal.to_string())?;
    let answer = request.timeout(CALL_TIMEOUT).body(body).send().await;
    let answer = answer.map_err(|error| why(&error.without_url()))?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_proven_again_and_again_and_a_missing_folder_is_no_proof() {
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            prove(folder.path()).expect("a writable folder");
            assert_eq!(fs::metadata(folder.path().join(PROOF)).expect("the proof").len(), PROOF_BYTES as u64);
        }
        assert!(!folder.path().join("alive.new").exists());
        assert!(prove(&folder.path().join("away")).is_err());
    }
}
