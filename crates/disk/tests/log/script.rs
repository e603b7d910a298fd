//! What the tests do to a log, and what they expect to find in it afterwards.

use downbeat_core::incident::Event;
use downbeat_core::model::Moment;
use downbeat_disk::{Files, Tape};
use downbeat_hub::log::{AppendError, EventLog, LogReader, OpenError};
use std::fs;
use std::path::Path;

/// Times that a batch is tried before the log is opened anew, as after a restart.
const ATTEMPTS: usize = 3;

/// The event that is written `n`-th. Of uneven length, so that pages fill at uneven places.
pub(crate) fn nth(n: u64) -> Event {
    Event::HubStarted { version: format!("{n}:{}", "x".repeat((n as usize * 389) % 1_900)) }
}

/// The events that stand in a log, by the numbers that [`nth`] gave them.
pub(crate) fn numbers(data: &Path) -> Vec<u64> {
    let mut all = Vec::new();
    let told = LogReader::new(data).replay(|record| {
        let Event::HubStarted { version } = &record.event else { panic!("record {} is none of ours", record.seq) };
        let number = version.split_once(':').expect("a number").0.parse().expect("a number");
        assert_eq!(record.event, nth(number), "record {} has other words", record.seq);
        all.push(number);
        Ok(())
    });
    told.expect("a sound log");
    all
}

pub(crate) fn open(data: &Path) -> Result<EventLog, OpenError> {
    EventLog::open(data, |_| Ok(()))
}

/// One to three events, as long as they last.
pub(crate) fn batch(next: u64, events: u64) -> Vec<u64> {
    (next..=(next + next % 3).min(events)).collect()
}

/// Appends what `numbers` stand for.
pub(crate) fn append(log: &mut EventLog, numbers: &[u64]) -> Result<u64, AppendError> {
    let events: Vec<Event> = numbers.iter().map(|n| nth(*n)).collect();
    let records = log.append(Moment::from_millis(numbers[0]), &events)?;
    Ok(records.last().expect("at least one").seq)
}

/// Goes through a life: so many events, and a restart in the middle. `told` hears of each acknowledgement.
///
/// Whatever fails is tried again, as the driver does; when it goes on failing, the log is closed and opened anew.
pub(crate) fn live(data: &Path, events: u64, mut told: impl FnMut(u64)) -> u64 {
    let mut next = 1;
    let mut failures = 0;
    while next <= events {
        let mut log = match open(data) {
            Ok(log) => log,
            Err(error) => {
                failures += 1;
                assert!(failures < 20, "the log does not open any more: {error}: {:?}", error);
                continue;
            }
        };
        // What was written, but not acknowledged, may be there: a restart finds it, and the sender goes on behind it.
        next = next.max(last_in(data) + 1);
        let restart = if next <= events / 2 { events / 2 } else { events };
        next = append_up_to(&mut log, next, restart, &mut told);
    }
    next - 1
}

fn append_up_to(log: &mut EventLog, first: u64, last: u64, told: &mut impl FnMut(u64)) -> u64 {
    let mut next = first;
    while next <= last {
        let numbers = batch(next, last);
        if !(0..ATTEMPTS).any(|_| append(log, &numbers).is_ok()) {
            return next;
        }
        next = numbers[numbers.len() - 1] + 1;
        told(next - 1);
    }
    next
}

fn last_in(data: &Path) -> u64 {
    numbers(data).last().copied().unwrap_or(0)
}

/// Makes a directory of what a power cut left.
pub(crate) fn materialise(files: &Files, data: &Path) {
    for (name, bytes) in files {
        fs::write(data.join(name), bytes).expect("written");
    }
}

/// D1: after a cut, everything up to `acknowledged` is there, in order, and the log goes on.
pub(crate) fn check(files: &Files, acknowledged: u64, what: &str) {
    let data = tempfile::tempdir().expect("a directory");
    materialise(files, data.path());
    let mut log = open(data.path()).unwrap_or_else(|error| panic!("{what}: {error}: {error:?}"));
    let there = log.head().seq;
    assert!(there >= acknowledged, "{what}: {acknowledged} acknowledged, {there} there");
    append(&mut log, &[there + 1]).unwrap_or_else(|error| panic!("{what}: it does not go on: {error}"));
    drop(log);
    assert_eq!(numbers(data.path()), (1..=there + 1).collect::<Vec<_>>(), "{what}");
    LogReader::new(data.path()).verify().unwrap_or_else(|error| panic!("{what}: {error}"));
}

/// The operations a life took, and after which of them each event was acknowledged.
pub(crate) struct Taped {
    pub(crate) tape: Tape,
    /// After so many operations, so many events were acknowledged.
    pub(crate) acknowledged: Vec<(usize, u64)>,
}

impl Taped {
    /// What was acknowledged when the power was cut after so many operations.
    pub(crate) fn acknowledged_by(&self, operations: usize) -> u64 {
        self.acknowledged.iter().take_while(|(at, _)| *at <= operations).last().map_or(0, |(_, events)| *events)
    }
}
