//! The review of a finished incident as a file, written whole or not at all.

use super::Tools;
use crate::chance::random_share;
use crate::text::{date, slug, utc};
use downbeat_core::incident::Incident;
use downbeat_core::learn::review;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Longest pause between attempts at a disk that does not take the file.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Writes the review, however long the disk refuses it, and says where it lies in the data directory.
pub(super) async fn write_review(tools: &Tools, incident: &Incident) -> String {
    let path = place(incident);
    let text = review(incident, &tools.settings.policy, utc);
    let mut pause = Duration::from_millis(500);
    while let Err(error) = write(&tools.settings.data, &path, &text).await {
        tracing::error!(path, %error, "cannot write a review; trying again");
        tokio::time::sleep(pause.mul_f64(0.5 + random_share())).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    path
}

fn place(incident: &Incident) -> String {
    format!("reviews/{}-{}-{}.md", date(incident.suspected_at), slug(&incident.title), incident.id)
}

async fn write(data: &Path, path: &str, text: &str) -> std::io::Result<()> {
    let (target, text) = (data.join(path), text.to_owned());
    let write = tokio::task::spawn_blocking(move || replace(&target, text.as_bytes()));
    write.await.map_err(std::io::Error::other)?
}

/// Writes beside, syncs, and renames over: a reader sees the old file or the new one, never half of one.
fn replace(target: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = target.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    let beside = target.with_extension("part");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, target)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let data = tempfile::tempdir().expect("a directory");
        let target = data.path().join("reviews/a.md");
        for text in ["a long first text", "short"] {
            replace(&target, text.as_bytes()).expect("written");
            assert_eq!(std::fs::read_to_string(&target).expect("read"), text);
        }
        assert_eq!(std::fs::read_dir(data.path().join("reviews")).expect("listed").count(), 1);
    }
}
