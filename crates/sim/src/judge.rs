//! The judge: what must always hold, looked at on every event. It knows the world's truth, and nothing of how decisions are made.

use crate::shape::GRAIN;
use crate::time::Time;
use crate::world::World;
use downbeat_core::incident::{Actor, Auditor, Book, Event, Record, Verb, Verdict};
use downbeat_core::model::{
    Actuation, Audience, ChangeKind, IncidentId, Mode, Moment, Name, NoticeId, Policy, Remedy, RemedyId, RollUp, Route,
    SourceClass, Strength, TrafficPlan,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// A page has to be written within this time of a confirmation (E1), while the hub lives.
const PAGE_WITHIN: Duration = Duration::from_secs(10);
/// Besides a few times its check, a remedy may wait for its judgement for so long: the disk may be full meanwhile.
const UNJUDGED: Duration = Duration::from_secs(60);
/// A replica that has been dead or hung for so long is known to be.
const KNOWN_DEAD: u64 = 10;
/// Extra attempts over ten seconds, as a share of the requests (B5): a fifth while one replica alone is the trouble, and
/// what is forced for a request that would wait for a silent one.
const EXTRA_SHARE: f64 = 0.3;
/// And so many besides, at each edge.
const EXTRA_FLOOR: f64 = 30.0;

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
    now: Time,
    policy: Policy,
    /// The book of a hub that died, with what it had written and not applied.
    died_with: Option<Book>,
    /// So many records have been looked at.
    read_so_far: usize,
    /// So many records were there when somebody was told that something is done.
    acknowledged: usize,
    started_at: Moment,
    held: bool,
    incidents: BTreeMap<IncidentId, Track>,
    /// Names of what is no version: configurations that were in force before a change.
    configurations: BTreeSet<Name>,
    remedies: BTreeMap<RemedyId, Case>,
    in_vain: u32,
    /// What is read now comes before a relapse.
    relapses: bool,
    /// What edges told: when, by component, how many requests of clients.
    demand: VecDeque<(Moment, BTreeMap<Name, u64>)>,
    /// When an edge was last heard.
    heard_at: Option<Moment>,
    /// By edge.
    epochs: Vec<u64>,
    acted: BTreeMap<RemedyId, u32>,
    delivered: BTreeMap<(NoticeId, Name), (u32, u32)>,
    /// By replica: seconds for which it has been dead or hung.
    dead_for: Vec<u64>,
    /// By component: of the last ten seconds, requests and extra attempts.
    attempts: Vec<VecDeque<(u64, u32, u32)>>,
}

/// An incident, as far as the judge follows it.
#[derive(Debug, Default)]
struct Track {
    confirmed_at: Option<Moment>,
    paged: bool,
    /// The strongest evidence by class, as told.
    bits: BTreeMap<SourceClass, f64>,
}

/// A remedy, as far as the judge follows it.
#[derive(Debug)]
struct Case {
    remedy: Remedy,
    mode: Mode,
    started_at: Option<Moment>,
    by_automation: bool,
    judged: Option<Verdict>,
    /// The last step of its way back.
    step: Option<(Strength, Moment)>,
    over: bool,
}

impl Judge {
    pub(crate) fn new(policy: &Policy, edges: usize) -> Self {
        Self {
            found: Vec::new(),
            now: Time::ZERO,
            policy: policy.clone(),
            died_with: None,
            read_so_far: 0,
            acknowledged: 0,
            started_at: Moment::default(),
            held: false,
            incidents: BTreeMap::new(),
            configurations: BTreeSet::new(),
            remedies: BTreeMap::new(),
            in_vain: 0,
            relapses: false,
            demand: VecDeque::new(),
            heard_at: None,
            epochs: vec![0; edges],
            acted: BTreeMap::new(),
            delivered: BTreeMap::new(),
            dead_for: vec![0; policy.topology.replicas.len()],
            attempts: vec![VecDeque::new(); policy.topology.components.len()],
        }
    }

    /// Something does not hold.
    pub(crate) fn find(&mut self, invariant: &str, what: impl Into<String>) {
        let violation = Violation { invariant: invariant.into(), at_s: self.now.as_secs(), what: what.into() };
        if !self.found.contains(&violation) {
            self.found.push(violation);
        }
    }

