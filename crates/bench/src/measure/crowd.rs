//! Thousands of half-open connections: what each costs in memory, and what good requests feel of them.

use super::fleet::Fleet;
use crate::load::halfopen::{Crowd, raise_files};
use crate::load::steady::{self, Plan, Seen};
use crate::subject::Subject;
use crate::upstream::content;
use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Half-open connections.
pub(crate) const CONNECTIONS: usize = 9000;
/// Good requests a second meanwhile.
const RATE: u32 = 200;
/// Everybody has to be there by then.
const ASSEMBLY: Duration = Duration::from_secs(8);
/// How long good requests are watched.
const WATCHED: Duration = Duration::from_secs(15);
/// Good requests before anything counts.
const WARM_UP: Duration = Duration::from_secs(2);
/// How often the crowd is counted.
const LOOK: Duration = Duration::from_millis(100);

/// What a crowd does to one proxy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) proxy: String,
    /// Connections when most were there.
    pub(crate) held_most: usize,
    /// Connections on average while good requests were watched.
    pub(crate) held_mean: f64,
    /// Bytes of memory for each connection, when most were there.
    pub(crate) bytes_each: f64,
    /// Good requests, without the crowd and with it.
    pub(crate) alone: Seen,
    pub(crate) crowded: Seen,
}

/// Lets a crowd loose on each proxy.
pub(crate) fn run(subjects: &[Subject], folder: &Path) -> Result<Vec<Row>> {
    // The proxies started from here inherit the limit.
    raise_files()?;
    subjects.iter().map(|subject| one(subject, folder)).collect()
}

fn one(subject: &Subject, folder: &Path) -> Result<Row> {
    let fleet = Fleet::start(3, folder)?;
    let proxy = subject.start(folder, fleet.ports(), None)?;
    let alone = good_requests(proxy.port, || ())?.0;
    let before = proxy.process.resident();
    let crowd = Crowd::start(proxy.port, CONNECTIONS)?;
    let deadline = Instant::now() + ASSEMBLY;
    while crowd.held() < CONNECTIONS && Instant::now() < deadline {
        sleep(LOOK);
    }
    // All at once connected, some not yet read: the heads' beginnings take a moment to arrive.
    sleep(Duration::from_secs(1));
    let held_most = crowd.held();
    let grown = proxy.process.resident().saturating_sub(before);
    let (crowded, held) = good_requests(proxy.port, || crowd.held())?;
    let held_mean = held.iter().sum::<usize>() as f64 / held.len().max(1) as f64;
    let bytes_each = grown as f64 / held_most.max(1) as f64;
    let name = subject.kind.name();
    eprintln!("  {name}: {held_most} held, {bytes_each:.0} bytes each, p99 {:.1} ms", crowded.p99_ms);
    Ok(Row { proxy: name.to_owned(), held_most, held_mean, bytes_each, alone, crowded })
}

/// Asks good requests for a while and looks at something meanwhile.
fn good_requests<T>(port: u16, look: impl Fn() -> T) -> Result<(Seen, Vec<T>)> {
    let content = content::small();
    let plan = Plan { port, path: content.path, body: content.bytes, rate: RATE, warm_up: WARM_UP, duration: WATCHED };
    let load = steady::start(plan);
    let mut looks = Vec::new();
    while !load.is_finished() {
        looks.push(look());
        sleep(LOOK);
    }
    Ok((load.join().map_err(|_| anyhow!("the load's thread panicked"))?.context("ask good requests")?, looks))
}
