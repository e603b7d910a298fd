//! Golden logs: what earlier builds wrote leads every later one to the same book (invariant D4). See README.md beside.

use downbeat_core::incident::{Book, Digest, Event, Record, State};
use downbeat_hub::log::EventLog;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// All kinds of events, by the word that stands in the log. A new kind of event gets a row, and with it a golden log.
const KINDS: [&str; 36] = [
    "actuation_ended",
    "armed",
    "change_told",
    "channels_set",
    "confirmed",
    "diagnosed",
    "dismissed",
    "evidence_grew",
    "feature_stepped",
    "feature_switched",
    "hub_started",
    "maintenance_began",
    "maintenance_cancelled",
    "maintenance_ended",
    "maintenance_scheduled",
    "maintenance_updated",
    "merged",
    "mitigated",
    "notice_sent",
    "notice_written",
    "operator_acted",
    "plan_found",
    "plan_refused",
    "plan_renewed",
    "ramp_stepped",
    "relapsed",
    "reopened",
    "remedy_judged",
    "remedy_proposed",
    "remedy_refused",
    "remedy_started",
    "resolved",
    "restored",
    "reviewed",
    "split",
    "suspected",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every golden log by its name.
fn logs() -> BTreeMap<String, Vec<Record>> {
    let entries = fs::read_dir(folder().join("logs")).expect("the golden logs are there");
    let log = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("listed").path();
        let name = path.file_stem().expect("a name").to_str().expect("text").to_owned();
        let text = fs::read_to_string(&path).expect("read");
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        (name.clone(), text.lines().map(read).collect())
    };
    entries.map(log).collect()
}

fn folded(name: &str, records: &[Record]) -> Book {
    let mut book = Book::default();
    for record in records {
        book.apply(record).unwrap_or_else(|misfit| panic!("{name}: {misfit}"));
    }
    book
}

/// The digest of each log: after its first half, and at its end.
fn expected() -> BTreeMap<String, (Digest, Digest)> {
    let text = fs::read_to_string(folder().join("digests.txt")).expect("digests.txt is there");
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or_else(|| panic!("digests.txt: three words in {line:?}"));
        let name = next().to_owned();
        let mut digest = || next().parse().expect("a digest");
        (name, (digest(), digest()))
    };
    text.lines().map(line).collect()
}

#[test]
fn every_golden_log_leads_to_the_book_it_always_led_to() {
    let (logs, expected) = (logs(), expected());
    let mut missing = Vec::new();
    for (name, records) in &logs {
        let half = folded(name, &records[..records.len() / 2]).digest();
        let end = folded(name, records).digest();
        match expected.get(name) {
            Some(known) if *known == (half, end) => {}
            _ => missing.push(format!("{name} {half} {end}")),
        }
    }
    assert!(
        missing.is_empty(),
        "these logs lead elsewhere than digests.txt says. A new log: add its line. An old one: the fold is broken, or \
         means it; then raise Book::FOLD too.\n{}",
        missing.join("\n")
    );
    let known: Vec<&String> = expected.keys().collect();
    assert_eq!(known, logs.keys().collect::<Vec<_>>(), "a line of digests.txt has no log");
}

/// Through the file: written as a hub writes, read as a hub reads, from the beginning and from a snapshot.
#[test]
fn a_golden_log_is_the_same_book_after_a_restart() {
    for (name, records) in logs() {
        let data = tempfile::tempdir().expect("a directory");
        let mut log = EventLog::open(data.path(), |_| Ok(())).expect("opens");
        for record in &records {
            let written = log.append(record.at, std::slice::from_ref(&record.event)).expect("appended");
            assert_eq!(written.first(), Some(record), "{name}");
        }
        drop(log);
        let (log, book) = EventLog::resume(data.path()).expect("resumes");
        assert_eq!((log.head().seq, book.digest()), (records.len() as u64, folded(&name, &records).digest()), "{name}");
    }
}

#[test]
fn the_previous_releases_words_mean_the_same() {
    let logs = logs();
    let (old, new) = (&logs["as_the_previous_release_wrote_it"], &logs["a_bad_canary_is_rolled_back"]);
    assert_eq!(old, new, "what is left out has a default");
    let text = fs::read_to_string(folder().join("logs/as_the_previous_release_wrote_it.jsonl")).expect("read");
    for absent in ["one_way", "\"limits\"", "\"sheds\"", "\"pins\"", "channels_set"] {
        assert!(!text.contains(absent), "{absent} stands there");
    }
}

fn kind(event: &Event) -> String {
    let value = serde_json::to_value(event).expect("an event is JSON");
    value["event"].as_str().expect("its kind").to_owned()
}

/// By the word of the event: which state it leads from and to.
fn moves(records: &[Record]) -> BTreeSet<(String, Option<State>, Option<State>)> {
    let mut book = Book::default();
    let mut moves = BTreeSet::new();
    for record in records {
        let of =
            |book: &Book| record.event.incident().and_then(|id| book.incidents.get(&id)).map(|incident| incident.state);
        let before = of(&book);
        book.apply(record).expect("fits");
        moves.insert((kind(&record.event), before, of(&book)));
    }
    moves
}

#[test]
fn every_kind_of_event_and_every_move_is_golden() {
    let seen: BTreeSet<_> = logs().values().flat_map(|records| moves(records)).collect();
    let kinds: BTreeSet<&str> = seen.iter().map(|(kind, ..)| kind.as_str()).collect();
    let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "no golden log has {missing:?}");
    let unknown: Vec<&&str> = kinds.iter().filter(|kind| !KINDS.contains(kind)).collect();
    assert!(unknown.is_empty(), "give {unknown:?} a row in KINDS");

    use State::{Confirmed, Dismissed, Merged, Mitigated, Resolved, Restoring, Reviewed, Suspected};
    let table = [
        (None, Suspected),
        (Some(Suspected), Confirmed),
        (Some(Suspected), Dismissed),
        (Some(Suspected), Resolved),
        (Some(Confirmed), Mitigated),
        (Some(Confirmed), Resolved),
        (Some(Mitigated), Restoring),
        (Some(Mitigated), Confirmed),
        (Some(Mitigated), Resolved),
        (Some(Restoring), Confirmed),
        (Some(Restoring), Resolved),
        (Some(Resolved), Reviewed),
        (Some(Confirmed), Merged),
        (Some(Reviewed), Confirmed),
        (Some(Dismissed), Suspected),
    ];
    for (from, to) in table {
        assert!(
            seen.iter().any(|(_, a, b)| (*a, *b) == (from, Some(to))),
            "no golden log goes from {from:?} to {to:?}"
        );
    }
}
