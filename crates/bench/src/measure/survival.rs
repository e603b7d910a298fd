//! Whether a download outlives the upstream that serves it: killed or hung in the middle, again and again.
//!
//! One download at a time, so that none is disturbed by another's fault and nothing but the proxy, one upstream and the
//! watching client wants a processor. The upstream sends every millisecond through small buffers, so that the fault hits
//! a body in its middle and the client sees at once what it means. The faults take turns with downloads that are left
//! alone, in front of the same processes: what these see is the machine's own.

use super::fleet::Fleet;
use crate::load::download::{self, Plan, Seen};
use crate::subject::{Kind, Running, Subject};
use crate::upstream::content;
use anyhow::{Context, Result};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Upstreams: enough that some are well while others come back.
const UPSTREAMS: usize = 6;
/// Bytes a second of a download.
const PACE: usize = 8 * 1024 * 1024;
/// The fault hits between these shares of the body, in hundredths: far enough from its ends to look around.
const FROM: usize = 25;
const TO: usize = 75;

/// What is done to the serving upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    Nothing,
    Killed,
    Hung,
}

impl Fault {
    const TURNS: [Self; 3] = [Self::Nothing, Self::Killed, Self::Hung];

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
        let mut turns = Fault::TURNS.map(|fault| Series::of(subject, fault));
        let mut world = World::start(subject, folder)?;
        for number in 0..count {
            for series in &mut turns {
                world.download(number, series)?;
            }
        }
        for series in turns {
            let whole = series.downloads.iter().filter(|seen| seen.end == download::End::Whole).count();
            eprintln!("  {} {}: {whole} of {count} whole", series.proxy, series.fault.words());
            all.push(series);
        }
    }
    Ok(all)
}

impl Series {
    fn of(subject: &Subject, fault: Fault) -> Self {
        Self { proxy: subject.kind.name().to_owned(), fault, faults: 0, downloads: Vec::new() }
    }
}

/// One proxy and the upstreams behind it.
struct World {
    proxy: Running,
    fleet: Fleet,
    length: usize,
    digest: Vec<u8>,
}

impl World {
    fn start(subject: &Subject, folder: &Path) -> Result<Self> {
        let fleet = Fleet::start(UPSTREAMS, folder)?;
        let proxy = subject.start(folder, fleet.ports(), None)?;
        let body = content::large();
        Ok(Self { proxy, fleet, length: body.bytes.len(), digest: Sha256::digest(&body.bytes).to_vec() })
    }

    /// Downloads one body, hits it, and brings the upstream back.
    fn download(&mut self, number: usize, series: &mut Series) -> Result<()> {
        let path = format!("/10m?pace={PACE}");
        let (port, fault_at) = (self.proxy.port, self.length / 100 * place(number));
        let plan = Plan { port, path: &path, digest: &self.digest, fault_at };
        let (fleet, mut hit) = (&mut self.fleet, None);
        series.downloads.push(download::run(plan, |port| hit = inflict(fleet, series.fault, port)));
        let Some(index) = hit else { return Ok(()) };
        series.faults += 1;
        match series.fault {
            Fault::Nothing => Ok(()),
            Fault::Hung => self.fleet.member(index).signal(Signal::CONT),
            Fault::Killed => self.fleet.restart(index),
        }
        .context("bring an upstream back")
    }
}

/// Makes the fault; returns whom it hit. Only sends a signal: whoever watches the download waits for this.
fn inflict(fleet: &mut Fleet, fault: Fault, port: u16) -> Option<usize> {
    let signal = match fault {
        Fault::Nothing => return None,
        Fault::Killed => Signal::KILL,
        Fault::Hung => Signal::STOP,
    };
    let index = fleet.ports().iter().position(|known| *known == port)?;
    fleet.member(index).signal(signal).is_ok().then_some(index)
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
        assert!(places.len() > 30, "{places:?}");
    }
}
