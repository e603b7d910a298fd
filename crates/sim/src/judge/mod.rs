//! The judge: what must always hold, looked at on every event. It knows the world's truth and what the hub was told, and
//! nothing of how decisions are made. Each family of invariants has a file of its own.

mod actions;
mod edges;
mod features;
mod kin;
mod ledger;
mod reached;
mod removals;
mod thrift;
mod told;
mod verdicts;
mod way_back;
mod words;

use crate::time::Time;
use crate::world::World;
use downbeat_core::incident::{Actor, Auditor, Book, Event, Record, State, Verb, Verdict};
use downbeat_core::model::{
    Change, ChangeKind, FeatureId, IncidentId, Mode, Moment, Name, Notice, NoticeId, Policy, ProbeResult, Remedy,
    RemedyId, RollUp, Route, Slice, SourceClass, Strength, TrafficPlan,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
pub(crate) use thrift::Ask;
use thrift::Asked;
use told::Told;

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its name: `A2`.
    pub invariant: String,
    /// When, in seconds from the world's beginning.
    pub at_s: u64,
    /// What was seen.
    pub what: String,
}

/// What the judge remembers.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) found: Vec<Violation>,
    /// When a remedy was first begun.
    pub(crate) acted_at: Option<Time>,
    now: Time,
    policy: Policy,
    told: Told,
    /// The book of a hub that died, with what it had written and not applied.
    died_with: Option<Book>,
    /// So many records have been looked at.
    read_so_far: usize,
    /// So many records were there when somebody was told that something is done.
    acknowledged: usize,
    started_at: Moment,
    held: bool,
    /// When a hub first started, and so everything was armed.
    armed_at: Option<Moment>,
    /// By component: when the last drill there passed.
    drilled: BTreeMap<Name, Moment>,
    incidents: BTreeMap<IncidentId, Track>,
    /// What the log says of changes.
    changes: Vec<(Moment, Change)>,
    /// Which replicas run what at present, by the name of the version or configuration: the world's truth.
    in_effect: BTreeMap<Name, BTreeSet<usize>>,
    remedies: BTreeMap<RemedyId, Case>,
    in_vain: u32,
    /// What is read now comes before a relapse.
    relapses: bool,
    /// By people.
    switched_off: BTreeSet<FeatureId>,
    /// The plan in force, and when which replica was taken out.
    plan: TrafficPlan,
    removals: VecDeque<(Moment, Name)>,
    /// By edge.
    epochs: Vec<u64>,
    acted: BTreeMap<RemedyId, u32>,
    /// Messages that no channel has answered for yet.
    unsent: BTreeMap<NoticeId, Notice>,
    delivered: BTreeMap<(NoticeId, Name), (u32, u32)>,
    /// By replica: seconds for which it has been dead or hung.
    dead_for: BTreeMap<Name, u64>,
    /// By edge and component: who was asked lately, and why.
    asked: Vec<Vec<Asked>>,
}

/// An incident, as far as the judge follows it.
#[derive(Debug, Default)]
struct Track {
    /// When it is said to have begun.
    since: Moment,
    confirmed_at: Option<Moment>,
    relapses: u32,
    /// What it is about: where anything was found, and where a cause was named.
    about: BTreeSet<Slice>,
    is_over: bool,
    paged: bool,
    /// Somebody has seen how it stands.
    acked: bool,
    /// Somebody has taken it over.
    taken: bool,
    /// The strongest evidence by class, as told.
    bits: BTreeMap<SourceClass, f64>,
}

/// A remedy, as far as the judge follows it.
#[derive(Debug)]
struct Case {
    remedy: Remedy,
    /// The incident that it belongs to by now.
    incident: IncidentId,
    mode: Mode,
    started_at: Option<Moment>,
    by_automation: bool,
    judged: Option<Verdict>,
    /// Since when it has been kept in full.
    kept_at: Option<Moment>,
    /// The outside part is done, if there is one.
    is_carried_out: bool,
    /// The last step of its way back.
    step: Option<(Strength, Moment)>,
    /// The first to return first.
    features: Vec<features::Out>,
    over: bool,
}

impl Case {
    fn proposed(remedy: &Remedy, mode: Mode) -> Self {
        Self {
            remedy: remedy.clone(),
            incident: remedy.id.incident,
            mode,
            started_at: None,
            by_automation: false,
            judged: None,
            kept_at: None,
            is_carried_out: remedy.actuation.is_none(),
            step: None,
            features: Vec::new(),
            over: false,
        }
    }

    fn is_in_force(&self) -> bool {
        self.started_at.is_some() && !self.over
    }

    /// True while it is on its way back.
    fn is_lifting(&self) -> bool {
        !self.over && self.step.is_some()
    }

    /// The replicas that it takes out.
    fn away(&self) -> &[Name] {
        match &self.remedy.route {
            Route::Away { replicas, .. } => replicas,
            Route::Admit { .. } | Route::Cap { .. } | Route::Hold { .. } => &[],
        }
    }
}

