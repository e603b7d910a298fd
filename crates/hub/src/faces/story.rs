//! A canned outage, told by the records that a real one leaves: what the tests render and the example serves.
//!
//! A faulty release of Encore's playback reaches one replica of eu; it is found, confirmed, rolled back, brought
//! back in steps, and reviewed. [`in_state`] stops the tale when its incident has come to a state.

// By path: the tests and the example take this file in from elsewhere.
#[path = "story/counted.rs"]
mod counted;
#[path = "story/moved.rs"]
mod moved;

pub(crate) use counted::counted;
pub(crate) use moved::moved;

use crate::reports::{Place, Quarter, ReportPicture, Tally};
use crate::settings::{BreakerSettings, Category, HubSettings, PageSettings, SubscriberSettings};
use crate::view::{Day, Snapshot};
use downbeat_core::confirm::{ProbeLine, ProbeState};
use downbeat_core::detect::{BudgetReading, ErrorBudget, Met};
use downbeat_core::diagnose::Ailing;
use downbeat_core::incident::{
    Actor, Board, Book, Cell, Channel, Condition, Draft, DraftEdit, Engine, Event, FoundRemedy, Outcome, Pulse, Record,
    Release, ReplicaLine, State, Verb, Verdict, Voices, WordClock,
};
use downbeat_core::model::{
    Actuation, Appointment, Audience, Bits, BudgetId, CauseKind, Change, ChangeKind, Component, FailureKind, Finding,
    Hypothesis, IncidentId, Indicator, Language, LatencyObjective, MaintenanceId, Matter, MatterId, Measure, Mode,
    Moment, Name, Notice, NoticeId, Objective, Policy, Priority, Promise, Remedy, RemedyId, RemedyKind, Replica, Route,
    Slice, SourceClass, Stage, Strength, Topology, TrafficPlan, UpstreamHealth, Urgency, Weight,
};
use downbeat_core::signal::ActiveSessions;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// When playback begins to fail: 2026-11-22T14:03:05Z.
pub(crate) const ONSET_MS: u64 = 1_795_356_185_000;
/// The incident that the tale is about.
pub(crate) const INCIDENT: IncidentId = IncidentId(3);
/// Where its incident can stand, in the order of the tale; a dismissal is a tale of its own.
pub(crate) const STATES: [State; 7] = [
    State::Suspected,
    State::Confirmed,
    State::Mitigated,
    State::Restoring,
    State::Resolved,
    State::Reviewed,
    State::Dismissed,
];
/// Text that must never reach a page as markup.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&]]>";

const DAY_MS: u64 = 86_400_000;

/// A name, from a good text.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("the story uses good names")
}

fn slice(text: &str) -> Slice {
    text.parse().expect("the story uses good slices")
}

/// Encore as it is configured in the demo.
pub(crate) fn settings() -> HubSettings {
    let category = |name_: &str, title: &str, component: &str| Category {
        name: name(name_),
        title: title.into(),
        titles: BTreeMap::new(),
        component: Some(name(component)),
    };
    HubSettings {
        data: "downbeat-data".into(),
        console: ([127, 0, 0, 1], 0).into(),
        status: ([127, 0, 0, 1], 0).into(),
        status_url: "http://127.0.0.1:8081".into(),
        console_url: "http://127.0.0.1:8080".into(),
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
        categories: vec![
            category("no-sound", "The music stops", "playback"),
            category("no-login", "I cannot log in", "login"),
            category("no-playlists", "My playlists are missing", "playlists"),
            category("slow", "Everything is slow", "search"),
        ],
        page: PageSettings {
            groups: [(name("playback"), "Music".into()), (name("playlists"), "Music".into())].into(),
            ..PageSettings::default()
        },
        breaker: Some(BreakerSettings {
            url: "http://127.0.0.1:8002".into(),
            music_url: "http://127.0.0.1:8000".into(),
        }),
        subscribers: SubscriberSettings::default(),
    }
}

fn topology() -> Topology {
    let replicas: BTreeMap<Name, Replica> =
        ["ap-1", "ap-2", "eu-1", "eu-2", "us-1", "us-2"].into_iter().map(|text| (name(text), replica(text))).collect();
    let everywhere = || replicas.keys().cloned().collect();
    let components = [("playback", "Playback"), ("login", "Log-in"), ("playlists", "Playlists"), ("search", "Search")]
        .into_iter()
        .enumerate()
        .map(|(i, (n, title))| {
            let priority = Priority(u8::try_from(i).expect("four components"));
            (
                name(n),
                Component { name: name(n), title: title.into(), priority, replicas: everywhere(), features: vec![] },
            )
        })
        .collect();
    Topology { service: "Encore".into(), components, replicas, proven_versions: [name("1.4.2")].into() }
}