    // --- D: the log

    /// Somebody was told that something is done, when so many records were in the log.
    pub(crate) fn acknowledged(&mut self, records: usize) {
        self.acknowledged = self.acknowledged.max(records);
    }

    /// The hub died with this in its mind.
    pub(crate) fn hub_died(&mut self, book: &Book, records: &[Record]) {
        let mut book = book.clone();
        for record in records.iter().filter(|record| record.seq > book.last_seq).cloned().collect::<Vec<_>>() {
            if let Err(misfit) = book.apply(&record) {
                return self.find("D4", format!("what was written does not follow: {misfit}"));
            }
        }
        self.died_with = Some(book);
    }

    /// The hub is back, and has read this (D1, D4).
    pub(crate) fn replayed(&mut self, book: &Book) {
        if (book.last_seq as usize) < self.acknowledged {
            self.find("D1", format!("{} records were acknowledged, {} are there", self.acknowledged, book.last_seq));
        }
        if self.died_with.take().is_some_and(|before| before != *book) {
            self.find("D4", "the book read from the log is not the one that was lost");
        }
    }

    // --- What edges do

    /// A roll-up reached the hub.
    pub(crate) fn heard(&mut self, now: Moment, roll_up: &RollUp) {
        self.heard_at = Some(now);
        let second = Moment::from_millis(now.as_millis() / 1_000 * 1_000);
        if self.demand.back().is_none_or(|(at, _)| *at < second) {
            self.demand.push_back((second, BTreeMap::new()));
        }
        while self.demand.len() > 8 {
            self.demand.pop_front();
        }
        if let Some((_, sums)) = self.demand.back_mut() {
            for row in &roll_up.clients {
                *sums.entry(row.component.clone()).or_default() += row.tally.total;
            }
        }
    }

    /// An edge took a plan (A3, A6, A13).
    pub(crate) fn edge_took(&mut self, edge: usize, before: &TrafficPlan, plan: &TrafficPlan, held: bool) {
        if plan.epoch <= self.epochs[edge] {
            self.find("A6", format!("an edge went from plan {} to plan {}", self.epochs[edge], plan.epoch));
        }
        self.epochs[edge] = plan.epoch;
        if let Err(fault) = plan.check(&self.policy.topology.serving()) {
            self.find("A3", format!("an edge took a plan that it must not: {fault}"));
        }
        if held {
            let more: Vec<String> = plan.removed().difference(&before.removed()).map(Name::to_string).collect();
            if !more.is_empty() {
                self.find("A13", format!("an edge whose kill switch is on lets {} be removed", more.join(", ")));
            }
        }
    }

    /// An edge is back, with this plan (A6, C1).
    pub(crate) fn edge_restarted(&mut self, edge: usize, before: u64, after: u64) {
        if after != before {
            self.find("C1", format!("edge {edge} had plan {before} and starts with plan {after}"));
        }
    }

    /// A replica was asked (B5).
    pub(crate) fn attempted(&mut self, now: Time, component: usize, times: u32, first: bool) {
        self.now = now;
        let window = &mut self.attempts[component];
        let second = now.as_secs();
        if window.back().is_none_or(|(at, ..)| *at < second) {
            window.push_back((second, 0, 0));
        }
        while window.front().is_some_and(|(at, ..)| at + 10 < second) {
            window.pop_front();
        }
        if let Some((_, requests, extra)) = window.back_mut() {
            *(if first { requests } else { extra }) += times;
        }
    }

    // --- What the hub's effects come to

    /// The actuator did what a remedy asks for (A6, A9).
    pub(crate) fn acted(&mut self, remedy: RemedyId) {
        let times = self.acted.entry(remedy).or_default();
        *times += 1;
        if *times > 1 {
            self.find("A6", format!("remedy {remedy} was carried out twice"));
        }
    }

    /// A channel took a message (E2): once, but for what was in doubt when the hub died.
    pub(crate) fn delivered(&mut self, notice: NoticeId, channel: &Name, boot: u32) {
        let (times, last) = self.delivered.entry((notice, channel.clone())).or_insert((0, 0));
        *times += 1;
        let twice = *times > 1 && *last == boot;
        *last = boot;
        if twice {
            self.find("E2", format!("{notice} went out twice on {channel}"));
        }
    }

