//! What clients see of a fault: errors and the longest wait, at a steady rate, every proxy as it is by default.
//!
//! Each run starts its proxy anew. It is warmed up, so that what adapts has adapted, then one of three upstreams is hit.

use super::fleet::Fleet;
use crate::load::steady::{self, Plan, Seen};
use crate::subject::Subject;
use crate::upstream::{Mode, content};
use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Requests a second.
const RATE: u32 = 1000;
/// Before anything counts.
const WARM_UP: Duration = Duration::from_secs(4);
/// Counted, but for the fault untouched.
const BEFORE: Duration = Duration::from_secs(1);
/// The fault lasts so long.
const FAULT: Duration = Duration::from_millis(2500);
/// After the fault.
const AFTER: Duration = Duration::from_secs(1);
/// All stall for this long.
const STALL: Duration = Duration::from_millis(200);
/// All stall so often.
const STALLS: u32 = 3;
/// The one that is hit.
const VICTIM: usize = 1;

/// What is done to the upstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    Nothing,
    Killed,
    Hung,
    Failing,
    Slow,
    AllStall,
}

impl Fault {
    const ALL: [Self; 6] = [Self::Nothing, Self::Killed, Self::Hung, Self::Failing, Self::Slow, Self::AllStall];

    /// In the words of the table.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Killed => "one killed (SIGKILL), not restarted",
            Self::Hung => "one hung (SIGSTOP)",
            Self::Failing => "one answers everything but health checks with 500",
            Self::Slow => "one answers everything but health checks 1 s late",
            Self::AllStall => "all stall 200 ms, three times",
        }
    }
}

/// One run of one proxy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) fault: Fault,
    pub(crate) proxy: String,
    pub(crate) seen: Seen,
    /// Requests that clients made in all, the warm-up included.
    pub(crate) asked: u64,
    /// Requests that upstreams got in that time: more, where some were asked twice.
    pub(crate) upstream: u64,
}

impl Run {
    /// What upstreams got beyond what clients asked, as a share of the latter.
    pub(crate) fn extra(&self) -> f64 {
        self.upstream as f64 / self.asked.max(1) as f64 - 1.0
    }
}

/// Puts every proxy through every fault, so many times.
pub(crate) fn run(subjects: &[Subject], rounds: usize, folder: &Path) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for fault in Fault::ALL {
        for round in 0..rounds {
            for turn in 0..subjects.len() {
                let subject = &subjects[(round + turn) % subjects.len()];
                let run = one(subject, fault, folder)?;
                let Seen { errors, requests, p99_ms, max_ms, .. } = run.seen;
                let (name, words, extra) = (subject.kind.name(), fault.words(), run.extra() * 100.0);
                eprintln!(
                    "  {words}: {name:<10} {errors} errors of {requests}, p99 {p99_ms:.0}, longest {max_ms:.0} ms, \
                     {extra:.1} % extra"
                );
                runs.push(run);
            }
        }
    }
    Ok(runs)
}

fn one(subject: &Subject, fault: Fault, folder: &Path) -> Result<Run> {
    let mut fleet = Fleet::start(3, folder)?;
    let proxy = subject.start(folder, fleet.ports(), None)?;
    let content = content::small();
    let load = steady::start(Plan {
        port: proxy.port,
        path: content.path,
        body: content.bytes,
        rate: RATE,
        warm_up: WARM_UP,
        duration: BEFORE + FAULT + AFTER,
    });
    sleep(WARM_UP + BEFORE);
    inflict(&mut fleet, fault)?;
    let seen = load.join().map_err(|_| anyhow!("the load's thread panicked"))?.context("load a proxy")?;
    let asked = u64::from(RATE) * (WARM_UP + BEFORE + FAULT + AFTER).as_millis() as u64 / 1000;
    Ok(Run { fault, proxy: subject.kind.name().to_owned(), seen, asked, upstream: fleet.asked()? })
}

/// Does the fault and takes it back.
fn inflict(fleet: &mut Fleet, fault: Fault) -> Result<()> {
    match fault {
        Fault::Nothing => {}
        Fault::Killed => fleet.kill(VICTIM)?,
        Fault::Hung => {
            fleet.member(VICTIM).signal(Signal::STOP)?;
            sleep(FAULT);
            fleet.member(VICTIM).signal(Signal::CONT)?;
        }
        Fault::Failing | Fault::Slow => {
            fleet.set(VICTIM, if fault == Fault::Slow { Mode::Slow } else { Mode::Failing })?;
            sleep(FAULT);
            fleet.set(VICTIM, Mode::Well)?;
        }
        Fault::AllStall => {
            for _ in 0..STALLS {
                all(fleet, Signal::STOP)?;
                sleep(STALL);
                all(fleet, Signal::CONT)?;
                sleep(FAULT / STALLS - STALL);
            }
        }
    }
    Ok(())
}

fn all(fleet: &mut Fleet, signal: Signal) -> Result<()> {
    (0..fleet.ports().len()).try_for_each(|index| fleet.member(index).signal(signal))
}