fn replica(text: &str) -> Replica {
    Replica {
        name: name(text),
        region: name(&text[..2]),
        version: Some(name("1.4.2")),
        host: None,
        proven_per_second: Some(400.0),
    }
}

/// A day on which nothing is open.
pub(crate) fn healthy() -> Snapshot {
    let mut tale = Tale::begin();
    tale.past();
    tale.snapshot(Condition::Healthy)
}

/// A day on which nothing is open, and what may act by itself was tried too long ago: on two components none of it was, on the
/// others some of it four weeks ago.
pub(crate) fn lapsing() -> Snapshot {
    let mut tale = Tale::begin();
    let (divert, restart) = (RemedyKind::Divert, RemedyKind::Restart);
    tale.now = Moment::from_millis(ONSET_MS - 60 * DAY_MS);
    tale.write(Event::Armed { kinds: [divert, restart].into() });
    tale.now = Moment::from_millis(ONSET_MS - 26 * DAY_MS);
    let tried = [(name("playback"), [divert, restart].into()), (name("search"), [divert].into())].into();
    tale.write(Event::DrillPassed { story: name("region-lost"), tried, by: name("mira") });
    tale.now = Moment::from_millis(ONSET_MS);
    let mut snapshot = tale.snapshot(Condition::Healthy);
    let policy = &mut Arc::make_mut(&mut snapshot.settings).policy;
    policy.act.modes = [(divert, Mode::Auto), (restart, Mode::Auto)].into();
    snapshot
}

/// A hub that has heard nothing yet, of a service without a component.
pub(crate) fn empty() -> Snapshot {
    let settings = HubSettings { policy: Policy::default(), categories: Vec::new(), breaker: None, ..settings() };
    Snapshot {
        now: Moment::from_millis(ONSET_MS),
        settings: Arc::new(settings),
        book: Arc::new(Book::default()),
        board: Arc::new(Board::default()),
        days: Arc::default(),
        reports: Arc::default(),
        history: Arc::default(),
        trouble: None,
        untold: None,
    }
}

/// Playback fails, and users tell: most of them in one region, some from one provider, some with a new version of the app.
pub(crate) fn reported() -> Snapshot {
    let mut snapshot = in_state(State::Confirmed);
    let place = |region: &str, system: (&str, &str), version: &str, heard: u64| Place {
        component: Some(name("playback")),
        category: Some(name("no-sound")),
        region: (!region.is_empty()).then(|| name(region)),
        version: (!version.is_empty()).then(|| name(version)),
        network: name("192.0.2.0/24"),
        system: Some((name(system.0), system.1.into())),
        tally: Tally { heard, counted: heard / 3 },
    };
    let (mobile, cable) = (("AS64500", "A mobile provider with a long name"), ("AS64501", HOSTILE));
    let places = vec![
        place("eu", mobile, "3.1", 412),
        place("eu", cable, "3.0", 96),
        place("eu", ("AS64502", ""), "", 21),
        place("us", mobile, "3.1", 9),
        place("", ("unlisted", ""), "", 3),
    ];
    let at = snapshot.now;
    let quarter = |n: u64| Quarter {
        at: Moment::from_millis(at.as_millis() / 900_000 * 900_000).before(Duration::from_secs(900) * (95 - n as u32)),
        counted: if n > 92 { 40 * (n - 92) } else { n % 4 },
        usual: 1.5 + (n % 24) as f64 / 12.0,
    };
    let all = Tally { heard: 541, counted: 180 };
    let (day, others) = ((0..96).map(quarter).collect(), Tally::default());
    snapshot.reports = Arc::new(ReportPicture { at, all, places, others, day, is_burst: true });
    let board = Arc::make_mut(&mut snapshot.board);
    let components = [(name("playback"), 52_000), (name("login"), 1_900)].into();
    board.sessions = Some(ActiveSessions { all: 53_100, components });
    board.voices = [(INCIDENT, Voices { again: 14, not_yet: 3 })].into();
    board.ailing = vec![Ailing {
        title: "Example CDN".into(),
        components: [name("playback")].into(),
        health: UpstreamHealth::Down,
        said: HOSTILE.into(),
    }];
    snapshot
}

/// A hub whose edges have been silent for ten minutes, and which cannot write its log.
pub(crate) fn no_data() -> Snapshot {
    let mut snapshot = healthy();
    let board = Arc::make_mut(&mut snapshot.board);
    board.heard_at = Some(snapshot.now.before(Duration::from_secs(600)));
    board.cells.values_mut().for_each(|cell| cell.condition = Condition::Unknown);
    board.components.values_mut().for_each(|condition| *condition = Condition::Unknown);
    board.replicas.iter_mut().for_each(|line| line.condition = Condition::Unknown);
    board.pulses.clear();
    snapshot.trouble = Some("the disk is full: the log cannot be written since 14:01:12 UTC".into());
    snapshot
}