    /// Projected load after a removal (A1), computed from what edges told, not from what the hub made of it.
    fn load_after(&self, at: Moment, out: &dyn Fn(&Name) -> bool) -> Option<(Name, f64, f64)> {
        let from = at.before(Duration::from_secs(5));
        let seconds: Vec<_> = self.demand.iter().filter(|(second, _)| *second >= from).collect();
        let topology = &self.policy.topology;
        let mut load: BTreeMap<&Name, f64> = BTreeMap::new();
        for component in topology.components.values() {
            let left: Vec<&Name> = component.replicas.iter().filter(|r| !out(r)).collect();
            let total: u64 = seconds.iter().filter_map(|(_, sums)| sums.get(&component.name)).sum();
            let each = total as f64 / seconds.len().max(1) as f64 / left.len().max(1) as f64;
            for replica in left {
                *load.entry(replica).or_default() += each;
            }
        }
        let over = |(replica, load): (&Name, f64)| {
            let proven = topology.replicas.get(replica)?.proven_per_second?;
            (load > self.policy.act.load_max * proven + 1e-6).then(|| (replica.clone(), load, proven))
        };
        load.into_iter().find_map(over)
    }
}

impl World {
    /// Looks at what was just written and applied.
    pub(crate) fn judge_records(&mut self) {
        self.judge.now = self.now;
        // What was written just before the hub died is looked at when it is back.
        let first = std::mem::replace(&mut self.judge.read_so_far, self.hub.disk.records.len());
        for n in first..self.hub.disk.records.len() {
            let record = self.hub.disk.records[n].clone();
            self.mark_record(&record);
            let next = self.hub.disk.records.get(n + 1).map(|next| &next.event);
            self.judge.relapses = matches!(next, Some(Event::RampStepped { .. } | Event::Relapsed { .. }))
                || record.event.incident().is_some_and(|id| self.is_confirmed(id));
            self.judge.read(&record);
        }
    }

    fn is_confirmed(&self, id: IncidentId) -> bool {
        let book = self.hub.desk.as_ref().map(|desk| desk.engine().book());
        let incident = book.and_then(|book| book.incidents.get(&id));
        incident.is_some_and(|incident| incident.state == downbeat_core::incident::State::Confirmed)
    }

    fn mark_record(&mut self, record: &Record) {
        let mark = match &record.event {
            Event::RemedyProposed { remedy, mode } => format!("proposed: {} {mode:?}", remedy.kind),
            Event::RemedyRefused { kind, guard, .. } => {
                self.marks.reach(&format!("guard: {guard}"));
                format!("refused: {kind}")
            }
            Event::RemedyStarted { remedy, by, .. } => {
                let kind = self.kind(*remedy);
                format!("started: {kind} by {}", if *by == Actor::Automation { "automation" } else { "a person" })
            }
            Event::RemedyJudged { remedy, verdict, .. } => format!("judged: {} {verdict:?}", self.kind(*remedy)),
            Event::RampStepped { remedy, share, .. } => {
                self.marks.reach(&format!("ramp: {share}"));
                format!("lifted: {}", self.kind(*remedy))
            }
            Event::Diagnosed { hypotheses, .. } => {
                format!("diagnosed: {}", hypotheses.first().map_or("nothing".into(), |h| h.kind.to_string()))
            }
            Event::Confirmed { first, .. } => format!("confirmed: {} first", first.word()),
            Event::Resolved { by, .. } => {
                format!("resolved: by {}", if *by == Actor::Automation { "automation" } else { "a person" })
            }
            Event::NoticeWritten { notice } => format!("notice: {:?} {:?}", notice.audience, notice.stage),
            Event::NoticeSent { outcome, .. } => {
                let how = if *outcome == downbeat_core::incident::Outcome::Done { "taken" } else { "not taken" };
                format!("notice: {how}")
            }
            Event::ActuationEnded { outcome, .. } => {
                let how = if *outcome == downbeat_core::incident::Outcome::Done { "done" } else { "failed" };
                format!("actuation: {how}")
            }
            Event::OperatorActed { verb, .. } => format!("operator: {verb:?} is written"),
            Event::HubStarted { .. } => "event: hub started".into(),
            Event::ChannelsSet { .. } => "event: channels set".into(),
            Event::ChangeTold { change } => format!("event: change told, {:?}", change.kind),
            Event::Suspected { .. } => "event: suspected".into(),
            Event::EvidenceGrew { .. } => "event: evidence grew".into(),
            Event::Dismissed { .. } => "event: dismissed".into(),
            Event::Mitigated { .. } => "event: mitigated".into(),
            Event::Relapsed { .. } => "event: relapsed".into(),
            Event::Restored { .. } => "event: restored".into(),
            Event::Reviewed { .. } => "event: reviewed".into(),
            Event::PlanRefused { .. } => "event: plan refused".into(),
        };
        self.marks.reach(&mark);
    }

