//! The log against hostile hands, full disks, locks and other programs' files.

use super::*;
use downbeat_core::incident::{Actor, Event, Record};
use downbeat_core::model::{Bits, IncidentId, Moment, SourceClass};
use proptest::prelude::*;
use std::path::Path;

pub(super) fn started(n: u64) -> Event {
    Event::HubStarted { version: format!("0.0.{n}") }
}

fn open(data: &Path) -> EventLog {
    EventLog::open(data, |_| Ok(())).expect("the log opens")
}

pub(super) fn log_of(data: &Path, records: u64) -> EventLog {
    let mut log = open(data);
    for n in 1..=records {
        log.append(Moment::from_millis(n), &[started(n)]).expect("appended");
    }
    log
}

fn records(data: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    let keep = |record: &Record| -> Result<(), ReadError> {
        all.push(record.clone());
        Ok(())
    };
    LogReader::new(data).replay(keep).expect("a sound log");
    all
}

#[test]
fn what_is_appended_is_read_back_in_order_after_reopening() {
    let data = tempfile::tempdir().expect("a directory");
    let mut log = open(data.path());
    let first = log.append(Moment::from_millis(5), &[started(1), started(2)]).expect("two at once");
    assert_eq!(first.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2]);
    drop(log);

    let mut log = open(data.path());
    let third = log.append(Moment::from_millis(9), &[started(3)]).expect("after reopening");
    assert_eq!(third[0].seq, 3);
    let head = LogReader::new(data.path()).verify().expect("sound").head;
    assert_eq!((head, head.seq, head.at), (log.head(), 3, Moment::from_millis(9)));
    assert_eq!(records(data.path()), [first, third].concat());
}

#[test]
fn pages_and_exports_hold_every_record() {
    let data = tempfile::tempdir().expect("a directory");
    let _log = log_of(data.path(), 1_203);
    let reader = LogReader::new(data.path());
    assert_eq!(reader.after(0, usize::MAX).expect("a page").len(), PAGE_MAX);
    assert_eq!(
        reader.after(1_200, 10).expect("a page").iter().map(|r| r.seq).collect::<Vec<_>>(),
        [1_201, 1_202, 1_203]
    );
    assert!(reader.after(u64::MAX, 10).expect("behind the end").is_empty());
    let mut export = Vec::new();
    reader.export(1..=u64::MAX, &mut export).expect("exported");
    let lines: Vec<Record> =
        export.split_inclusive(|b| *b == b'\n').map(|line| serde_json::from_slice(line).expect("a record")).collect();
    assert_eq!(lines, records(data.path()));
}

/// Does violence to a log of ten records behind its triggers' backs, and returns what verification says.
fn after_tampering(sql: &str) -> String {
    let data = tempfile::tempdir().expect("a directory");
    drop(log_of(data.path(), 10));
    let raw = rusqlite::Connection::open(data.path().join("hub.db")).expect("opens");
    raw.execute_batch("DROP TRIGGER events_keep_their_words; DROP TRIGGER events_stay;").expect("dropped");
    raw.execute_batch(sql).expect("tampered");
    drop(raw);
    let restart = EventLog::open(data.path(), |_| Ok(()));
    assert!(matches!(restart, Err(OpenError::Flawed(_))), "a hub would go on after {sql}");
    LogReader::new(data.path()).verify().expect_err("tampering is found").to_string()
}

