//! What a request costs: processor time of the whole proxy for each answer, in rounds that take turns.
//!
//! Throughput and latency tell of the machine and its neighbours; processor time tells of the proxy. All proxies run
//! at once in front of the same upstreams, only one is loaded at a time, and each round loads every one of them in an
//! order that turns, so that whatever else the machine does falls on all of them.

use super::fleet::Fleet;
use crate::load::wrk::{self, Seen};
use crate::subject::{Kind, Running, Subject};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// Which bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Middle,
    Large,
}

impl Size {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Small => "/1k",
            Self::Middle => "/64k",
            Self::Large => "/10m",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "1 KB",
            Self::Middle => "64 KB",
            Self::Large => "10 MB",
        }
    }

    /// Clients beside each other.
    pub(crate) fn connections(self) -> u32 {
        match self {
            Self::Small | Self::Middle => 64,
            Self::Large => 4,
        }
    }
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) each: Duration,
}

/// Loaded once before the first round, so that connections and caches are there.
const WARM_UP: Duration = Duration::from_secs(1);

/// One proxy in one round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) seen: Seen,
    pub(crate) busy_ns: u64,
    pub(crate) resident: u64,
}

impl Sample {
    /// Microseconds of processor time for each request.
    pub(crate) fn micros(&self) -> f64 {
        self.busy_ns as f64 / 1e3 / self.seen.requests.max(1) as f64
    }
}

/// All rounds of one proxy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) proxy: String,
    pub(crate) version: String,
    pub(crate) samples: Vec<Sample>,
}

/// Measures all proxies with one size of body.
pub(crate) fn run(subjects: &[Subject], size: Size, effort: Effort, folder: &Path) -> Result<Vec<Row>> {
    let fleet = Fleet::start(3, folder)?;
    let running: Vec<Running> =
        subjects.iter().map(|subject| subject.start(folder, fleet.ports())).collect::<Result<_>>()?;
    for proxy in &running {
        wrk::run(&url(proxy, size), size.connections(), WARM_UP, folder)?;
    }
    let mut rows: Vec<Row> = subjects
        .iter()
        .map(|s| Row { proxy: s.kind.name().to_owned(), version: s.version.clone(), samples: Vec::new() })
        .collect();
    for round in 0..effort.rounds {
        for turn in 0..running.len() {
            let index = (round + turn) % running.len();
            let sample = sample(&running[index], size, effort.each, folder)?;
            say(round, effort.rounds, running[index].kind, size, &sample);
            rows[index].samples.push(sample);
        }
    }
    Ok(rows)
}

fn sample(proxy: &Running, size: Size, each: Duration, folder: &Path) -> Result<Sample> {
    let before = proxy.process.busy_ns();
    let seen = wrk::run(&url(proxy, size), size.connections(), each, folder)?;
    let busy_ns = proxy.process.busy_ns() - before;
    Ok(Sample { seen, busy_ns, resident: proxy.process.resident() })
}

fn url(proxy: &Running, size: Size) -> String {
    format!("http://127.0.0.1:{}{}", proxy.port, size.path())
}

fn say(round: usize, rounds: usize, kind: Kind, size: Size, sample: &Sample) {
    let (name, size, micros) = (kind.name(), size.name(), sample.micros());
    let (rate, errors) = (sample.seen.requests as f64 / sample.seen.seconds, sample.seen.errors);
    eprintln!("  {size} round {}/{rounds} {name:<22} {micros:>8.1} µs  {rate:>7.0}/s  {errors} errors", round + 1);
}
