//! What a request costs: processor time of the whole proxy for each answer, in rounds that take turns.
//!
//! Throughput and latency tell of the machine and its neighbours; processor time tells of the proxy. All proxies run
//! at once in front of the same upstreams, only one is loaded at a time, and each round loads every one of them in an
//! order that turns, so that whatever else the machine does falls on all of them.

use super::fleet::Fleet;
use crate::load::h2load;
use crate::load::wrk::{self, Seen};
use crate::subject::{Certificate, Running, Subject};
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

    /// Clients beside each other.
    pub(crate) fn connections(self) -> u32 {
        match self {
            Self::Small | Self::Middle => 64,
            Self::Large => 4,
        }
    }
}

/// How clients speak to the proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// HTTP/1.1 without TLS.
    Plain,
    /// HTTP/1.1 over TLS, on connections that are kept.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
}

/// What is asked for, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) size: Size,
    pub(crate) speech: Speech,
}

impl Wish {
    fn load(self, proxy: &Running, duration: Duration, folder: &Path) -> Result<Seen> {
        let scheme = if self.speech == Speech::Plain { "http" } else { "https" };
        let url = format!("{scheme}://127.0.0.1:{}{}", proxy.port, self.size.path());
        match self.speech {
            Speech::Plain | Speech::Tls => wrk::run(&url, self.size.connections(), duration, folder),
            Speech::Http2 => h2load::run(&url, duration),
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

/// Measures all proxies with one wish; one that cannot fulfil it is left out, with a word on why.
pub(crate) fn run(subjects: &[Subject], wish: Wish, effort: Effort, folder: &Path) -> Result<(Vec<Row>, Vec<String>)> {
    let fleet = Fleet::start(3, folder)?;
    let certificate = (wish.speech != Speech::Plain).then(|| Certificate::make(folder)).transpose()?;
    let (mut ready, mut skipped) = (Vec::new(), Vec::new());
    for subject in subjects {
        let started = subject.start(folder, fleet.ports(), certificate.as_ref());
        let warm = started.and_then(|proxy| wish.load(&proxy, WARM_UP, folder).map(|_| proxy));
        match warm {
            Ok(proxy) => ready.push((proxy, Row::of(subject))),
            Err(error) => {
                let words = format!("{}: {error:#}", subject.kind.name());
                eprintln!("SKIP: {words}");
                // The page is the same wherever it was written.
                skipped.push(words.replace(&format!("{}/", folder.display()), ""));
            }
        }
    }
    for round in 0..effort.rounds {
        for turn in 0..ready.len() {
            let index = (round + turn) % ready.len();
            let (proxy, row) = &mut ready[index];
            let sample = sample(proxy, wish, effort.each, folder)?;
            row.say(&sample, round, effort.rounds);
            row.samples.push(sample);
        }
    }
    Ok((ready.into_iter().map(|(_, row)| row).collect(), skipped))
}

fn sample(proxy: &Running, wish: Wish, each: Duration, folder: &Path) -> Result<Sample> {
    let before = proxy.process.busy_ns();
    let seen = wish.load(proxy, each, folder)?;
    let busy_ns = proxy.process.busy_ns() - before;
    Ok(Sample { seen, busy_ns, resident: proxy.process.resident() })
}

impl Row {
    fn of(subject: &Subject) -> Self {
        Self { proxy: subject.kind.name().to_owned(), version: subject.version.clone(), samples: Vec::new() }
    }

    /// Says what a round came to.
    pub(crate) fn say(&self, sample: &Sample, round: usize, rounds: usize) {
        let (name, micros, round) = (&self.proxy, sample.micros(), round + 1);
        let (rate, errors) = (sample.seen.requests as f64 / sample.seen.seconds, sample.seen.errors);
        eprintln!("  round {round}/{rounds} {name:<22} {micros:>8.1} µs  {rate:>7.0}/s  {errors} errors");
    }
}