/// A hub that hears no edge and of whose vantage points one is blind, while a budget burns slowly.
pub(crate) fn unseeing() -> Snapshot {
    let mut tale = Tale::begin();
    tale.past();
    let budget = BudgetId { component: name("playlists"), indicator: Indicator::Latency };
    let matters = [
        (
            Matter::Burn { budget },
            Urgency::Ticket,
            7_200,
            "Playlists uses up its latency budget",
            "99 % within 300ms are promised.",
        ),
        (Matter::Blind { vantage: name("oslo") }, Urgency::Ticket, 300, "Vantage point oslo cannot look", HOSTILE),
        (Matter::Deaf, Urgency::Page, 240, "No edge is heard", "How the service does for its clients is UNKNOWN."),
    ];
    for (id, (matter, urgency, seconds, title, body)) in (1..).map(MatterId).zip(matters) {
        let since = tale.now.before(Duration::from_secs(seconds));
        let (title, body) = (title.into(), body.into());
        tale.write(Event::MatterBegan { id, matter, urgency, since, title, body });
    }
    let mut snapshot = tale.snapshot(Condition::Unknown);
    Arc::make_mut(&mut snapshot.board).heard_at = Some(snapshot.now.before(Duration::from_secs(240)));
    snapshot
}

/// Playback fails, and somebody holds the first public word back; four minutes later nobody has said anything.
pub(crate) fn held_back() -> Snapshot {
    let mut tale = Tale::begin();
    tale.past();
    tale.silent = true;
    tale.outage(State::Confirmed, "Playback failing in eu", "");
    let (stage, by) = (Stage::Investigating, name("mira"));
    let edit = DraftEdit { stage, text: None, release: Release::ByPerson, by: by.clone() };
    tale.write(Event::DraftEdited { incident: INCIDENT, edit });
    tale.at(240_000);
    let mut snapshot = tale.snapshot(Condition::Down);
    let since = snapshot.book.incidents[&INCIDENT].confirmed_at.unwrap_or_default();
    let (title, body) = ("Problems with Playback in eu".into(), "We see problems with Playback in eu.".into());
    let draft = Draft { stage, title, body, translations: BTreeMap::new(), since, goes_at: None, by: Some(by) };
    Arc::make_mut(&mut snapshot.board).drafts = [(INCIDENT, draft)].into();
    snapshot
}

/// The tale, up to where its incident is in a state.
pub(crate) fn in_state(state: State) -> Snapshot {
    told(state, "Playback failing in eu", "We are investigating failing playback in Europe.")
}

/// The whole tale with hostile text wherever somebody outside chooses the words.
pub(crate) fn hostile() -> Snapshot {
    let mut snapshot = told(State::Reviewed, HOSTILE, HOSTILE);
    let settings = Arc::make_mut(&mut snapshot.settings);
    settings.policy.topology.service = HOSTILE.into();
    for category in &mut settings.categories {
        category.title = HOSTILE.into();
        category.titles = Language::ALL.map(|language| (language, HOSTILE.into())).into();
    }
    for component in settings.policy.topology.components.values_mut() {
        component.title = HOSTILE.into();
    }
    Arc::make_mut(&mut snapshot.board).probes.insert(name("journey"), ProbeLine::new(ProbeState::Failed, HOSTILE));
    snapshot.trouble = Some(HOSTILE.into());
    snapshot
}

/// An outage in words as long as they may be, without a place to break them at.
pub(crate) fn huge() -> Snapshot {
    let mut snapshot = told(State::Confirmed, &"Unbroken".repeat(25), &"x".repeat(5_000));
    let settings = Arc::make_mut(&mut snapshot.settings);
    settings.policy.topology.service = "Service".repeat(20);
    for component in settings.policy.topology.components.values_mut() {
        component.title = "Component".repeat(20);
    }
    snapshot
}

/// A service of sixty components.
pub(crate) fn many() -> Snapshot {
    let mut snapshot = healthy();
    let settings = Arc::make_mut(&mut snapshot.settings);
    for i in 0..60 {
        let n = name(&format!("component-{i}"));
        let title = format!("A component with a rather long name, number {i}");
        let replicas = [name("eu-1")].into();
        let component = Component { name: n.clone(), title, priority: Priority(9), replicas, features: vec![] };
        settings.policy.topology.components.insert(n, component);
    }
    snapshot
}

/// Announced work on playlists goes on and breaks them in eu, search comes tomorrow and log-in in a week; one was done, one called
/// off.
pub(crate) fn maintained() -> Snapshot {
    worked_on("Playlists move to a new database", "They may be **missing** for some minutes.")
}