impl Judge {
    pub(crate) fn new(policy: &Policy, edges: usize) -> Self {
        Self {
            found: Vec::new(),
            acted_at: None,
            now: Time::ZERO,
            policy: policy.clone(),
            told: Told::new(policy),
            died_with: None,
            read_so_far: 0,
            acknowledged: 0,
            started_at: Moment::default(),
            held: false,
            armed_at: None,
            drilled: BTreeMap::new(),
            incidents: BTreeMap::new(),
            changes: Vec::new(),
            in_effect: BTreeMap::new(),
            remedies: BTreeMap::new(),
            in_vain: 0,
            relapses: false,
            switched_off: BTreeSet::new(),
            plan: TrafficPlan::default(),
            removals: VecDeque::new(),
            epochs: vec![0; edges],
            acted: BTreeMap::new(),
            unsent: BTreeMap::new(),
            delivered: BTreeMap::new(),
            dead_for: policy.topology.replicas.keys().map(|replica| (replica.clone(), 0)).collect(),
            asked: vec![vec![Asked::default(); policy.topology.components.len()]; edges],
        }
    }

    /// Something does not hold.
    pub(crate) fn find(&mut self, invariant: &str, what: impl Into<String>) {
        let violation = Violation { invariant: invariant.into(), at_s: self.now.as_secs(), what: what.into() };
        if !self.found.contains(&violation) {
            self.found.push(violation);
        }
    }

    /// A roll-up reaches the hub.
    pub(crate) fn heard(&mut self, now: Moment, roll_up: &RollUp) {
        self.told.roll_up(now, roll_up);
    }

    /// One of the hub's probes ended.
    pub(crate) fn probed(&mut self, now: Moment, replica: &Name, result: &ProbeResult) {
        self.told.probe(now, replica, result);
    }

    /// Somebody's report reaches the hub.
    pub(crate) fn reported(&mut self, now: Moment) {
        self.told.report(now);
    }

    fn read(&mut self, record: &Record) {
        let at = record.at;
        if let Some(plan) = record.event.plan() {
            self.note_removals(at, plan);
        }
        match &record.event {
            Event::HubStarted { .. } => self.started_at = at,
            Event::ChangeTold { change } => self.change_told(at, change),
            Event::OperatorActed { verb: Verb::Hold, .. } => self.held = true,
            Event::OperatorActed { verb: Verb::Release, .. } => self.held = false,
            Event::OperatorActed { verb, incident: Some(id), .. } => self.seen(*id, *verb),
            Event::Reopened { incident, .. } => {
                let track = self.incidents.entry(*incident).or_default();
                (track.acked, track.taken) = (false, false);
            }
            Event::Merged { incident, into, .. } => self.merged(*incident, *into),
            Event::Split { incident, component, into, .. } => self.split(at, *incident, component, *into),
            Event::Suspected { incident, bits, since, findings, .. } => {
                self.about(*incident, findings.iter().map(|finding| &finding.slice));
                let track = self.incidents.entry(*incident).or_default();
                track.since = *since;
                track.bits = bits.iter().map(|(class, bits)| (*class, bits.0)).collect();
            }
            Event::EvidenceGrew { incident, bits, findings } => {
                self.about(*incident, findings.iter().map(|finding| &finding.slice));
                self.grow(*incident, bits);
            }
            Event::Confirmed { incident, bits, .. } => {
                self.grow(*incident, bits);
                self.confirmed(*incident, at);
            }
            Event::NoticeWritten { notice } => self.noticed(notice),
            Event::NoticeSent { notice, .. } => drop(self.unsent.remove(notice)),
            Event::RemedyProposed { remedy, mode } => {
                self.remedies.insert(remedy.id, Case::proposed(remedy, *mode));
            }
            Event::RemedyStarted { remedy, by, plan } => self.started(at, *remedy, by, plan),
            Event::ActuationEnded { remedy, outcome } => self.carried_out(*remedy, outcome),
            Event::RemedyJudged { remedy, verdict, plan, .. } => self.verdict(at, *remedy, *verdict, plan),
            Event::RampStepped { remedy, share, .. } => self.stepped(at, *remedy, *share),
            Event::FeatureStepped { remedy, feature, admitted, plan, .. } => {
                self.feature_stepped(at, *remedy, feature, *admitted, plan);
            }
            Event::FeatureSwitched { feature, to, .. } => self.feature_switched(feature, *to),
            Event::Relapsed { incident, plan, .. } => self.relapsed(at, *incident, plan),
            Event::Diagnosed { incident, hypotheses } => {
                self.about(*incident, hypotheses.iter().take(1).map(|hypothesis| &hypothesis.slice));
            }
            Event::Resolved { incident, by } => self.resolved(*incident, by),
            _ => {}
        }
        if let Some(plan) = record.event.plan() {
            self.nothing_left_out(plan);
        }
    }

