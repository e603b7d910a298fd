//! The loop itself: start, load, kill, look, again.

use crate::hub::Hub;
use crate::load::{Acknowledged, Load};
use crate::receiver::{Received, Receiver};
use downbeat_core::incident::{Actor, Book, EffectId, Event};
use downbeat_core::model::{
    Actuation, Audience, Bits, CauseKind, Mode, Moment, Name, Notice, NoticeId, Remedy, RemedyId, RemedyKind, Route,
    SourceClass, Stage, TrafficPlan,
};
use downbeat_hub::log::{EventLog, LogReader};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An incident with pages and an actuation is left behind before every so many-th life.
const INCIDENT_EVERY: usize = 3;
/// It is ended so many incidents later.
const OPEN_MAX: u64 = 4;
/// Lives that are killed while they start, of a hundred.
const KILLED_EARLY: u64 = 20;
/// The longest of the usual lives under load, in milliseconds, and of one in twenty.
const LIFE_MS: (u64, u64) = (120, 1_000);
/// The whole log is folded after every so many kills; its chain is checked after each.
const VERIFY_EVERY: u32 = 50;
/// How long a life may take to carry out what is left.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) kills: u32,
    pub(crate) seed: u64,
}

/// What the loop leaves for the verdict.
pub(crate) struct Ended {
    pub(crate) plan: Plan,
    pub(crate) took: Duration,
    pub(crate) data: PathBuf,
    _home: tempfile::TempDir,
    /// By life: the last record after it.
    pub(crate) heads: Vec<u64>,
    /// How long starts took, in milliseconds, sorted.
    pub(crate) starts_ms: Vec<u64>,
    pub(crate) acknowledged: BTreeSet<String>,
    pub(crate) received: Vec<Received>,
}

/// A loop in its midst.
pub(crate) struct Loop {
    chance: u64,
    data: PathBuf,
    receiver: Receiver,
    acknowledged: Acknowledged,
    heads: Vec<u64>,
    starts_ms: Vec<u64>,
}

impl Loop {
    /// Kills as often as planned, then lets a last life carry out what is left.
    pub(crate) async fn run(plan: Plan) -> Ended {
        let (started, home) = (Instant::now(), home());
        let mut this = Self {
            chance: plan.seed,
            data: home.path().join("data"),
            receiver: Receiver::start().await,
            acknowledged: Acknowledged::default(),
            heads: Vec::new(),
            starts_ms: Vec::new(),
        };
        for kill in 1..=plan.kills {
            this.live_and_die().await;
            if kill.is_multiple_of(VERIFY_EVERY) || kill == plan.kills {
                LogReader::new(&this.data).verify().unwrap_or_else(|error| panic!("after kill {kill}: {error}"));
            }
        }
        this.finish().await;
        this.starts_ms.sort_unstable();
        Ended {
            plan,
            took: started.elapsed(),
            acknowledged: this.acknowledged.lock().expect("no panic in between").clone(),
            received: this.receiver.received(),
            heads: this.heads,
            starts_ms: this.starts_ms,
            data: this.data,
            _home: home,
        }
    }

    async fn live_and_die(&mut self) {
        let life = self.heads.len();
        let book = self.look(life.is_multiple_of(INCIDENT_EVERY));
        let started = Instant::now();
        let mut hub = Hub::start(&self.data, &self.receiver.url_of(life));
        if self.percent(KILLED_EARLY) {
            let usual = self.starts_ms.last().copied().unwrap_or(50).max(2);
            tokio::time::sleep(Duration::from_micros(self.below(usual * 1_500))).await;
            hub.kill();
        } else {
            let address = tokio::task::block_in_place(|| hub.ready());
            self.starts_ms.push(started.elapsed().as_millis() as u64);
            let newest = book.next_incident().0 - 1;
            let load = tokio::spawn(
                Load {
                    life,
                    hub: address,
                    client: reqwest::Client::new(),
                    incident: newest,
                    ending: newest.checked_sub(OPEN_MAX).filter(|old| *old > 0),
                    acknowledged: self.acknowledged.clone(),
                }
                .run(),
            );
            let longest = if self.percent(5) { LIFE_MS.1 } else { LIFE_MS.0 };
            tokio::time::sleep(Duration::from_micros(self.below(longest * 1_000))).await;
            hub.kill();
            load.abort();
        }
        self.heads.push(0);
        let last = self.heads.len() - 1;
        self.heads[last] = self.look(false).last_seq;
    }