/// The same in hostile words.
pub(crate) fn maintained_with_hostility() -> Snapshot {
    worked_on(HOSTILE, HOSTILE)
}

fn worked_on(title: &str, words: &str) -> Snapshot {
    let mut tale = Tale::begin();
    tale.past();
    tale.now = Moment::from_millis(ONSET_MS - DAY_MS);
    tale.schedule(1, title, "playlists", Duration::from_secs(3_600), words);
    tale.schedule(2, "New disks for search", "search", Duration::from_secs(2 * 86_400), "Search stays available.");
    tale.schedule(3, "New certificates", "login", Duration::from_secs(8 * 86_400), "Nobody will notice.");
    tale.schedule(4, "New network in us", "playback", Duration::from_secs(7_200), "Playback may pause for a second.");
    let (first, called_off) = (MaintenanceId(1), MaintenanceId(4));
    tale.write(Event::MaintenanceCancelled {
        maintenance: called_off,
        why: "The parts are late.".into(),
        who: name("mira"),
    });
    tale.now = Moment::from_millis(ONSET_MS - DAY_MS + 3_600_000);
    tale.write(Event::MaintenanceBegan { maintenance: first, body: "The maintenance has begun.".into() });
    tale.now = tale.now + Duration::from_secs(5_400);
    let by = Actor::Automation;
    tale.write(Event::MaintenanceEnded { maintenance: first, by, body: "The maintenance is over.".into() });
    let until_onset = Moment::from_millis(ONSET_MS).since(tale.now);
    tale.schedule(5, title, "playlists", until_onset, words);
    tale.now = Moment::from_millis(ONSET_MS);
    tale.write(Event::MaintenanceBegan { maintenance: MaintenanceId(5), body: "The maintenance has begun.".into() });
    let mut snapshot = tale.snapshot(Condition::Healthy);
    let board = Arc::make_mut(&mut snapshot.board);
    board.components.insert(name("playlists"), Condition::Degraded);
    board.cells.entry((name("playlists"), name("eu"))).or_default().condition = Condition::Down;
    snapshot
}

/// Search fails as well, and turns out to be the same outage.
pub(crate) fn merged() -> Snapshot {
    let mut tale = Tale::begin();
    tale.past();
    tale.outage(State::Confirmed, "Playback failing in eu", "We are **looking into it**.");
    let part = IncidentId(4);
    tale.suspect(part, "Search failing in eu", "component=search,region=eu", SourceClass::Edge, 31.0);
    tale.write(Event::Merged { incident: part, into: INCIDENT, by: Actor::Operator(name("mira")) });
    tale.snapshot(Condition::Down)
}

/// Three at once: one that somebody has taken over, a suspicion, and what edges had in force when the log was lost.
pub(crate) fn crowded() -> Snapshot {
    let mut tale = Tale::begin();
    tale.past();
    tale.outage(State::Confirmed, "Playback failing in eu", "We are **looking into it**.");
    let place = "component=search,region=eu";
    let findings = vec![finding(SourceClass::Edge, Measure::Attempts, place, tale.now, 21.0)];
    tale.write(Event::EvidenceGrew { incident: INCIDENT, findings, bits: bits(58.0, 26.0) });
    tale.write(Event::OperatorActed { incident: Some(INCIDENT), who: name("mira"), verb: Verb::TakeOver });
    tale.suspect(IncidentId(4), "Log-in failing in ap", "component=login,region=ap", SourceClass::Edge, 31.0);
    let remedy = Remedy { id: RemedyId { incident: IncidentId(5), count: 1 }, actuation: None, ..roll_back("") };
    tale.write(Event::PlanFound {
        incident: IncidentId(5),
        edge: name("edge-eu-1"),
        title: "In force at the edges, not of this log".into(),
        slice: slice("region=eu,replica=eu-2"),
        remedies: vec![FoundRemedy { remedy, share: Strength::NONE }],
        plan: plan(9, 0),
    });
    tale.snapshot(Condition::Down)
}

fn told(state: State, title: &str, words: &str) -> Snapshot {
    let mut tale = Tale::begin();
    tale.past();
    tale.outage(state, title, words);
    let eu = match state {
        State::Suspected | State::Confirmed => Condition::Down,
        State::Mitigated | State::Restoring => Condition::Degraded,
        State::Resolved | State::Reviewed | State::Dismissed | State::Merged => Condition::Healthy,
    };
    tale.snapshot(eu)
}

/// The records so far, folded.
struct Tale {
    book: Book,
    now: Moment,
    notices: u32,
    /// True while nothing is said in public.
    silent: bool,
}