    fn about<'a>(&mut self, incident: IncidentId, slices: impl Iterator<Item = &'a Slice>) {
        self.incidents.entry(incident).or_default().about.extend(slices.cloned());
    }

    /// B1: an incident does not end while something of it is still diverted. J1: nor while a replica is known to be dead, but for
    /// those that another open incident is about.
    fn resolved(&mut self, incident: IncidentId, by: &Actor) {
        let left = |case: &&Case| case.incident == incident && case.is_in_force();
        if let Some(id) = self.remedies.values().find(left).map(|case| case.remedy.id) {
            self.find("B1", format!("incident {incident} ended while remedy {id} was in force"));
        }
        self.incidents.entry(incident).or_default().is_over = true;
        if *by == Actor::Automation && self.known_dead().any(|replica| !self.is_told_of(replica)) {
            self.find("J1", format!("incident {incident} is said to be over while a replica is dead"));
        }
        for case in self.remedies.values_mut().filter(|case| case.incident == incident) {
            case.over = true;
        }
    }
}

impl World {
    /// Looks at what was just written and applied.
    pub(crate) fn judge_records(&mut self) {
        self.judge.now = self.now;
        // What was written just before the hub died is looked at when it is back.
        let first = std::mem::replace(&mut self.judge.read_so_far, self.hub.disk.records.len());
        if first < self.hub.disk.records.len() {
            self.note_who_lives();
        }
        for n in first..self.hub.disk.records.len() {
            let record = self.hub.disk.records[n].clone();
            self.mark_record(&record);
            let next = self.hub.disk.records.get(n + 1).map(|next| &next.event);
            self.judge.relapses = matches!(next, Some(Event::RampStepped { .. } | Event::Relapsed { .. }))
                || self.is_confirmed(&record.event);
            if matches!(record.event, Event::RemedyStarted { .. }) {
                self.judge.in_effect = self.in_effect();
            }
            self.judge.read(&record);
        }
    }

    fn is_confirmed(&self, event: &Event) -> bool {
        let book = self.hub.desk.as_ref().map(|desk| desk.engine().book());
        let incident = book.and_then(|book| book.incidents.get(&book.concerned(event)?));
        incident.is_some_and(|incident| incident.state == State::Confirmed)
    }

    /// Which replicas run which version and configuration.
    fn in_effect(&self) -> BTreeMap<Name, BTreeSet<usize>> {
        let mut runs: BTreeMap<Name, BTreeSet<usize>> = BTreeMap::new();
        for replica in 0..self.shape.replicas.len() {
            let it = self.service.replica(replica);
            for name in std::iter::once(&it.version).chain(&it.config) {
                runs.entry(name.clone()).or_default().insert(replica);
            }
        }
        runs
    }

    /// Whoever lives has been dead for no time.
    fn note_who_lives(&mut self) {
        for (replica, place) in self.shape.replicas.iter().enumerate() {
            let it = self.service.replica(replica);
            if let Some(seconds) = self.judge.dead_for.get_mut(&place.name).filter(|_| it.up && !it.hung) {
                *seconds = 0;
            }
        }
    }

    /// Looks at the world once a second.
    pub(crate) fn judge_second(&mut self) {
        self.judge.now = self.now;
        self.note_who_lives();
        self.judge.dead_for.values_mut().for_each(|seconds| *seconds += 1);
        if self.hub.desk.is_some() {
            let now = self.hub.clock(self.now);
            self.judge.pages(now);
            if !self.hub.disk.fails {
                self.judge.unjudged(now);
            }
        }
    }

    /// What can only be seen of a whole log.
    pub(crate) fn judge_log(&mut self) {
        let policy = self.hub.policy().clone();
        let mut auditor = Auditor::new(&policy.topology, &policy.act);
        self.hub.disk.records.iter().for_each(|record| auditor.read(record));
        for violation in auditor.violations() {
            self.judge.find(violation.invariant, format!("record {}: {}", violation.seq, violation.what));
        }
        let nothing_to_send = self.hub.desk.as_ref().is_some_and(|desk| desk.engine().book().pending.is_empty());
        if nothing_to_send {
            self.judge.all_sent();
        }
    }
}

impl Judge {
    /// D7: a change that is told again is no other one.
    fn change_told(&mut self, at: Moment, change: &Change) {
        if self.changes.iter().any(|(_, known)| known.id == change.id) {
            self.find("D7", format!("change {} was written down twice", change.id));
        }
        self.changes.push((at, change.clone()));
    }

    /// True for a configuration that was in force before a change.
    fn was_configured(&self, name: &Name) -> bool {
        self.changes.iter().any(|(_, c)| c.kind == ChangeKind::Config && c.from.as_ref() == Some(name))
    }
}