    fn kind(&self, remedy: RemedyId) -> String {
        self.judge.remedies.get(&remedy).map_or_else(|| "?".into(), |case| case.remedy.kind.to_string())
    }

    /// Looks at the world once a second.
    pub(crate) fn judge_second(&mut self) {
        self.judge.now = self.now;
        for replica in 0..self.shape.replicas.len() {
            let it = self.service.replica(replica);
            let dead = !it.up || it.hung;
            self.judge.dead_for[replica] = if dead { self.judge.dead_for[replica] + 1 } else { 0 };
        }
        self.judge.budget(self.edges.len());
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
    }
}

impl Judge {
    fn read(&mut self, record: &Record) {
        let at = record.at;
        match &record.event {
            Event::HubStarted { .. } => self.started_at = at,
            Event::ChangeTold { change } if change.kind == ChangeKind::Config => {
                self.configurations.extend(change.from.clone());
            }
            Event::OperatorActed { verb: Verb::Hold, .. } => self.held = true,
            Event::OperatorActed { verb: Verb::Release, .. } => self.held = false,
            Event::Suspected { incident, bits, .. } => {
                let track = self.incidents.entry(*incident).or_default();
                track.bits = bits.iter().map(|(class, bits)| (*class, bits.0)).collect();
            }
            Event::EvidenceGrew { incident, bits, .. } => self.grow(*incident, bits),
            Event::Confirmed { incident, bits, .. } => {
                self.grow(*incident, bits);
                self.confirmed(*incident, at);
            }
            Event::NoticeWritten { notice } => self.noticed(notice.id, notice.audience),
            Event::RemedyProposed { remedy, mode } => {
                let case = Case {
                    remedy: remedy.clone(),
                    mode: *mode,
                    started_at: None,
                    by_automation: false,
                    judged: None,
                    step: None,
                    over: false,
                };
                self.remedies.insert(remedy.id, case);
            }
            Event::RemedyStarted { remedy, by, plan } => self.started(at, *remedy, by, plan),
            Event::RemedyJudged { remedy, verdict, .. } => self.verdict(at, *remedy, *verdict),
            Event::RampStepped { remedy, share, .. } => self.stepped(at, *remedy, *share),
            Event::Relapsed { incident, .. } => {
                for case in self.remedies.values_mut().filter(|c| c.remedy.id.incident == *incident) {
                    case.step = None;
                }
            }
            Event::Resolved { incident, .. } => {
                self.nothing_left(*incident);
                for case in self.remedies.values_mut().filter(|c| c.remedy.id.incident == *incident) {
                    case.over = true;
                }
            }
            _ => {}
        }
    }

    /// B1: an incident does not end while something of it is still diverted.
    fn nothing_left(&mut self, incident: IncidentId) {
        let left = |case: &&Case| case.remedy.id.incident == incident && case.started_at.is_some() && !case.over;
        if let Some(id) = self.remedies.values().find(left).map(|case| case.remedy.id) {
            self.find("B1", format!("incident {incident} ended while remedy {id} was in force"));
        }
    }

    fn grow(&mut self, incident: IncidentId, bits: &BTreeMap<SourceClass, downbeat_core::model::Bits>) {
        let track = self.incidents.entry(incident).or_default();
        for (class, bits) in bits {
            let height = track.bits.entry(*class).or_default();
            *height = height.max(bits.0);
        }
    }