impl Tale {
    fn begin() -> Self {
        let channel = |n: &str, audience| Channel { name: name(n), audience };
        let channels = vec![channel("status-page", Audience::Public), channel("log", Audience::OnCall)];
        let now = Moment::from_millis(ONSET_MS - 2 * DAY_MS);
        let mut tale = Self { book: Book::new(channels), now, notices: 0, silent: false };
        tale.write(Event::HubStarted { version: "0.1.0".into() });
        tale
    }

    fn write(&mut self, event: Event) {
        let record = Record { seq: self.book.last_seq + 1, at: self.now, event };
        self.book.apply(&record).expect("the story obeys the transition table");
    }

    /// Goes on so many milliseconds after the onset.
    fn at(&mut self, after_ms: u64) -> &mut Self {
        self.now = Moment::from_millis(ONSET_MS + after_ms);
        self
    }

    /// Announces two hours of work on a component.
    fn schedule(&mut self, number: u64, title: &str, component: &str, after: Duration, body: &str) {
        let start = self.now + after;
        let end = start + Duration::from_secs(7_200);
        let appointment = Appointment { title: title.into(), components: [name(component)].into(), start, end };
        let (maintenance, body, who) = (MaintenanceId(number), body.into(), name("mira"));
        self.write(Event::MaintenanceScheduled { maintenance, appointment, body, who });
    }

    /// Two earlier incidents: one that was real, one that was nothing.
    fn past(&mut self) {
        let (first, second) = (IncidentId(1), IncidentId(2));
        self.now = Moment::from_millis(ONSET_MS - DAY_MS);
        self.suspect(first, "Log-in slow in us", "component=login,region=us", SourceClass::Edge, 31.0);
        self.write(Event::Confirmed {
            incident: first,
            first: SourceClass::Edge,
            bits: bits(64.0, 22.0),
            why: "edge and probes agree: 64 and 22 bits".into(),
        });
        self.tell(
            first,
            Audience::Public,
            Stage::Investigating,
            "Slow log-in",
            "Logging in takes **longer than usual**.",
        );
        self.now = self.now + Duration::from_secs(900);
        self.write(Event::Resolved { incident: first, by: Actor::Operator(name("mira")) });
        self.tell(first, Audience::Public, Stage::Resolved, "Log-in is back", "Logging in works as usual again.");
        self.write(Event::Reviewed { incident: first, path: "reviews/2026-11-21-login-us-1.md".into() });
        self.now = self.now + Duration::from_secs(3_600);
        self.suspect(second, "Search slow in ap", "component=search,region=ap", SourceClass::Report, 21.0);
        self.write(Event::Dismissed { incident: second, why: "no fresh evidence for 60 s".into() });
        self.now = Moment::from_millis(ONSET_MS - 25_000);
        self.write(Event::ChangeTold { change: deployment() });
        self.now = Moment::from_millis(ONSET_MS - 5_000);
    }

    fn outage(&mut self, state: State, title: &str, words: &str) {
        self.at(900).suspect(INCIDENT, title, "component=playback,region=eu", SourceClass::Edge, 34.0);
        if state == State::Dismissed {
            self.at(61_000).write(Event::Dismissed { incident: INCIDENT, why: words.into() });
        }
        let chapters: [fn(&mut Self, &str); 5] =
            [Self::confirm, Self::mitigate, Self::restore, Self::resolve, Self::review];
        let told = STATES.iter().position(|s| *s == state).filter(|_| state != State::Dismissed).unwrap_or(0);
        for chapter in &chapters[..told] {
            chapter(self, words);
        }
    }

    fn suspect(&mut self, incident: IncidentId, title: &str, place: &str, class: SourceClass, strength: f64) {
        let findings = vec![finding(class, Measure::Attempts, place, self.now, strength)];
        self.write(Event::Suspected {
            incident,
            title: title.into(),
            slice: slice(place),
            since: self.now.before(Duration::from_millis(900)),
            findings,
            bits: [(class, Bits(strength))].into(),
        });
    }

    fn confirm(&mut self, words: &str) {
        self.at(1_600).grow();
        let why = "edge and probes agree: 58 and 26 bits".into();
        self.write(Event::Confirmed { incident: INCIDENT, first: SourceClass::Edge, bits: bits(58.0, 26.0), why });
        self.at(1_700).tell(INCIDENT, Audience::Public, Stage::Investigating, "Playback problems in Europe", words);
        self.tell(INCIDENT, Audience::OnCall, Stage::Investigating, "Playback failing in eu", words);
        self.at(1_800).write(Event::Diagnosed { incident: INCIDENT, hypotheses: hypotheses(words) });
        self.at(2_000).propose(words);
        self.at(2_050).write(Event::RemedyStarted { remedy: remedy_id(1), by: Actor::Automation, plan: plan(1, 0) });
        self.at(3_000);
    }

