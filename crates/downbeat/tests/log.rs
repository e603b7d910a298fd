//! `downbeat log` as its users meet it: on a sound folder, on damaged ones, and on a copy.

mod support;

use downbeat_core::incident::{Book, Event};
use downbeat_core::model::Moment;
use downbeat_hub::log::{EventLog, LogReader, Snapshots};
use std::path::Path;
use std::process::Output;
use support::{run, text};
use tempfile::tempdir;

fn log_of(data: &Path, version: &str, records: u64) {
    let mut log = EventLog::open(data, |_| Ok(())).expect("the log opens");
    for _ in 0..records {
        log.append(Moment::from_millis(1_000), &[Event::HubStarted { version: version.into() }]).expect("appended");
    }
}

fn log(folder: &Path, words: &str) -> Output {
    let args: Vec<&str> = ["log"].into_iter().chain(words.split_whitespace()).chain(["--data", "data"]).collect();
    run(folder, &args)
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn damage(data: &Path, sql: &str) {
    let raw = rusqlite::Connection::open(data.join("hub.db")).expect("opens");
    raw.execute_batch("DROP TRIGGER events_keep_their_words; DROP TRIGGER events_stay;").expect("dropped");
    raw.execute_batch(sql).expect("damaged");
}

#[test]
fn a_sound_log_verifies_replays_and_exports() {
    let folder = tempdir().expect("a folder");
    let data = folder.path().join("data");
    log_of(&data, env!("CARGO_PKG_VERSION"), 20);
    let digest = LogReader::new(&data).verify().expect("sound").digest.to_string();

    let (code, out, _) = said(&log(folder.path(), "verify"));
    assert!(code == Some(0) && out.contains("20 records follow from one another") && out.contains(&digest), "{out}");

    let (code, out, err) = said(&log(folder.path(), "replay --until 5 --state"));
    assert!(code == Some(0) && out.starts_with("5 records") && out.contains("the state has the digest"), "{out}");
    assert!(!out.contains(&digest) && !err.contains("note:"), "{out}{err}");

    let (code, out, _) = said(&log(folder.path(), "export --from 3 --to 4"));
    let lines: Vec<&str> = out.lines().collect();
    assert!(code == Some(0) && lines.len() == 2 && lines[0].starts_with(r#"{"seq":3,"at":1000,"event":{"#), "{out}");
}

#[test]
fn a_copy_of_a_stopped_hubs_log_is_enough() {
    let folder = tempdir().expect("a folder");
    log_of(&folder.path().join("original"), env!("CARGO_PKG_VERSION"), 7);
    std::fs::create_dir(folder.path().join("data")).expect("made");
    std::fs::copy(folder.path().join("original/hub.db"), folder.path().join("data/hub.db")).expect("copied");
    let (code, out, _) = said(&log(folder.path(), "verify"));
    assert!(code == Some(0) && out.contains("7 records"), "{out}");
}

#[test]
fn a_log_that_is_open_for_writing_is_read_beside() {
    let folder = tempdir().expect("a folder");
    let mut open = EventLog::open(&folder.path().join("data"), |_| Ok(())).expect("opens");
    open.append(Moment::from_millis(1), &[Event::HubStarted { version: "1".into() }]).expect("appended");
    let (code, out, _) = said(&log(folder.path(), "verify"));
    assert!(code == Some(0) && out.contains("1 records"), "{out}");
}

#[test]
fn the_first_bad_record_is_named_and_what_to_do() {
    let table = [
        ("UPDATE events SET event = replace(event, '9.9.9', '9.9.8') WHERE seq = 4", "record 4", "export --to 3"),
        ("DELETE FROM events WHERE seq = 6", "record 6 is missing", "export --to 5"),
        ("DELETE FROM events WHERE seq > 8", "should end with record 10, but ends with 8", "export --to 8"),
    ];
    for (sql, names, hints) in table {
        let folder = tempdir().expect("a folder");
        log_of(&folder.path().join("data"), "9.9.9", 10);
        damage(&folder.path().join("data"), sql);
        for verb in ["verify", "replay", "export"] {
            let (code, _, err) = said(&log(folder.path(), verb));
            assert_eq!(code, Some(65), "{verb}: {err}");
            assert!(err.contains(names) && err.contains(hints), "{verb}: {err}");
        }
    }
}

#[test]
fn a_snapshot_that_is_not_the_fold_is_named() {
    let folder = tempdir().expect("a folder");
    let data = folder.path().join("data");
    log_of(&data, env!("CARGO_PKG_VERSION"), 10);
    let head = LogReader::new(&data).head_at(10).expect("read").expect("there");
    let mut other = Book::new(Vec::new());
    other.last_seq = 10;
    Snapshots::new(&data).save(head, &other).expect("saved");
    let (code, out, err) = said(&log(folder.path(), "verify"));
    assert!(code == Some(65) && out.contains("snapshot at record 10") && err.contains("hint:"), "{out}{err}");
}

#[test]
fn records_of_another_build_are_said_to_be_so() {
    let folder = tempdir().expect("a folder");
    log_of(&folder.path().join("data"), "0.0.7", 3);
    let (code, _, err) = said(&log(folder.path(), "replay"));
    assert!(code == Some(0) && err.contains("downbeat 0.0.7 wrote records 1 to 3"), "{err}");
}

#[test]
fn a_folder_without_a_log_is_no_flaw() {
    let folder = tempdir().expect("a folder");
    let (code, _, err) = said(&log(folder.path(), "verify"));
    assert!(code == Some(1) && err.contains("hub.db"), "{err}");
}