    /// G2: users' reports alone confirm nothing.
    fn confirmed(&mut self, incident: IncidentId, at: Moment) {
        let track = self.incidents.entry(incident).or_default();
        track.confirmed_at.get_or_insert(at);
        let measured = track.bits.iter().any(|(class, bits)| *class != SourceClass::Report && *bits >= 8.0);
        if !measured {
            self.find("G2", format!("incident {incident} was confirmed by reports alone"));
        }
    }

    /// J1: the public hears of what is confirmed, and of nothing else.
    fn noticed(&mut self, notice: NoticeId, audience: Audience) {
        let track = self.incidents.entry(notice.incident).or_default();
        match audience {
            Audience::OnCall => track.paged = true,
            Audience::Public if track.confirmed_at.is_none() => {
                self.find("J1", format!("the public was told of incident {}, which is not confirmed", notice.incident));
            }
            Audience::Public => {}
        }
    }

    fn started(&mut self, at: Moment, id: RemedyId, by: &Actor, plan: &TrafficPlan) {
        let Some(case) = self.remedies.get_mut(&id) else {
            return self.find("A12", format!("remedy {id} was started and never proposed"));
        };
        case.started_at = Some(at);
        case.by_automation = *by == Actor::Automation;
        let (remedy, mode) = (case.remedy.clone(), case.mode);
        // What stood on the same targets steps aside.
        let aside = |(other, case): &(&RemedyId, &mut Case)| {
            **other != id && other.incident == id.incident && case.remedy.route.overlaps(&remedy.route)
        };
        self.remedies.iter_mut().filter(aside).for_each(|(_, case)| case.over = true);
        if *by != Actor::Automation {
            return;
        }
        self.one_at_a_time(&remedy);
        if mode != Mode::Auto {
            self.find("A13", format!("remedy {id} started by itself in mode {mode:?}"));
        }
        if self.held {
            self.find("A13", format!("remedy {id} started while automation is held"));
        }
        if self.in_vain >= 2 {
            self.find("A11", format!("remedy {id} started after {} in vain", self.in_vain));
        }
        self.blindness(at, id);
        self.rollback(&remedy);
        if remedy.kind.removes_capacity() && !remedy.route.diverts_nobody() {
            self.removal(at, &remedy, plan);
        }
    }

    /// A12: one remedy on a target at a time, whatever the incident.
    fn one_at_a_time(&mut self, remedy: &Remedy) {
        let clash = self.remedies.values().find(|case| {
            let other = case.remedy.id.incident != remedy.id.incident;
            other && case.started_at.is_some() && !case.over && case.remedy.route.overlaps(&remedy.route)
        });
        if let Some(other) = clash.map(|case| case.remedy.id) {
            self.find("A12", format!("remedy {} started on the targets of {other}", remedy.id));
        }
    }

    /// A15: nothing is done in the first seconds, nor on old news.
    fn blindness(&mut self, at: Moment, id: RemedyId) {
        let up = at.since(self.started_at);
        if up < self.policy.act.warm_up {
            self.find("A15", format!("remedy {id} started {} ms after the hub", up.as_millis()));
        }
        let silent = self.heard_at.map_or(Duration::MAX, |heard| at.since(heard));
        if silent > self.policy.confirm.silence_after {
            self.find("A15", format!("remedy {id} started {} s after an edge was heard", silent.as_secs()));
        }
    }

    /// A9: rollbacks only to what has proven itself.
    fn rollback(&mut self, remedy: &Remedy) {
        if let Some(Actuation::RollBack { to, .. }) = &remedy.actuation
            && !self.configurations.contains(to)
            && !self.policy.topology.proven_versions.contains(to)
        {
            self.find("A9", format!("remedy {} goes back to {to}, which has not proven itself", remedy.id));
        }
    }

    /// A1, A4, A5.
    fn removal(&mut self, at: Moment, remedy: &Remedy, plan: &TrafficPlan) {
        let out = plan.removed();
        if let Some((replica, load, proven)) = self.load_after(at, &|r| out.contains(r)) {
            self.find(
                "A1",
                format!("remedy {}: {replica} would get {load:.0} of the {proven:.0} it has proven", remedy.id),
            );
        }
        let dead = self.dead_for.iter().filter(|s| **s >= KNOWN_DEAD).count() as f64 / self.dead_for.len() as f64;
        if dead > self.policy.act.panic_share {
            self.find("A4", format!("remedy {} removes more while {:.0} % are dead", remedy.id, dead * 100.0));
        }
    }

