//! The driver with a real engine, a real log, and a database that others lock or that has no room.

use super::*;
use crate::doors::Doors;
use crate::log::{EventLog, LogReader, ReadError};
use crate::settings::{HubSettings, PageSettings, SubscriberSettings};
use crate::start::{Memory, assemble};
use crate::view::Snapshot;
use downbeat_core::incident::{Record, Verb};
use downbeat_core::model::{IncidentId, Policy};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinHandle;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);

struct Rig {
    doors: Doors,
    stop: oneshot::Sender<()>,
    driver: JoinHandle<()>,
}

fn settings(data: &Path) -> HubSettings {
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    HubSettings {
        data: data.into(),
        console: nowhere,
        status: nowhere,
        status_url: "http://127.0.0.1:8081".into(),
        console_url: "http://127.0.0.1:8080".into(),
        token: None,
        policy: Policy::default(),
        probes: Vec::new(),
        references: Vec::new(),
        outbound_allow: Vec::new(),
        resolver: None,
        webhooks: Vec::new(),
        watcher: None,
        actuator: None,
        reports: Default::default(),
        feeds: Vec::new(),
        upstreams: Vec::new(),
        metrics: Vec::new(),
        categories: Vec::new(),
        page: PageSettings::default(),
        breaker: None,
        subscribers: SubscriberSettings::default(),
    }
}

/// Runs a driver on a log that `prepare` may do things to first.
fn rig(data: &Path, prepare: impl FnOnce(&rusqlite::Connection)) -> Rig {
    let settings = Arc::new(settings(data));
    let memory = Memory::of(&settings).expect("the log opens");
    prepare(memory.log.connection());
    let parts = assemble(&settings, memory).expect("assembled");
    let (stop, stops) = oneshot::channel();
    Rig { doors: parts.doors, stop, driver: tokio::spawn(parts.driver.run(stops)) }
}

impl Rig {
    async fn send(&self, command: Command) -> Result<(), CommandError> {
        self.doors.commands.send(operator(), command).await
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Snapshot) -> bool) {
        let mut snapshots = self.doors.snapshots.clone();
        let waited = tokio::time::timeout(PATIENCE, snapshots.wait_for(is_so)).await;
        waited.expect(what).expect("the driver runs");
    }

    async fn stop(self) {
        self.stop.send(()).expect("the driver runs");
        self.driver.await.expect("the driver ends well");
    }
}

fn operator() -> Name {
    Name::new("anna").expect("a good name")
}

fn events(data: &Path) -> Vec<Event> {
    let mut all = Vec::new();
    let keep = |record: &Record| -> Result<(), ReadError> {
        all.push(record.event.clone());
        Ok(())
    };
    LogReader::new(data).replay(keep).expect("a sound log");
    all
}

fn verbs(data: &Path) -> Vec<Verb> {
    let verb = |event| match event {
        Event::OperatorActed { verb, .. } => Some(verb),
        _ => None,
    };
    events(data).into_iter().filter_map(verb).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_command_is_in_the_log_and_to_be_seen() {
    let data = tempfile::tempdir().expect("a directory");
    let rig = rig(data.path(), |_| ());
    rig.send(Command::Hold).await.expect("held");
    assert_eq!(rig.doors.snapshots.borrow().book.held_by, Some(operator()));
    assert_eq!(verbs(data.path()), [Verb::Hold], "before the answer, not some time after");
    let refused = rig.send(Command::Ack(IncidentId(7))).await.expect_err("no such incident");
    assert!(matches!(refused, CommandError::Refused(_)), "{refused}");
    rig.stop().await;

    let again = self::rig(data.path(), |_| ());
    again.until("the second start", |s| s.book.last_seq == 4).await;
    assert_eq!(again.doors.snapshots.borrow().book.held_by, Some(operator()), "remembered over a restart (A13)");
    again.stop().await;
    let starts = events(data.path()).iter().filter(|e| matches!(e, Event::HubStarted { .. })).count();
    assert_eq!(starts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_log_is_said_and_the_hub_goes_on_when_it_is_free() {
    let data = tempfile::tempdir().expect("a directory");
    let other = std::cell::OnceCell::new();
    let rig = rig(data.path(), |connection| {
        connection.busy_timeout(Duration::from_millis(20)).expect("a short wait");
        let blocker = rusqlite::Connection::open(data.path().join("hub.db")).expect("opens");
        blocker.execute_batch("BEGIN IMMEDIATE").expect("locked");
        assert!(other.set(blocker).is_ok());
    });
    rig.until("the trouble", |s| s.trouble.as_ref().is_some_and(|t| t.contains("locked"))).await;
    let refused = rig.send(Command::Hold).await.expect_err("cannot be written");
    assert!(matches!(&refused, CommandError::NotWritten(why) if why.contains("locked")), "{refused}");
    assert_eq!(rig.doors.snapshots.borrow().book.held_by, None, "not written, not applied");

    other.get().expect("the blocker").execute_batch("ROLLBACK").expect("free");
    rig.until("the start is written after all", |s| s.trouble.is_none() && s.book.last_seq == 2).await;
    rig.send(Command::Hold).await.expect("can be written");
    rig.stop().await;
    assert_eq!(verbs(data.path()), [Verb::Hold]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_nothing_that_was_acknowledged() {
    let data = tempfile::tempdir().expect("a directory");
    let rig = rig(data.path(), |connection| {
        connection.execute_batch("PRAGMA max_page_count = 1").expect("no page more than there are");
    });
    let (mut acknowledged, started) = (Vec::new(), Instant::now());
    let refused = loop {
        assert!(started.elapsed() < PATIENCE, "the disk is never full");
        let (command, verb) =
            if acknowledged.len() % 2 == 0 { (Command::Hold, Verb::Hold) } else { (Command::Release, Verb::Release) };
        match rig.send(command).await {
            Ok(()) => acknowledged.push(verb),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(&refused, CommandError::NotWritten(why) if why.contains("full")), "{refused}");
    rig.until("the trouble", |s| s.trouble.as_ref().is_some_and(|t| t.contains("full"))).await;
    rig.stop().await;
    assert!(acknowledged.len() > 3);
    assert_eq!(verbs(data.path()), acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_gets_a_snapshot_that_the_next_start_goes_on_from() {
    let data = tempfile::tempdir().expect("a directory");
    let starts: Vec<Event> = (0..10_000).map(|n| Event::HubStarted { version: format!("0.0.{n}") }).collect();
    let mut log = EventLog::open(data.path(), |_| Ok(())).expect("opens");
    log.append(downbeat_core::model::Moment::from_millis(1), &starts).expect("appended");
    drop(log);
    let rig = rig(data.path(), |_| ());
    rig.until("the start", |s| s.book.last_seq == 10_002).await;
    rig.stop().await;
    let verified = LogReader::new(data.path()).verify().expect("a sound log");
    let seen: Vec<_> = verified.snapshots.iter().map(|seen| (seen.seq, seen.fault.is_none())).collect();
    assert_eq!(seen, [(10_002, true)]);
}
