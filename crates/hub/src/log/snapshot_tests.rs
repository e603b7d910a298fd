//! Snapshots: taken where they fit, passed over where they do not, and never believed against the log.

use super::opening::file_in;
use super::tests::{log_of, started};
use super::*;
use downbeat_core::incident::Book;
use downbeat_core::model::Moment;
use std::fs;
use std::path::{Path, PathBuf};

/// A log of so many records, closed.
fn log(data: &Path, records: u64) {
    drop(log_of(data, records));
}

/// Takes a snapshot behind record `seq`, of the book as `change` leaves it.
fn snapshot(data: &Path, seq: u64, change: impl FnOnce(&mut Book)) -> PathBuf {
    let (reader, mut book) = (LogReader::new(data), Book::default());
    let head = reader.replay_until(seq, |record| reader.fold(&mut book, record)).expect("a sound log");
    change(&mut book);
    Snapshots::new(data).save(head, &book).expect("saved")
}

fn resumed(data: &Path) -> Book {
    EventLog::resume(data).expect("the log opens").1
}

/// The book that follows from the log, whatever snapshots say.
fn folded(data: &Path) -> Book {
    let (reader, mut book) = (LogReader::new(data), Book::default());
    reader.replay(|record| reader.fold(&mut book, record)).expect("a sound log");
    book
}

/// A lie by which a test sees whether a snapshot was taken.
fn lie(book: &mut Book) {
    book.held_by = Some(downbeat_core::model::Name::new("nobody").expect("a good name"));
}

#[test]
fn a_start_goes_on_from_the_newest_snapshot() {
    let data = tempfile::tempdir().expect("a directory");
    log(data.path(), 20);
    snapshot(data.path(), 5, |_| ());
    assert_eq!(resumed(data.path()), folded(data.path()));
    snapshot(data.path(), 10, lie);
    let book = resumed(data.path());
    assert!(book.held_by.is_some() && book.last_seq == 20, "what the snapshot says, and what follows it");
}

#[test]
fn the_newest_two_are_kept() {
    let data = tempfile::tempdir().expect("a directory");
    log(data.path(), 9);
    for seq in [3, 5, 7, 9] {
        snapshot(data.path(), seq, |_| ());
    }
    let kept: Vec<u64> = Snapshots::new(data.path()).newest_first().expect("listed").iter().map(|(n, _)| *n).collect();
    assert_eq!(kept, [9, 7]);
}

/// What is done to a snapshot's file, how, and what verification says of it then.
type Damage = (&'static str, fn(&str) -> String, &'static str);

const DAMAGES: [Damage; 7] = [
    ("another build", |text| text.replacen(env!("CARGO_PKG_VERSION"), "0.0.1", 1), "downbeat 0.0.1"),
    ("another fold", |text| text.replacen("\"fold\":", "\"fold\":9", 1), "with fold 9"),
    ("a changed book", |text| text.replacen("nobody", "anybody", 1), "its hash is another one"),
    ("a torn book", |text| text[..text.len() / 2].into(), "damaged"),
    ("a torn title", |text| text[..40].into(), "no title"),
    ("nothing", |_| String::new(), "no title"),
    ("another place", |text| text.replacen("\"chain\":\"", "\"chain\":\"00", 1), "damaged"),
];

#[test]
fn what_does_not_fit_is_passed_over_and_named() {
    for (what, damage, says) in DAMAGES {
        let data = tempfile::tempdir().expect("a directory");
        log(data.path(), 20);
        let path = snapshot(data.path(), 10, lie);
        let text = fs::read_to_string(&path).expect("read");
        let damaged = damage(&text);
        assert_ne!(damaged, text, "{what}");
        fs::write(&path, damaged).expect("written");
        assert_eq!(resumed(data.path()), folded(data.path()), "{what}");
        let seen = LogReader::new(data.path()).verify().expect("the log is sound").snapshots;
        let fault = seen[0].fault.as_ref().expect(what).to_string();
        assert!(fault.contains(says), "{what}: {fault}");
    }
}

#[test]
fn an_older_one_that_fits_serves_where_the_newest_does_not() {
    let data = tempfile::tempdir().expect("a directory");
    log(data.path(), 20);
    snapshot(data.path(), 5, lie);
    let newest = snapshot(data.path(), 10, |_| ());
    fs::write(newest, "{}").expect("damaged");
    assert!(resumed(data.path()).held_by.is_some());
}