    fn grow(&mut self) {
        let place = "component=playback,region=eu,version=1.5.0";
        let findings = vec![
            finding(SourceClass::Edge, Measure::Attempts, place, self.now, 58.0),
            finding(SourceClass::Probe, Measure::Checks, "component=playback,replica=eu-2", self.now, 26.0),
            finding(SourceClass::Report, Measure::Reports, "component=playback", self.now, 8.0),
            finding(SourceClass::Edge, Measure::Requests, "component=playback", self.now, 3.0),
        ];
        let mut bits = bits(58.0, 26.0);
        bits.insert(SourceClass::Report, Bits(8.0));
        self.write(Event::EvidenceGrew { incident: INCIDENT, findings, bits });
    }

    fn propose(&mut self, words: &str) {
        let remedy = roll_back(words);
        self.write(Event::RemedyProposed { remedy: remedy.clone(), mode: Mode::Auto });
        let restart = Remedy { id: remedy_id(2), kind: RemedyKind::Restart, actuation: None, ..remedy };
        self.write(Event::RemedyProposed { remedy: restart, mode: Mode::Ask });
        self.write(Event::RemedyRefused {
            incident: INCIDENT,
            kind: RemedyKind::Divert,
            slice: slice("region=eu"),
            guard: "A1".into(),
            why: format!("the rest would run at 91 % of its proven capacity. {words}"),
        });
    }

    fn mitigate(&mut self, words: &str) {
        self.at(3_400).write(Event::ActuationEnded { remedy: remedy_id(1), outcome: Outcome::Done });
        self.at(7_100).write(Event::RemedyJudged {
            remedy: remedy_id(1),
            verdict: Verdict::Kept,
            observed: "failed attempts fell from 48.6 % to 0.0 %".into(),
            plan: plan(2, 0),
        });
        self.write(Event::Mitigated { incident: INCIDENT });
        self.tell(INCIDENT, Audience::Public, Stage::Identified, "Cause found", "A new release was at fault.");
        self.tell(INCIDENT, Audience::Public, Stage::Monitoring, "Playback works again", words);
        self.write(Event::OperatorActed { incident: Some(INCIDENT), who: name("mira"), verb: Verb::Ack });
        self.at(12_000);
    }

    fn restore(&mut self, _: &str) {
        for (after_ms, epoch, share) in [(20_000, 3, 1), (28_000, 4, 5), (36_000, 5, 25)] {
            let (remedy, plan) = (remedy_id(1), plan(epoch, share));
            self.at(after_ms).write(Event::RampStepped { remedy, share: Strength::percent(share), plan });
        }
        self.at(40_000);
    }

    fn resolve(&mut self, words: &str) {
        let plan = TrafficPlan { epoch: 6, ..TrafficPlan::default() };
        self.at(44_000).write(Event::RampStepped { remedy: remedy_id(1), share: Strength::FULL, plan });
        self.write(Event::Restored { incident: INCIDENT });
        self.at(64_000).write(Event::Resolved { incident: INCIDENT, by: Actor::Automation });
        self.tell(INCIDENT, Audience::Public, Stage::Resolved, "Playback is back to normal", words);
        self.at(65_000);
    }

    fn review(&mut self, _: &str) {
        let path = "reviews/2026-11-22-playback-eu-3.md".into();
        self.at(66_000).write(Event::Reviewed { incident: INCIDENT, path });
        self.at(70_000);
    }

    fn tell(&mut self, incident: IncidentId, audience: Audience, stage: Stage, title: &str, body: &str) {
        if self.silent && audience == Audience::Public {
            return;
        }
        self.notices += 1;
        let id = NoticeId { incident, count: self.notices };
        let slice = slice("component=playback,region=eu");
        let (title, body) = (title.into(), body.into());
        self.write(Event::NoticeWritten {
            notice: Notice { id, audience, stage, title, body, translations: BTreeMap::new(), slice },
        });
        let channel = name(if audience == Audience::Public { "status-page" } else { "log" });
        self.write(Event::NoticeSent { notice: id, channel, outcome: Outcome::Done });
    }

    fn snapshot(self, eu: Condition) -> Snapshot {
        let settings = settings();
        let board = Board { word_clocks: word_clocks(&self.book, &settings), ..board(self.now, eu, &self.book.plan) };
        Snapshot {
            now: self.now,
            settings: Arc::new(settings),
            board: Arc::new(board),
            book: Arc::new(self.book),
            days: Arc::new(days(self.now)),
            reports: Arc::default(),
            history: Arc::default(),
            trouble: None,
            untold: None,
        }
    }
}

/// As the engine has them.
fn word_clocks(book: &Book, settings: &HubSettings) -> BTreeMap<IncidentId, WordClock> {
    let engine = Engine::resume(settings.policy.clone(), book.clone());
    book.open().filter_map(|incident| Some((incident.id, engine.word_clock(incident)?))).collect()
}

