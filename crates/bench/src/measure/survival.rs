//! Whether a download outlives the upstream that serves it: killed or hung in the middle, again and again.
//!
//! The upstreams send at a steady pace through small buffers, so that the fault hits a body in its middle and the
//! client sees at once what it means. Several downloads run beside each other; each has its own serving upstream hit
//! once, at a place that chance chooses, and gets others' faults into the bargain.

use super::fleet::Fleet;
use crate::load::download::{self, Seen};
use crate::subject::{Kind, Running, Subject};
use crate::upstream::content;
use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Upstreams: enough that some are well while others come back.
const UPSTREAMS: usize = 12;
/// Downloads beside each other.
const LANES: usize = 3;
/// Bytes a second of one download.
const PACE: usize = 8 * 1024 * 1024;
/// The fault hits between these shares of the body, in hundredths.
const FROM: usize = 10;
const TO: usize = 70;

/// What is done to the serving upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    Nothing,
    Killed,
    Hung,
}

impl Fault {
    /// In the words of the table.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Killed => "killed (SIGKILL)",
            Self::Hung => "hung (SIGSTOP)",
        }
    }
}

/// All downloads of one proxy with one fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) proxy: String,
    pub(crate) fault: Fault,
    /// Faults that were really made.
    pub(crate) faults: usize,
    pub(crate) downloads: Vec<Seen>,
}

/// How many downloads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Through the edge, for each fault.
    pub(crate) ours: usize,
    /// Through each peer, for each fault.
    pub(crate) theirs: usize,
}

/// Hits every proxy's downloads.
pub(crate) fn run(subjects: &[Subject], effort: Effort, folder: &Path) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for subject in subjects {
        let ours = matches!(subject.kind, Kind::Edge | Kind::Baseline);
        let count = if ours { effort.ours } else { effort.theirs };
        // Without a fault only to tell the machine's own gaps from the proxy's.
        for (fault, count) in [(Fault::Nothing, effort.theirs), (Fault::Killed, count), (Fault::Hung, count)] {
            let series = series(subject, fault, count, folder)?;
            let whole = series.downloads.iter().filter(|seen| seen.end == download::End::Whole).count();
            eprintln!("  {} {}: {whole} of {count} whole", series.proxy, fault.words());
            all.push(series);
        }
    }
    Ok(all)
}

fn series(subject: &Subject, fault: Fault, count: usize, folder: &Path) -> Result<Series> {
    let fleet = Fleet::start(UPSTREAMS, folder)?;
    let proxy = subject.start(folder, fleet.ports(), None)?;
    let body = content::large();
    let world = World {
        proxy,
        fleet: Mutex::new(fleet),
        fault,
        length: body.bytes.len(),
        digest: Sha256::digest(&body.bytes).to_vec(),
        next: AtomicUsize::new(0),
        faults: AtomicUsize::new(0),
        count,
    };
    let downloads = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(|| world.lane())).collect();
        let ends = lanes.into_iter().map(|lane| lane.join().map_err(|_| anyhow!("a lane panicked"))?);
        ends.collect::<Result<Vec<_>>>()
    })?;
    let faults = world.faults.load(Ordering::Relaxed);
    Ok(Series { proxy: subject.kind.name().to_owned(), fault, faults, downloads: downloads.concat() })
}

/// What the lanes share.
struct World {
    proxy: Running,
    fleet: Mutex<Fleet>,
    fault: Fault,
    length: usize,
    digest: Vec<u8>,
    next: AtomicUsize,
    faults: AtomicUsize,
    count: usize,
}

impl World {
    /// Downloads one body after the other until the number is reached.
    fn lane(&self) -> Result<Vec<Seen>> {
        let path = format!("/10m?pace={PACE}");
        let mut seen = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.count {
                return Ok(seen);
            }
            let mut hit = None;
            let at = self.length / 100 * place(number);
            seen.push(download::run(self.proxy.port, &path, &self.digest, at, |port| hit = self.hit(port)));
            hit.map_or(Ok(()), |index| self.heal(index)).context("bring an upstream back")?;
        }
    }

    /// Makes the fault; none when the upstream is in another fault already.
    fn hit(&self, port: u16) -> Option<usize> {
        let mut fleet = self.fleet();
        let index = fleet.ports().iter().position(|known| *known == port)?;
        let done = match self.fault {
            Fault::Nothing => return None,
            Fault::Killed => fleet.member(index).kill(),
            Fault::Hung => fleet.member(index).signal(Signal::STOP),
        };
        done.ok()?;
        self.faults.fetch_add(1, Ordering::Relaxed);
        Some(index)
    }

    fn heal(&self, index: usize) -> Result<()> {
        match self.fault {
            Fault::Nothing => Ok(()),
            Fault::Hung => self.fleet().member(index).signal(Signal::CONT),
            Fault::Killed => self.fleet().restart(index),
        }
    }

    /// A lane that panicked is told of when it is joined.
    fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the fault of a download hits, in hundredths of the body: spread evenly by the golden ratio, never the same.
fn place(number: usize) -> usize {
    FROM + number * 618 / 10 % (TO - FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_hit_everywhere_in_the_middle() {
        let mut places: Vec<usize> = (0..200).map(place).collect();
        assert!(places.iter().all(|place| (FROM..TO).contains(place)));
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 40, "{places:?}");
    }
}
