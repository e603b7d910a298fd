//! Upgrades that operators ask for at the admin endpoint. The edge itself starts no program: whoever runs it does, and
//! answers with what became of it.

use tokio::sync::{mpsc, oneshot};

/// Upgrades that may wait: one, for the second of two comes too late in any case.
const WAITING_MAX: usize = 1;

/// Where upgrades are asked for.
#[derive(Debug, Clone)]
pub struct Upgrades(mpsc::Sender<UpgradeRequest>);

/// An upgrade that somebody waits for.
#[derive(Debug)]
pub struct UpgradeRequest(oneshot::Sender<Result<u32, String>>);

/// The two ends: one for the edge, one for whoever runs it.
pub fn upgrades() -> (Upgrades, mpsc::Receiver<UpgradeRequest>) {
    let (sender, requests) = mpsc::channel(WAITING_MAX);
    (Upgrades(sender), requests)
}

impl Upgrades {
    /// Asks for an upgrade, and waits for its end: the process that serves now, or why it is still this one.
    pub(crate) async fn ask(&self) -> Result<u32, String> {
        let (answer, end) = oneshot::channel();
        self.0.try_send(UpgradeRequest(answer)).map_err(|_| "an upgrade is under way, or the edge stops".to_owned())?;
        end.await.unwrap_or_else(|_| Err("the edge stops".into()))
    }
}

impl UpgradeRequest {
    /// Says what became of it: the id of the process that serves now, or why it is still this one.
    pub fn answer(self, outcome: Result<u32, String>) {
        // Whoever asked may have gone; what was done is done.
        let _ = self.0.send(outcome);
    }
}
