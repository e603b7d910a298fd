//! Starting: what a log costs that was written in years.

use crate::page::{Goal, Row};
use crate::story::{book, cpu_s, incidents};
use downbeat_core::incident::Record;
use downbeat_hub::log::{EventLog, LogReader, Snapshots};
use std::sync::LazyLock;
use std::time::Instant;

const INCIDENTS: u64 = 10_000;
/// Events written at once while the log is made.
const CHUNK: usize = 5_000;
/// The best of so many runs: noise only adds.
const RUNS: usize = 3;

pub(crate) fn measure() -> Vec<Row> {
    let records = incidents(INCIDENTS);
    let count = records.len() as f64;
    let fold = best(|| drop(book(&records)));
    let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    write(data.path(), &records);
    // Two threads share it, so what counts is how long somebody waits.
    let whole = best_by(clock_s, || drop(EventLog::resume(data.path()).expect("opens")));
    let reader = LogReader::new(data.path());
    let read = best(|| assert!(reader.replay(|_| Ok(())).is_ok()));
    let head = reader.head_at(records.len() as u64).expect("read").expect("there");
    let folded = book(&records);
    let saved = best(|| drop(Snapshots::new(data.path()).save(head, &folded).expect("saved")));
    let rest = best(|| drop(EventLog::resume(data.path()).expect("opens")));
    let digest = best(|| assert!(!folded.digest().to_string().is_empty()));
    vec![
        Row::new(format!("folding parsed records ({count:.0} of them)"), count / fold, "records/s")
            .goal(Goal::AtLeast(500_000.0)),
        Row::new("reading from SQLite, hashing, parsing", count / read, "records/s"),
        Row::new("a start without a snapshot: reading, hashing, parsing, folding", count / whole, "records/s")
            .goal(Goal::AtLeast(500_000.0)),
        Row::new("a start with a snapshot: reading, hashing", count / rest, "records/s"),
        Row::new(format!("a start without a snapshot, {count:.0} records"), whole * 1_000.0, "ms"),
        Row::new(format!("a start with a snapshot, {count:.0} records"), rest * 1_000.0, "ms"),
        Row::new("writing a snapshot of 1,000 incidents", saved * 1_000.0, "ms"),
        Row::new("the hash of that book", digest * 1_000.0, "ms"),
    ]
}

fn best(run: impl FnMut()) -> f64 {
    best_by(cpu_s, run)
}

fn best_by(now_s: fn() -> f64, mut run: impl FnMut()) -> f64 {
    let once = |_| {
        let started = now_s();
        run();
        now_s() - started
    };
    (0..RUNS).map(once).fold(f64::INFINITY, f64::min)
}

fn clock_s() -> f64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed().as_secs_f64()
}

fn write(data: &std::path::Path, records: &[Record]) {
    let mut log = EventLog::open(data, |_| Ok(())).expect("opens");
    for chunk in records.chunks(CHUNK) {
        let events: Vec<_> = chunk.iter().map(|record| record.event.clone()).collect();
        log.append(chunk[0].at, &events).expect("appended");
    }
}
