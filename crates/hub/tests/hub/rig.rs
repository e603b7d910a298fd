//! What the tests share: a small service, a hub for it, and patience.

use crate::service;
use downbeat_core::incident::{Actor, Event, Record};
use downbeat_core::model::{
    Actuation, Audience, Bits, CauseKind, IncidentId, Mode, Moment, Name, Notice, NoticeId, Policy, Remedy, RemedyId,
    RemedyKind, RollUp, Route, SourceClass, Stage, Topology, TrafficPlan,
};
use downbeat_hub::log::{EventLog, LogReader};
use downbeat_hub::settings::{Category, HubSettings, PageSettings, SubscriberSettings};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a test waits for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A good name.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

/// Any free port of this machine.
pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// One component on two replicas in two regions.
pub(crate) fn topology() -> Topology {
    service::topology(&["eu", "us"])
}

/// A second in which an edge has met nobody.
pub(crate) fn roll_up(seq: u64, plan_epoch: u64) -> RollUp {
    RollUp {
        edge: name("edge-1"),
        boot: 7,
        seq,
        span_ms: 1_000,
        plan_epoch,
        plan_refused: None,
        plan: None,
        upstream: Vec::new(),
        clients: Vec::new(),
        components: Vec::new(),
        replicas: Vec::new(),
        lookups: Vec::new(),
        sessions: Vec::new(),
        systems: Default::default(),
    }
}

/// A hub that listens on free ports and tells nobody.
pub(crate) fn settings(data: &Path) -> HubSettings {
    HubSettings {
        data: data.into(),
        console: any_port(),
        status: any_port(),
        status_url: "http://status.example".into(),
        console_url: "http://console.example".into(),
        token: None,
        policy: Policy { topology: topology(), ..Policy::default() },
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
        categories: vec![Category {
            name: name("no-sound"),
            title: "The music stops".into(),
            titles: BTreeMap::new(),
            component: Some(name("playback")),
        }],
        page: PageSettings::default(),
        breaker: None,
        subscribers: SubscriberSettings::default(),
    }
}

/// What an incident leaves in the log.
pub(crate) mod story {
    use super::*;

    const ONE: IncidentId = IncidentId(1);

    /// Something is abnormal.
    pub(crate) fn suspected() -> Event {
        Event::Suspected {
            incident: ONE,
            title: "Playback failing in eu".into(),
            slice: "component=playback,region=eu".parse().expect("a slice"),
            since: Moment::from_millis(1_000),
            findings: Vec::new(),
            bits: [(SourceClass::Edge, Bits(41.0))].into(),
        }
    }

    /// It is real.
    pub(crate) fn confirmed() -> Event {
        let bits = [(SourceClass::Edge, Bits(60.0))].into();
        Event::Confirmed { incident: ONE, first: SourceClass::Edge, bits, why: "overwhelming".into() }
    }

    /// A message for one audience.
    pub(crate) fn notice(count: u32, audience: Audience) -> Event {
        let notice = Notice {
            id: NoticeId { incident: ONE, count },
            audience,
            stage: Stage::Investigating,
            title: "Playback failing in eu".into(),
            body: "We are investigating.".into(),
            translations: Default::default(),
            slice: "component=playback".parse().expect("a slice"),
        };
        Event::NoticeWritten { notice }
    }

    /// A restart is proposed and started.
    pub(crate) fn restart() -> [Event; 2] {
        let id = RemedyId { incident: ONE, count: 1 };
        let remedy = Remedy {
            id,
            kind: RemedyKind::Restart,
            answers: CauseKind::Host,
            slice: "replica=eu-1".parse().expect("a slice"),
            route: Route::Away { replicas: vec![name("eu-1")], component: None },
            actuation: Some(Actuation::Restart { replica: name("eu-1") }),
            predicted: "failures stop".into(),
            undo: "none".into(),
            check_after: Duration::from_secs(600),
        };
        let plan = TrafficPlan { epoch: 1, ..TrafficPlan::default() };
        let by = Actor::Automation;
        [Event::RemedyProposed { remedy, mode: Mode::Auto }, Event::RemedyStarted { remedy: id, by, plan }]
    }

    /// It is over.
    pub(crate) fn resolved() -> Event {
        Event::Resolved { incident: ONE, by: Actor::Operator(name("anna")) }
    }
}

/// Writes a log as an earlier hub would have left it.
pub(crate) fn remember(data: &Path, events: &[Event]) {
    // A minute ago: an earlier hub's clock never ran ahead of this one's.
    remember_from(Duration::from_secs(60), data, events);
}

/// The same of so long ago.
pub(crate) fn remember_from(ago: Duration, data: &Path, events: &[Event]) {
    let mut log = EventLog::open(data, |_| Ok(())).expect("the log opens");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let at = Moment::default() + now.saturating_sub(ago);
    log.append(at, events).expect("written");
}

/// All records of a log that has to be sound.
pub(crate) fn records(data: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    let sound = LogReader::new(data).replay(|record| {
        all.push(record.clone());
        Ok(())
    });
    sound.expect("a sound log");
    all
}

/// Polls until there is what has to come.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what} never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