#[test]
fn any_tampering_is_found_and_named() {
    let table = [
        ("UPDATE events SET event = replace(event, '0.0.4', '0.0.5') WHERE seq = 4", "record 4 does not follow"),
        ("UPDATE events SET at_ms = at_ms + 1 WHERE seq = 7", "record 7 does not follow"),
        ("UPDATE events SET hash = zeroblob(32) WHERE seq = 2", "record 2 does not follow"),
        ("UPDATE events SET hash = x'00' WHERE seq = 3", "record 3 does not follow"),
        ("DELETE FROM events WHERE seq = 5", "record 5 is missing"),
        ("DELETE FROM events WHERE seq = 1", "record 1 is missing"),
        ("DELETE FROM events WHERE seq > 8", "should end with record 10, but ends with 8"),
        ("DELETE FROM events", "should end with record 10, but ends with 0"),
        ("DELETE FROM heads", "should end with record 0, but ends with 10"),
        (
            "UPDATE events SET seq = -3 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 4;
             UPDATE events SET seq = 4 WHERE seq = -3",
            "record 3 does not follow",
        ),
        (
            "UPDATE events SET event = (SELECT event FROM events WHERE seq = 6),
             hash = (SELECT hash FROM events WHERE seq = 6), at_ms = 6 WHERE seq = 5",
            "record 5 does not follow",
        ),
        ("INSERT INTO events SELECT 11, at_ms, event, hash FROM events WHERE seq = 10", "record 11 does not follow"),
    ];
    for (sql, says) in table {
        let said = after_tampering(sql);
        assert!(said.contains(says), "{sql} gave {said:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_change_of_any_one_character_is_found(seq in 1u64..=10, place in 0usize..30) {
        let sql = format!(
            "UPDATE events SET event = substr(event, 1, {place} % length(event)) || '~' ||
             substr(event, {place} % length(event) + 2) WHERE seq = {seq}"
        );
        let said = after_tampering(&sql);
        let named = format!("record {seq} ");
        prop_assert!(said.contains(&named), "{}", said);
    }
}

#[test]
fn triggers_forbid_what_no_code_should_do() {
    let data = tempfile::tempdir().expect("a directory");
    drop(log_of(data.path(), 2));
    let raw = rusqlite::Connection::open(data.path().join("hub.db")).expect("opens");
    for sql in ["UPDATE events SET at_ms = 0", "DELETE FROM events WHERE seq = 2", "DELETE FROM events"] {
        assert!(raw.execute_batch(sql).expect_err(sql).to_string().contains("append-only"));
    }
}

#[test]
fn a_full_disk_is_named_loses_nothing_and_passes() {
    let data = tempfile::tempdir().expect("a directory");
    let mut log = log_of(data.path(), 3);
    log.connection().execute_batch("PRAGMA max_page_count = 1").expect("no more pages");
    let large: Vec<Event> = (0..100).map(|_| Event::HubStarted { version: "x".repeat(4_000) }).collect();
    let error = log.append(Moment::from_millis(9), &large).expect_err("no room");
    assert!(matches!(error, AppendError::Full { .. }), "{error}");
    assert!(error.to_string().contains("hub.db"), "{error}");
    assert_eq!(records(data.path()).len(), 3);

    log.connection().execute_batch("PRAGMA max_page_count = 1000000").expect("room again");
    assert_eq!(log.append(Moment::from_millis(10), &large).expect("room")[0].seq, 4);
    assert_eq!(LogReader::new(data.path()).verify().expect("sound").head.seq, 103);
}

#[test]
fn a_locked_database_is_named_and_passes() {
    let data = tempfile::tempdir().expect("a directory");
    let mut log = log_of(data.path(), 1);
    log.connection().busy_timeout(std::time::Duration::from_millis(50)).expect("a short wait");
    let other = rusqlite::Connection::open(data.path().join("hub.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let error = log.append(Moment::from_millis(2), &[started(2)]).expect_err("locked");
    assert!(matches!(error, AppendError::Locked { .. }), "{error}");
    other.execute_batch("ROLLBACK").expect("unlocked");
    assert_eq!(log.append(Moment::from_millis(2), &[started(2)]).expect("unlocked")[0].seq, 2);
}

#[test]
fn nothing_is_written_behind_somebody_elses_lines() {
    let data = tempfile::tempdir().expect("a directory");
    let mut log = log_of(data.path(), 1);
    let other = rusqlite::Connection::open(data.path().join("hub.db")).expect("opens");
    other.execute_batch("UPDATE heads SET seq = 7").expect("moved");
    let error = log.append(Moment::from_millis(2), &[started(2)]).expect_err("overtaken");
    assert!(matches!(error, AppendError::Overtaken { expected: 1, found: 7, .. }), "{error}");
}

#[test]
fn a_check_finds_somebody_elses_lines() {
    let data = tempfile::tempdir().expect("a directory");
    let mut log = log_of(data.path(), 1);
    log.check().expect("ours");
    let other = rusqlite::Connection::open(data.path().join("hub.db")).expect("opens");
    other.execute_batch("UPDATE heads SET seq = 7").expect("moved");
    assert!(log.check().expect_err("overtaken").is_loss_of_the_log());
}

/// A copy is put in the place of the log while a hub still has the old file: nothing more is acknowledged into a file that
/// nobody finds again, and closing it takes nothing of the new one away.
#[test]
fn a_log_that_was_replaced_is_let_go_of() {
    let data = tempfile::tempdir().expect("a directory");
    let mut log = log_of(data.path(), 3);
    let copies = tempfile::tempdir().expect("another");
    drop(log_of(copies.path(), 2));
    for file in ["hub.db", "hub.db-wal", "hub.db-shm", "hub.lock", "hub.mark"] {
        std::fs::remove_file(data.path().join(file)).expect("removed");
    }
    std::fs::copy(copies.path().join("hub.db"), data.path().join("hub.db")).expect("put back");
    let mut successor = EventLog::open(data.path(), |_| Ok(())).expect("the old lock keeps nobody out");
    let third = successor.append(Moment::from_millis(9), &[started(9)]).expect("appended");
    assert!(log.check().expect_err("replaced").is_loss_of_the_log());
    let error = log.append(Moment::from_millis(9), &[started(9)]).expect_err("replaced");
    assert!(matches!(error, AppendError::Displaced { .. }), "{error}");
    drop(log);
    assert!(data.path().join("hub.db-wal").exists(), "it is the successor's");
    assert_eq!(records(data.path())[2..], third);
}

#[test]
fn an_event_that_would_not_be_read_back_is_not_written() {
    let data = tempfile::tempdir().expect("a directory");
    let mut log = log_of(data.path(), 1);
    let bits = [(SourceClass::Edge, Bits(f64::NAN))].into();
    let broken = Event::Confirmed { incident: IncidentId(1), first: SourceClass::Edge, bits, why: "?".into() };
    let error = log.append(Moment::from_millis(2), &[started(2), broken]).expect_err("not a number");
    assert!(error.is_final(), "{error}");
    assert_eq!(records(data.path()).len(), 1, "the whole batch stays out");
}

#[test]
fn one_writer_at_a_time() {
    let data = tempfile::tempdir().expect("a directory");
    let first = open(data.path());
    assert!(matches!(EventLog::open(data.path(), |_| Ok(())), Err(OpenError::InUse { .. })));
    drop(first);
    open(data.path());
}

#[test]
fn files_that_are_no_log_are_refused_by_name() {
    let data = tempfile::tempdir().expect("a directory");
    let file = data.path().join("hub.db");
    assert!(LogReader::new(data.path()).verify().expect_err("absent").to_string().contains("hub.db"));
    std::fs::write(&file, "this is a text, long enough to be a header of a database file, but none".repeat(20))
        .expect("written");
    let error = EventLog::open(data.path(), |_| Ok(())).expect_err("no database");
    assert!(matches!(error, OpenError::NotOurs { .. }) && error.to_string().contains("hub.db"), "{error}");
}

#[test]
fn a_story_that_cannot_be_stops_the_start() {
    let data = tempfile::tempdir().expect("a directory");
    let mut log = open(data.path());
    let stray = Event::Resolved { incident: IncidentId(9), by: Actor::Automation };
    log.append(Moment::from_millis(1), &[stray]).expect("the log itself judges no story");
    drop(log);
    let mut book = downbeat_core::incident::Book::default();
    let error = EventLog::open(data.path(), |record| book.apply(record)).expect_err("no such incident");
    let chain = format!("{error}: {}", std::error::Error::source(&error).expect("a cause"));
    assert!(chain.contains("incident 9"), "{chain}");
}

#[test]
fn days_are_kept_and_old_ones_forgotten() {
    use crate::view::Day;
    let data = tempfile::tempdir().expect("a directory");
    let name = downbeat_core::model::Name::new("playback").expect("a name");
    let day = |day, good_s| Day { day, good_s, degraded_s: 1, down_s: 2 };
    let mut log = open(data.path());
    log.save_days(&[(name.clone(), day(1, 10)), (name.clone(), day(2, 10))], 0).expect("saved");
    log.save_days(&[(name.clone(), day(2, 20)), (name.clone(), day(3, 5))], 2).expect("saved again");
    drop(log);
    let days = open(data.path()).days().expect("read");
    assert_eq!(days[&name], [day(2, 20), day(3, 5)]);
}