    /// Opens the log as the next hub will, which checks its chain; leaves an incident with effects behind if asked to.
    fn look(&self, incident: bool) -> Book {
        let opened = EventLog::resume(&self.data);
        let (mut log, mut book) =
            opened.unwrap_or_else(|error| panic!("after kill {}: {error}: {error:?}", self.heads.len()));
        if incident {
            let records = log.append(log.head().at, &unfinished(&book)).expect("appended");
            records.iter().for_each(|record| book.apply(record).expect("it fits"));
        }
        book
    }

    /// The last life, which is not killed before all is done.
    async fn finish(&mut self) {
        let life = self.heads.len();
        let mut hub = Hub::start(&self.data, &self.receiver.url_of(life));
        tokio::task::block_in_place(|| hub.ready());
        until_carried_out(&self.data).await;
        hub.kill();
        self.heads.push(self.look(false).last_seq);
    }

    fn below(&mut self, end: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % end.max(1)
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// In memory where the system has files there: a kill loses nothing that the kernel has, and the disk is not what is tried.
fn home() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a directory")
}

/// Waits until a hub that runs has nothing left to carry out.
pub(crate) async fn until_carried_out(data: &Path) {
    let started = Instant::now();
    while let Some(pending) = still_pending(data) {
        assert!(started.elapsed() < PATIENCE, "{pending:?} is not carried out within {} s", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn still_pending(data: &Path) -> Option<EffectId> {
    let (reader, mut book) = (LogReader::new(data), Book::default());
    reader.replay(|record| reader.fold(&mut book, record)).expect("a sound log");
    book.pending.keys().next().cloned()
}

/// What a hub may have written just before it died: an incident, two pages and a public word, a remedy that was started.
pub(crate) fn unfinished(book: &Book) -> Vec<Event> {
    let incident = book.next_incident();
    let slice = "component=playback,region=eu".parse().expect("a slice");
    let bits: std::collections::BTreeMap<_, _> = [(SourceClass::Edge, Bits(60.0))].into();
    let id = RemedyId { incident, count: 1 };
    let replica = Name::new("eu-1").expect("a name");
    let notice = |count, audience| Event::NoticeWritten {
        notice: Notice {
            id: NoticeId { incident, count },
            audience,
            stage: Stage::Investigating,
            title: "Playback failing in eu".into(),
            body: "We are investigating.".into(),
            translations: Default::default(),
            slice: "component=playback".parse().expect("a slice"),
        },
    };
    let remedy = Remedy {
        id,
        kind: RemedyKind::Restart,
        answers: CauseKind::Host,
        slice: "replica=eu-1".parse().expect("a slice"),
        route: Route::Away { replicas: vec![replica.clone()], component: None },
        actuation: Some(Actuation::Restart { replica }),
        predicted: "failures stop".into(),
        undo: "none".into(),
        check_after: Duration::from_secs(3_600),
    };
    let since = Moment::from_millis(1_000);
    let title = "Playback failing in eu".to_owned();
    vec![
        Event::Suspected { incident, title, slice, since, findings: Vec::new(), bits: bits.clone() },
        Event::Confirmed { incident, first: SourceClass::Edge, bits, why: "overwhelming".into() },
        notice(1, Audience::OnCall),
        notice(2, Audience::OnCall),
        notice(3, Audience::Public),
        Event::RemedyProposed { remedy, mode: Mode::Auto },
        Event::RemedyStarted {
            remedy: id,
            by: Actor::Automation,
            plan: TrafficPlan { epoch: book.plan.epoch + 1, ..TrafficPlan::default() },
        },
    ]
}
