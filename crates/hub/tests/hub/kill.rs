//! What is acknowledged outlives any death of the process (invariants D1, D2, D3).
//!
//! The test starts itself as a child that appends and says which record it was told to be safe.

use crate::rig::records;
use downbeat_core::incident::Event;
use downbeat_core::model::Moment;
use downbeat_hub::log::{AppendError, EventLog, LogReader};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Tells the child where to append.
const DATA: &str = "DOWNBEAT_TEST_APPEND_TO";
/// How often the child is killed.
const ROUNDS: u32 = 40;

fn nth(seq: u64) -> Event {
    // Of uneven length, so that pages fill at uneven places.
    Event::HubStarted { version: format!("{seq}:{}", "x".repeat((seq as usize * 37) % 900)) }
}

/// The child: appends one to three records at a time for ever, and says the last one that was acknowledged.
fn append_for_ever(data: &Path) -> AppendError {
    let mut log = EventLog::open(data, |_| Ok(())).expect("an earlier death leaves a log that opens");
    let mut out = std::io::stdout();
    loop {
        let next = log.head().seq + 1;
        let events: Vec<Event> = (next..=next + next % 3).map(nth).collect();
        match log.append(Moment::from_millis(next), &events) {
            Ok(records) => {
                let last = records.last().expect("at least one").seq;
                writeln!(out, "acked {last}").and_then(|()| out.flush()).expect("the parent listens");
            }
            Err(error) => return error,
        }
    }
}

fn child(test: &str, data: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", test, "--nocapture"]).env(DATA, data).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn acked(line: &str) -> Option<u64> {
    line.trim().strip_prefix("acked ")?.parse().ok()
}

/// Waits for the first acknowledgement, lets the child run for a while, kills it, and reads what else it said.
fn kill_after(mut child: Child, span: Duration) -> u64 {
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while acked(&line).is_none() {
        line.clear();
        assert_ne!(lines.read_line(&mut line).expect("read"), 0, "the child died by itself");
    }
    std::thread::sleep(span);
    child.kill().expect("killed");
    child.wait().expect("gone");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("read");
    // The last line may be torn; what was acknowledged is what came through whole.
    let whole = rest.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(acked).next_back().or(acked(&line)).expect("at least the first")
}

#[test]
fn acknowledged_events_outlive_kill() {
    if let Some(data) = std::env::var_os(DATA) {
        panic!("the child stopped: {}", append_for_ever(Path::new(&data)));
    }
    let data = tempfile::tempdir().expect("a directory");
    let mut before = 0;
    for round in 0..ROUNDS {
        let child = child("kill::acknowledged_events_outlive_kill", data.path()).spawn().expect("a child");
        // Another moment each time: from just after the first record to some dozens later.
        let acked = kill_after(child, Duration::from_micros(u64::from(round * 7_919 % 40_000)));
        let head = LogReader::new(data.path()).verify().expect("the chain holds").head;
        assert!(acked > before && head.seq >= acked, "round {round}: {acked} acknowledged, {} there", head.seq);
        before = head.seq;
    }
    for record in records(data.path()) {
        assert_eq!(record.event, nth(record.seq), "record {} is another one", record.seq);
    }
}

#[test]
fn a_disk_that_takes_no_more_is_said_and_costs_nothing_acknowledged() {
    if let Some(data) = std::env::var_os(DATA) {
        let error = append_for_ever(Path::new(&data));
        println!("ended {}", matches!(error, AppendError::Full { .. } | AppendError::Disk { .. }));
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    // No file may grow beyond 256 blocks: writes then fail as they do on a broken or full disk.
    let inner = child("kill::a_disk_that_takes_no_more_is_said_and_costs_nothing_acknowledged", data.path());
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 256; exec \"$0\" \"$@\""]).arg(inner.get_program());
    limited.args(inner.get_args()).env(DATA, data.path()).stderr(Stdio::null());
    let said = String::from_utf8(limited.output().expect("ran").stdout).expect("text");
    assert!(said.contains("ended true"), "{said}");
    let acked = said.lines().filter_map(acked).next_back().expect("some were acknowledged");

    let all = records(data.path());
    assert_eq!(all.len() as u64, acked, "exactly what was acknowledged");
    let mut log = EventLog::open(data.path(), |_| Ok(())).expect("opens on a disk with room");
    assert_eq!(log.append(Moment::from_millis(1), &[nth(acked + 1)]).expect("goes on")[0].seq, acked + 1);
}
