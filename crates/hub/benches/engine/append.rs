//! Writing: one event of 200 bytes, synced, before anybody hears of it.

use crate::page::{Goal, Row};
use crate::story::{median_and_p99, small};
use downbeat_core::model::Moment;
use downbeat_hub::log::EventLog;
use std::time::Instant;

const APPENDS: u64 = 3_000;
const BATCH: u64 = 10;
/// An append over a plain file's sync: what is ours, whatever the disk is. Beside a sync of a tenth of a millisecond, our
/// own 30 microseconds of work show; beside one of several milliseconds they do not.
const OVER_PLAIN_MAX: f64 = 1.5;

pub(crate) fn measure() -> Vec<Row> {
    let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut log = EventLog::open(data.path(), |_| Ok(())).expect("opens");
    // As a hub's writer does.
    log.make_room().expect("there is room");
    let mut append = |n: u64, events: u64| {
        let events: Vec<_> = (0..events).map(|k| small(n + k)).collect();
        let started = Instant::now();
        log.append(Moment::from_millis(n), &events).expect("appended");
        started.elapsed().as_secs_f64() * 1_000.0
    };
    // Turn by turn, so that both meet the same neighbours.
    let pairs: Vec<(f64, f64)> = (0..APPENDS).map(|n| (append(n, 1), sync_once(data.path()))).collect();
    let (ours, plain): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let ((median, p99), plain) = (median_and_p99(ours), median_and_p99(plain));
    let (_, batch) = median_and_p99((0..APPENDS / BATCH).map(|n| append(APPENDS + n, BATCH)).collect());
    vec![
        Row::new("append of one event, median", median, "ms"),
        Row::new("append of one event, p99", p99, "ms").goal(Goal::AtMost(5.0)),
        Row::new("in turn with them, 4 KiB written over a plain file and synced: median", plain.0, "ms"),
        Row::new("the same, p99", plain.1, "ms"),
        Row::new("an append's median over the plain file's", median / plain.0, "times")
            .goal(Goal::AtMost(OVER_PLAIN_MAX)),
        Row::new("an append's p99 over the plain file's", p99 / plain.1, "times").goal(Goal::AtMost(OVER_PLAIN_MAX)),
        Row::new(format!("append of {BATCH} events at once, p99"), batch, "ms"),
    ]
}

fn sync_once(folder: &std::path::Path) -> f64 {
    use std::os::unix::fs::FileExt;
    let file =
        std::fs::File::options().create(true).truncate(false).write(true).open(folder.join("plain")).expect("opens");
    let started = Instant::now();
    file.write_all_at(&[7; 4_096], 0).and_then(|()| file.sync_data()).expect("written");
    started.elapsed().as_secs_f64() * 1_000.0
}