    /// A12: one verdict, and A11's count of what was in vain.
    fn verdict(&mut self, at: Moment, id: RemedyId, verdict: Verdict) {
        let (warm, check) = (self.started_at, self.policy.act.check_after);
        let Some(case) = self.remedies.get_mut(&id) else { return };
        let first = case.judged.is_none();
        case.judged = Some(verdict);
        case.over = verdict == Verdict::Reverted;
        let late = case.started_at.map_or(Duration::ZERO, |started| at.since(started.max(warm)));
        let by_automation = case.by_automation;
        let in_place = case.remedy.route.diverts_nobody();
        if first && !in_place && late > check * 2 + Duration::from_secs(30) {
            self.find("A12", format!("remedy {id} was judged after {} s", late.as_secs()));
        }
        if by_automation && first {
            self.in_vain = if verdict == Verdict::Reverted { self.in_vain + 1 } else { 0 };
        }
    }

    /// B1: step by step, no step too soon, one group at a time.
    fn stepped(&mut self, at: Moment, id: RemedyId, share: Strength) {
        let ramp = self.policy.act.ramp.clone();
        let dwell = self.policy.act.ramp_dwell;
        let others = self.remedies.iter().any(|(other, case)| {
            *other != id && !case.over && case.step.is_some_and(|(share, _)| share < Strength::FULL)
        });
        let Some(case) = self.remedies.get_mut(&id) else { return };
        let in_steps = matches!(case.remedy.route, Route::Away { .. }) && !case.remedy.route.diverts_nobody();
        let before = case.step.replace((share, at));
        if share == Strength::FULL {
            case.over = true;
        }
        let expected = match before {
            None => ramp.first().copied(),
            Some((last, _)) => ramp.iter().copied().find(|next| *next > last),
        };
        // What is well gets its traffic back at once when the trouble is elsewhere.
        let released = self.relapses && share == Strength::FULL;
        if released {
            return;
        }
        if in_steps && expected != Some(share) {
            self.find("B1", format!("remedy {id} steps to {share}, not to {expected:?}"));
        }
        if let Some((_, last)) = before
            && in_steps
            && at.since(last) < dwell
        {
            self.find("B1", format!("remedy {id} steps after {} ms", at.since(last).as_millis()));
        }
        if others {
            self.find("B1", format!("remedy {id} is on its way back beside another one"));
        }
    }

    /// B5: extra attempts within their budget.
    fn budget(&mut self, edges: usize) {
        for component in 0..self.attempts.len() {
            let window = &self.attempts[component];
            let sum = window.iter().fold((0_u32, 0_u32), |(r, e), (_, requests, extra)| (r + requests, e + extra));
            let most = EXTRA_SHARE * f64::from(sum.0) + (EXTRA_FLOOR + f64::from(GRAIN)) * edges as f64;
            if f64::from(sum.1) > most {
                self.find("B5", format!("{} extra attempts on {} requests, {most:.0} allowed", sum.1, sum.0));
            }
        }
    }

    /// A12: every remedy that a hub has had the time to judge is judged.
    fn unjudged(&mut self, now: Moment) {
        let most = self.policy.act.check_after * 4 + UNJUDGED;
        let waits = |case: &Case| {
            let since = case.started_at.map(|at| at.max(self.started_at));
            let open = case.judged.is_none() && !case.over && !case.remedy.route.diverts_nobody();
            open && since.is_some_and(|at| now.since(at) > most)
        };
        if let Some(id) = self.remedies.values().find(|case| waits(case)).map(|case| case.remedy.id) {
            self.find("A12", format!("remedy {id} has not been judged for {} s", most.as_secs()));
        }
    }

    /// E1: whoever is on call hears of what is confirmed.
    fn pages(&mut self, now: Moment) {
        let due = |track: &Track| {
            track.confirmed_at.is_some_and(|at| now.since(at.max(self.started_at)) > PAGE_WITHIN) && !track.paged
        };
        let late: Vec<IncidentId> = self.incidents.iter().filter(|(_, t)| due(t)).map(|(id, _)| *id).collect();
        for id in late {
            self.find("E1", format!("nobody was paged for incident {id}"));
        }
    }
}
