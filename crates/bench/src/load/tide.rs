//! Requests at a rate that can be changed while they run, whether the last ones were answered or not.

use super::steady::{Client, PATIENCE, Plan};
use crate::upstream::content;
use anyhow::{Context, Result};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout};

/// A load that runs until this is dropped.
pub(crate) struct Tide {
    shared: Arc<Shared>,
}

struct Shared {
    /// Requests a second; 0 is the end.
    rate: AtomicU32,
    asked: AtomicU64,
    failed: AtomicU64,
}

impl Tide {
    /// Starts asking for the small body, on a thread of its own.
    pub(crate) fn start(port: u16, rate: u32) -> Result<Self> {
        let shared =
            Arc::new(Shared { rate: AtomicU32::new(rate), asked: AtomicU64::new(0), failed: AtomicU64::new(0) });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        let (other, content) = (shared.clone(), content::small());
        let plan = Plan {
            port,
            path: content.path,
            body: content.bytes,
            rate,
            warm_up: Duration::ZERO,
            duration: Duration::ZERO,
        };
        std::thread::spawn(move || LocalSet::new().block_on(&runtime, ask(plan, other)));
        Ok(Self { shared })
    }

    /// From now on so many requests a second, at least one.
    pub(crate) fn set(&self, rate: u32) {
        self.shared.rate.store(rate.max(1), Ordering::Relaxed);
    }

    /// Requests so far, and those of them that failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.asked.load(Ordering::Relaxed), self.shared.failed.load(Ordering::Relaxed))
    }
}

impl Drop for Tide {
    fn drop(&mut self) {
        self.shared.rate.store(0, Ordering::Relaxed);
    }
}

async fn ask(plan: Plan, shared: Arc<Shared>) {
    let client = Rc::new(Client::new(plan));
    let mut due = Instant::now();
    loop {
        let rate = shared.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return;
        }
        due += Duration::from_secs(1) / rate;
        sleep_until(due).await;
        let (client, shared) = (client.clone(), shared.clone());
        shared.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_local(async move {
            let well = timeout(PATIENCE, client.ask()).await.is_ok_and(|answer| answer.is_ok());
            shared.failed.fetch_add(u64::from(!well), Ordering::Relaxed);
        });
    }
}
