//! What a hub of a large service keeps in memory: 1,000 components, each with ninety days, nine of them with trouble.

use super::site::Site;
use crate::load::wrk;
use crate::process::Process;
use crate::report::{table, verdict};
use anyhow::Result;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// At most, with readers.
const GOAL_MB: u64 = 150;
/// A hub draws again and again; what it takes has to have settled.
const WATCHED: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);
const MB: u64 = 1_000_000;

const EXPLANATION: &str = "\
Resident memory of the hub, the most of 20 s each: idle, and while readers load its page from 64 connections. Each component has
trouble on nine of its ninety days; each such day is a bar on the page, which is held twice while it is drawn anew.
";

/// Measures, and gives the table.
pub(super) fn measure(site: &Site<'_>) -> Result<String> {
    let hub = site.large("")?.start()?;
    let idle = most(&hub.process);
    let url = format!("http://127.0.0.1:{}/", hub.status);
    let load = std::thread::scope(|scope| {
        let readers = scope.spawn(|| wrk::run(&url, 64, WATCHED, &site.folder));
        let most = most(&hub.process);
        readers.join().expect("a reader does not panic").map(|_| most)
    })?;
    let row = |what: &str, bytes: u64| {
        let mb = bytes / MB;
        vec![what.to_owned(), mb.to_string(), format!("≤ {GOAL_MB}"), verdict(mb <= GOAL_MB).to_owned()]
    };
    let rows = [row("1,000 components, 90 days, idle", idle), row("the same, read by 64", load)];
    Ok(format!("{EXPLANATION}\n{}", table(&["hub", "MB", "goal", ""], &rows)))
}

/// The most that is resident within a while, in bytes.
fn most(process: &Process) -> u64 {
    let begun = Instant::now();
    let mut most = 0;
    while begun.elapsed() < WATCHED {
        most = most.max(process.resident());
        sleep(POLL);
    }
    most
}