fn bits(edge: f64, probe: f64) -> BTreeMap<SourceClass, Bits> {
    [(SourceClass::Edge, Bits(edge)), (SourceClass::Probe, Bits(probe))].into()
}

fn finding(class: SourceClass, measure: Measure, place: &str, at: Moment, strength: f64) -> Finding {
    let (expected, observed, total) = match measure {
        Measure::Reports => (0.2, 6.0, 6),
        Measure::Checks => (0.01, 1.0, 4),
        Measure::Requests => (0.002, 0.004, 1_120),
        _ => (0.002, 0.486, 212),
    };
    Finding {
        class,
        measure,
        slice: slice(place),
        since: at.before(Duration::from_millis(900)),
        at,
        expected,
        observed,
        total,
        kinds: [(FailureKind::Status, 97), (FailureKind::Reset, 6)].into(),
        bits: Bits(strength),
        of: None,
    }
}

fn deployment() -> Change {
    Change {
        id: name("deploy-118"),
        kind: ChangeKind::Deploy,
        slice: slice("replica=eu-2"),
        to: name("1.5.0"),
        from: Some(name("1.4.2")),
        summary: "Playback: read-ahead of 30 s".into(),
        one_way: false,
    }
}

fn hypotheses(words: &str) -> Vec<Hypothesis> {
    let hypothesis = |kind, place: &str, posterior, because: &[&str]| Hypothesis {
        kind,
        slice: slice(place),
        change: (kind == CauseKind::BadDeploy).then(|| name("deploy-118")),
        posterior,
        because: because.iter().map(|b| (*b).to_owned()).collect(),
        upstream: None,
    };
    vec![
        hypothesis(
            CauseKind::BadDeploy,
            "version=1.5.0",
            0.972,
            &["deployed 25 s before the onset", "all failures are on version 1.5.0, none on 1.4.2", words],
        ),
        hypothesis(CauseKind::Host, "replica=eu-2", 0.021, &["all failures are on one replica"]),
        hypothesis(CauseKind::Overload, "region=eu", 0.004, &[]),
    ]
}

fn remedy_id(count: u32) -> RemedyId {
    RemedyId { incident: INCIDENT, count }
}

fn roll_back(words: &str) -> Remedy {
    Remedy {
        id: remedy_id(1),
        kind: RemedyKind::RollBack,
        answers: CauseKind::BadDeploy,
        slice: slice("version=1.5.0"),
        route: Route::Away { replicas: vec![name("eu-2")], component: None },
        actuation: Some(Actuation::RollBack { slice: slice("replica=eu-2"), from: name("1.5.0"), to: name("1.4.2") }),
        predicted: "failed attempts of playback in eu below 0.2 %".into(),
        undo: format!("give eu-2 its traffic back. {words}"),
        check_after: Duration::from_secs(5),
    }
}

fn plan(epoch: u64, percent: u32) -> TrafficPlan {
    let weight = Weight { replica: name("eu-2"), component: None, share: Strength::percent(percent) };
    TrafficPlan { epoch, weights: vec![weight], ..TrafficPlan::default() }
}

fn board(now: Moment, eu: Condition, plan: &TrafficPlan) -> Board {
    let cells: BTreeMap<(Name, Name), Cell> = ["playback", "login", "playlists", "search"]
        .into_iter()
        .flat_map(|component| ["ap", "eu", "us"].map(|region| (component, region)))
        .map(|(component, region)| ((name(component), name(region)), cell(component, region, eu)))
        .collect();
    let for_clients = if eu == Condition::Down { Condition::Degraded } else { Condition::Healthy };
    let components = ["playback", "login", "playlists", "search"]
        .map(|c| (name(c), if c == "playback" { for_clients } else { Condition::Healthy }))
        .into();
    let walked = if eu == Condition::Down { ProbeState::Failed } else { ProbeState::Passed };
    Board {
        at: now,
        heard_at: Some(now.before(Duration::from_millis(400))),
        cells,
        components,
        replicas: topology().replicas.keys().map(|r| replica_line(r, eu, plan)).collect(),
        pulses: pulses(now),
        probes: [
            (name("journey"), ProbeLine::new(walked, journey(eu))),
            (name("dns-encore"), ProbeLine::new(ProbeState::Passed, "127.0.0.1 in 3 ms")),
            (name("tls-edge"), ProbeLine::new(ProbeState::Passed, "certificate valid for 61 d")),
        ]
        .into(),
        blind: BTreeMap::new(),
        strangers: BTreeMap::new(),
        budgets: budgets(now, eu),
        voices: BTreeMap::new(),
        drafts: BTreeMap::new(),
        word_clocks: BTreeMap::new(),
        ailing: Vec::new(),
        alone: None,
        asked: BTreeMap::new(),
        sessions: None,
        traffic: Vec::new(),
        metrics: Vec::new(),
    }
}