#[test]
fn verification_compares_each_with_the_fold() {
    let data = tempfile::tempdir().expect("a directory");
    log(data.path(), 20);
    snapshot(data.path(), 5, |_| ());
    snapshot(data.path(), 10, lie);
    let verified = LogReader::new(data.path()).verify().expect("the log is sound");
    assert_eq!(verified.digest, folded(data.path()).digest());
    let faults: Vec<_> = verified.snapshots.iter().map(|seen| (seen.seq, seen.fault.is_some())).collect();
    assert_eq!(faults, [(5, false), (10, true)]);
    assert!(matches!(verified.snapshots[1].fault, Some(SnapshotFault::OtherBook { .. })));
}

#[test]
fn one_of_another_log_is_passed_over() {
    let (data, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("another"));
    log(data.path(), 20);
    let mut different = EventLog::open(other.path(), |_| Ok(())).expect("opens");
    for n in 1..=20 {
        different.append(Moment::from_millis(n), &[started(n + 1)]).expect("appended");
    }
    drop(different);
    let from = snapshot(other.path(), 10, lie);
    let to = data.path().join("snapshots").join(from.file_name().expect("a name"));
    fs::create_dir(data.path().join("snapshots")).expect("made");
    fs::copy(from, to).expect("copied");
    assert_eq!(resumed(data.path()), folded(data.path()));
    let seen = LogReader::new(data.path()).verify().expect("the log is sound").snapshots;
    assert!(matches!(seen[0].fault, Some(SnapshotFault::OtherLog { seq: 10 })), "{seen:?}");
}

/// D3: SQLite takes a damaged write-ahead log for a shorter one. Whoever remembers better stops the start.
#[test]
fn a_log_that_lost_acknowledged_records_is_refused_and_left_as_it_is() {
    for remembered_by in ["hub.mark", "snapshots"] {
        let data = tempfile::tempdir().expect("a directory");
        let copy = tempfile::tempdir().expect("another");
        let log = log_of(data.path(), 20);
        for name in ["hub.db", "hub.db-wal", "hub.mark"] {
            fs::copy(data.path().join(name), copy.path().join(name)).expect("copied");
        }
        drop(log);
        if remembered_by == "snapshots" {
            fs::remove_file(copy.path().join("hub.mark")).expect("removed");
            let saved = snapshot(data.path(), 20, |_| ());
            fs::create_dir(copy.path().join("snapshots")).expect("made");
            fs::copy(&saved, copy.path().join("snapshots").join(saved.file_name().expect("a name"))).expect("copied");
        }
        let wal = copy.path().join("hub.db-wal");
        let mut bytes = fs::read(&wal).expect("read");
        let middle = bytes.len() * 3 / 4;
        bytes[middle] ^= 1;
        fs::write(&wal, &bytes).expect("written");

        let error = EventLog::open(copy.path(), |_| Ok(())).expect_err("records are missing");
        let OpenError::Lost { acknowledged, found, known, .. } = &error else { panic!("{error}") };
        assert!(*acknowledged == 20 && *found < 20 && known.starts_with(copy.path().join(remembered_by)), "{error}");
        assert_eq!(fs::read(&wal).expect("still there"), bytes, "what is refused can be examined");
        let said = LogReader::new(copy.path()).verify().expect_err("records are missing").to_string();
        assert!(said.contains("knows record 20"), "{said}");
    }
}

#[test]
fn a_log_other_than_the_marked_one_is_refused() {
    let (data, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("another"));
    log(data.path(), 5);
    let mut different = EventLog::open(other.path(), |_| Ok(())).expect("opens");
    (1..=9).for_each(|n| drop(different.append(Moment::from_millis(n), &[started(n + 1)]).expect("appended")));
    drop(different);
    fs::copy(file_in(other.path()), file_in(data.path())).expect("another log in its place");
    let error = EventLog::open(data.path(), |_| Ok(())).expect_err("another log");
    assert!(matches!(error, OpenError::Flawed(ReplayError::Chain { seq: 5, .. })), "{error:?}");
}