/// Playback is promised and fails while eu does; log-in is promised, and nobody has asked for it yet.
fn budgets(now: Moment, eu: Condition) -> BTreeMap<BudgetId, BudgetReading> {
    let share = |percent| Objective::percent(percent).expect("a good objective");
    let latency = LatencyObjective::new(Duration::from_millis(300), share(99.0)).expect("a good promise");
    let days_ago = |days: u64| now.before(Duration::from_secs(days * 86_400));
    let met = |total, bad| Met { total, bad };
    let mut playback = ErrorBudget::new(Promise::Success(share(99.9)));
    playback.add(days_ago(20), met(1_000_000, 1_000));
    playback.add(now.before(Duration::from_secs(3_600)), met(50_000, 5));
    let mut in_time = ErrorBudget::new(Promise::Latency(latency));
    in_time.add(days_ago(2), met(1_000_000, 4_000));
    in_time.add(now.before(Duration::from_secs(600)), met(50_000, 900));
    if eu == Condition::Down {
        playback.add(now, met(1_120, 193));
        in_time.add(now, met(900, 8));
    }
    let login = ErrorBudget::new(Promise::Success(share(99.0)));
    let id = |component, indicator| BudgetId { component: name(component), indicator };
    [
        (id("playback", Indicator::Success), playback.reading(now)),
        (id("playback", Indicator::Latency), in_time.reading(now)),
        (id("login", Indicator::Success), login.reading(now)),
    ]
    .into()
}

fn journey(eu: Condition) -> &'static str {
    match eu {
        Condition::Down => "stream: expected audio within 2 s, got status 502",
        _ => "logged in, loaded 3 playlists, streamed 10 s in 10.1 s",
    }
}

fn cell(component: &str, region: &str, eu: Condition) -> Cell {
    let hit = component == "playback" && region == "eu";
    let condition = if hit { eu } else { Condition::Healthy };
    let failed = if condition == Condition::Down { 0.486 } else { 0.0004 };
    let per_second = match component {
        "playback" => 96.4,
        "playlists" => 21.7,
        "search" => 12.9,
        _ => 3.2,
    };
    let first_byte_ms = if hit && condition == Condition::Down { 188.0 } else { 11.6 };
    Cell { condition, per_second, failed, slow: 0.003, first_byte_ms }
}

fn replica_line(replica: &Name, eu: Condition, plan: &TrafficPlan) -> ReplicaLine {
    let hit = replica.as_str() == "eu-2";
    ReplicaLine {
        name: replica.clone(),
        region: name(&replica.as_str()[..2]),
        version: Some(name(if hit && eu != Condition::Healthy { "1.5.0" } else { "1.4.2" })),
        condition: if hit { eu } else { Condition::Healthy },
        ejected: hit && eu == Condition::Down,
        share: plan.share(replica, &name("playback")),
        in_flight: if hit { 2 } else { 17 },
        per_second: if hit { 1.0 } else { 80.4 },
    }
}

/// Two minutes of traffic that sways, with failures from the onset until the roll-back shows.
fn pulses(now: Moment) -> Vec<Pulse> {
    (0..120_u64)
        .map(|i| {
            let at = now.before(Duration::from_secs(119 - i));
            let after_ms = at.as_millis().saturating_sub(ONSET_MS);
            let failing = (1..4_000).contains(&after_ms);
            let sway = (i * 7 % 13) + (i * 5 % 11);
            let requests = 380 + sway * 3;
            let failed_attempts = if failing { 48 + sway } else { u64::from(i % 37 == 0) };
            let failed = if failing && after_ms < 2_500 { 4 } else { 0 };
            let reports = u64::from(failing && after_ms > 2_000) * 2;
            Pulse { at, requests, failed, failed_attempts, attempts: requests + failed_attempts, reports }
        })
        .collect()
}

/// Ninety days: the first ones unknown, some with trouble.
fn days(now: Moment) -> BTreeMap<Name, Vec<Day>> {
    let today = i64::try_from(now.as_millis() / DAY_MS).expect("a day of our time");
    let day = |component: &str, ago: i64| {
        let (degraded_s, down_s) = match (component, ago) {
            ("login", 1) => (900, 0),
            ("playback", 17) => (1_200, 740),
            ("playback", 44) => (300, 0),
            ("search", 31) => (0, 5_400),
            _ => (0, 0),
        };
        Day { day: today - ago, good_s: 86_400 - degraded_s - down_s, degraded_s, down_s }
    };
    let history = |c: &str| (0..72).rev().filter(|ago| *ago != 60).map(|ago| day(c, ago)).collect();
    ["playback", "login", "playlists", "search"].map(|c| (name(c), history(c))).into()
}
