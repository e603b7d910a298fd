//! The engine: signals and commands in, events out, with `now` given each time.
//!
//! The shell's loop: hand in what arrived; call [`Engine::step`] until it returns nothing, each time writing
//! the events to the log and only then applying them; carry out what stands in the book's outbox; wait for
//! the next arrival, a quarter of a second at most.
//!
//! What was counted (the watch, the ledger, the door) is volatile: after a restart it fills up again within seconds
//! while the hub only watches. What was decided (the book) is the fold of the log.

use super::answers::{Answers, Voices};
use super::board::{Board, draw};
use super::book::{Book, Misfit};
use super::event::{Channel, Event, Record};
use super::mind::Minder;
use super::next::Next;
use super::place::Places;
use crate::confirm::{Hearing, Panel};
use crate::detect::series::Lesson;
use crate::detect::{ErrorBudgets, Learnt, Met, Metrics, Span, Traffic, Watch, threshold};
use crate::diagnose::Upstreams;
use crate::model::mutation::bend;
use crate::model::{
    Bits, BudgetId, Day, Dimension, Finding, Ledger, MetricLook, Moment, Name, Policy, ProbeResult, RollUp, Signal,
    Slice, Strength, Tally, TrafficPlan,
};
use crate::signal::{Door, Observation, SignalRefused, Standing, Strangers};
use std::collections::{BTreeMap, BTreeSet};

/// Most epochs remembered as given out; an edge takes the newest one within seconds.
const GIVEN_MAX: usize = 1_024;

/// Most points remembered that were learnt and nobody took.
const LEARNT_MAX: usize = 65_536;

/// What an edge names beyond this is no epoch of any hub: not every reader of JSON tells such numbers apart.
const EPOCH_MAX: u64 = 1 << 53;

/// The engine of the hub.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) policy: Policy,
    pub(super) book: Book,
    pub(super) watch: Watch,
    pub(super) ledger: Ledger,
    pub(super) door: Door,
    pub(super) panel: Panel,
    /// By edge: since when it has had the epoch that it has.
    pub(super) epochs: BTreeMap<Name, (u64, Moment)>,
    /// By edge: the plan that it says it has, where that asks for anything.
    pub(super) plans: BTreeMap<Name, TrafficPlan>,
    /// Epochs that this log gave out, as far back as an edge may still have one of them.
    pub(super) given: BTreeSet<u64>,
    /// By edge: the newest plan it refused, and why.
    pub(super) refused: BTreeMap<Name, (u64, String)>,
    /// The epoch of the plan in the book, and since when it is that.
    pub(super) planned: (u64, Moment),
    pub(super) threshold: Bits,
    /// How fast the failures that objectives allow are used up.
    pub(super) budgets: ErrorBudgets,
    /// What the team may have to know.
    pub(super) minder: Minder,
    /// Who asks for what, against the usual.
    traffic: Traffic,
    /// Figures of others, against the usual.
    metrics: Metrics,
    /// What was learnt since somebody last took it: nobody has to.
    learnt: Vec<Learnt>,
    /// What those who reported answer.
    pub(super) answers: Answers,
    /// What those say whom we depend on.
    pub(super) upstreams: Upstreams,
    found: Found,
    /// The places that the open incidents keep to.
    pub(super) kept_to: Places,
}

/// What is abnormal, strongest first, as of the last look at the watch.
#[derive(Debug, Clone, Default)]
struct Found {
    findings: Vec<Finding>,
    /// The watch's age then, and the second.
    of: Option<(u64, u64)>,
}

impl Engine {
    /// An engine with an empty book, whose messages go to these channels.
    pub fn new(policy: Policy, channels: Vec<Channel>) -> Self {
        Self::resume(policy, Book::new(channels))
    }

    /// An engine that goes on with a book.
    pub fn resume(policy: Policy, book: Book) -> Self {
        let policy = bend(policy);
        Self {
            planned: (book.plan.epoch, Moment::default()),
            watch: Watch::new(policy.detect.clone()),
            ledger: Ledger::new(policy.detect.memory),
            door: Door::default(),
            panel: Panel::default(),
            epochs: BTreeMap::new(),
            plans: BTreeMap::new(),
            given: given(&book),
            refused: BTreeMap::new(),
            threshold: threshold(&policy.detect, &policy.topology),
            budgets: ErrorBudgets::new(&policy),
            minder: Minder::default(),
            traffic: Traffic::new(&policy.detect, &policy.topology),
            metrics: Metrics::new(&policy.metrics, &policy.detect),
            learnt: vec![],
            answers: Answers::default(),
            upstreams: Upstreams::default(),
            found: Found::default(),
            kept_to: Places::default(),
            policy,
            book,
        }
    }

    /// Takes one line of the log in: at the start all of them, later each one when it is written.
    ///
    /// # Errors
    /// [`Misfit`] when the line cannot follow what is there.
    pub fn apply(&mut self, record: &Record) -> Result<(), Misfit> {
        self.book.apply(record)?;
        if self.planned.0 != self.book.plan.epoch {
            self.planned = (self.book.plan.epoch, record.at);
        }
        if let Some(plan) = record.event.plan() {
            self.given.insert(plan.epoch);
            if self.given.len() > GIVEN_MAX {
                self.given.pop_first();
            }
        }
        let dealt_with = matches!(
            record.event,
            Event::RemedyStarted { .. }
                | Event::RemedyJudged { .. }
                | Event::Relapsed { .. }
                | Event::FeatureStepped { admitted: Strength::NONE, .. }
                | Event::Resolved { .. }
                | Event::Dismissed { .. }
        );
        if dealt_with {
            self.watch.reset();
            self.budgets.begin_anew(record.at);
            self.traffic.dealt_with();
            self.metrics.dealt_with();
        }
        Ok(())
    }

    /// Takes a signal in. What follows from it comes out of the next [`Engine::step`].
    ///
    /// # Errors
    /// [`SignalRefused`]; nothing is changed then.
    pub fn observe(&mut self, now: Moment, signal: &Signal) -> Result<(), SignalRefused> {
        let (topology, plan) = (&self.policy.topology, &self.book.plan);
        let seen = match signal {
            Signal::RollUp(roll) => {
                let seen = self.door.roll_up(now, roll, topology, plan, &mut self.ledger)?;
                self.budgets.hear(now, roll);
                let known = self.epochs.entry(roll.edge.clone()).or_insert((roll.plan_epoch, now));
                if known.0 != roll.plan_epoch {
                    *known = (roll.plan_epoch, now);
                }
                match &roll.plan {
                    Some(plan) => self.plans.insert(roll.edge.clone(), plan.clone()),
                    None => self.plans.remove(&roll.edge),
                };
                if let Some(refused) = &roll.plan_refused {
                    self.refused.insert(roll.edge.clone(), refused.clone());
                }
                self.hear_traffic(now, roll);
                seen
            }
            Signal::Probe(result) => self.hear_probe(now, result)?.into_iter().collect(),
            Signal::Report(report) => {
                let places = self.door.report(now, report, topology, &mut self.ledger)?;
                let active = self.door.sessions.active(now).and_then(|active| active.of(report.component.as_ref()));
                for place in places {
                    self.watch.report(now, &place, report, active);
                }
                vec![]
            }
            Signal::Answer(answer) => {
                self.answers.hear(now, answer, &self.book);
                vec![]
            }
            Signal::Metric(look) => {
                self.hear_metric(now, look)?;
                vec![]
            }
            Signal::Upstream(word) if self.upstreams.hear(now, word, &self.policy) => vec![],
            Signal::Upstream(word) => return Err(SignalRefused::Stranger(format!("upstream {}", word.upstream))),
        };
        self.watch.add(now, span(signal), seen.iter().filter(|o| o.standing == Standing::Open).map(parts));
        Ok(())
    }

    /// One of several vantage points that sees something fail is not believed before most of them do.
    fn hear_probe(&mut self, now: Moment, result: &ProbeResult) -> Result<Option<Observation>, SignalRefused> {
        Door::check_probe(result, &self.policy.topology)?;
        match self.panel.hear(now, result) {
            Hearing::Counts => {
                let (topology, plan) = (&self.policy.topology, &self.book.plan);
                Ok(self.door.probe(now, result, topology, plan, &mut self.ledger))
            }
            Hearing::Alone | Hearing::Blind => Ok(None),
        }
    }

    /// Tells what clients met before this engine was there, minutes in their order.
    pub fn recall(&mut self, budget: &BudgetId, at: Moment, met: Met) {
        self.budgets.add(budget, at, met);
    }

    fn hear_traffic(&mut self, now: Moment, roll: &RollUp) {
        if self.traffic.is_over(now) {
            let (policy, book) = (&self.policy, &self.book);
            let lesson =
                |component: &Name| lesson(policy, book, &Slice::of(Dimension::Component, component.clone()), now);
            let learnt = self.traffic.close(now, lesson);
            self.note_learnt(learnt);
        }
        self.traffic.add(roll);
    }

    fn hear_metric(&mut self, now: Moment, look: &MetricLook) -> Result<(), SignalRefused> {
        let (policy, book) = (&self.policy, &self.book);
        let learnt = self.metrics.hear(now, look, |slice| lesson(policy, book, slice, now));
        let learnt = learnt.ok_or_else(|| SignalRefused::Stranger(format!("metric {}", look.metric)))?;
        self.note_learnt(learnt);
        Ok(())
    }

    /// Nobody has to take what was learnt, so it is bounded: the newest is kept.
    fn note_learnt(&mut self, learnt: Vec<Learnt>) {
        if self.learnt.len() > LEARNT_MAX {
            self.learnt.clear();
        }
        self.learnt.extend(learnt);
    }

    /// Takes what was learnt since the last call, so that it is known after a restart.
    pub fn take_learnt(&mut self) -> Vec<Learnt> {
        std::mem::take(&mut self.learnt)
    }

    /// Takes in what was learnt before this engine was there, in the order of its time.
    pub fn recall_learnt(&mut self, learnt: &Learnt) {
        self.traffic.recall(learnt);
        self.metrics.recall(learnt);
    }

    /// What follows now. Write it, apply it, ask again, until nothing follows.
    pub fn step(&mut self, now: Moment) -> Vec<Event> {
        self.look(now);
        let steps: [fn(&Engine, Moment) -> Vec<Event>; 12] = [
            Self::note_arming,
            Self::renew_plan,
            Self::note_vetoes,
            Self::keep_appointments,
            Self::suspect,
            Self::believe,
            Self::inform,
            Self::mind,
            Self::unite,
            Self::relent,
            Self::cure,
            Self::restore,
        ];
        let engine = &*self;
        steps.into_iter().map(|step| step(engine, now)).find(|events| !events.is_empty()).unwrap_or_default()
    }

    /// Looks at the watch, unless nothing has changed there within this second, and at where the open incidents keep to.
    pub(super) fn look(&mut self, now: Moment) {
        let of = Some((self.watch.age(), now.as_millis() / 1_000));
        if self.found.of != of {
            let mut findings = self.watch.findings(now, self.policy.confirm.freshness);
            for found in self.budgets.findings(now, self.threshold).chain(self.figures_found(now)) {
                let place = findings.partition_point(|stronger| stronger.bits >= found.bits);
                findings.insert(place, found);
            }
            self.found = Found { findings, of };
        }
        self.kept_to = self.places_kept_to(self.findings());
        self.minder.turn_up(now);
        if self.minder.is_due(now) {
            let sights = self.sights(now);
            self.minder.look(now, sights);
        }
    }

    /// Figures judged by their past, as far as they may weigh.
    fn figures_found(&self, now: Moment) -> impl Iterator<Item = Finding> {
        let cap = Bits(self.policy.confirm.metrics_cap);
        let found = self.traffic.findings(now).into_iter().chain(self.metrics.findings(now));
        found.map(move |f| Finding { bits: if f.bits > cap { cap } else { f.bits }, ..f })
    }

    /// What is abnormal, strongest first.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.found.findings
    }

    /// The live picture of the service.
    pub fn board(&self, now: Moment) -> Board {
        let board = draw(now, &self.policy, &self.book, (&self.ledger, &self.door, &self.panel));
        let asked = self.book.open().map(|it| (it.id, self.answers.voices(it.id, it.last_step())));
        let voices = asked.filter(|(_, voices)| *voices != Voices::default()).collect();
        let ailing = self.upstreams.ailing(now, &self.policy);
        let (drafts, word_clocks) = (self.drafts(), self.word_clocks());
        let (budgets, traffic, metrics) =
            (self.budgets.readings(now), self.traffic.readings(now), self.metrics.readings(now));
        Board { budgets, voices, drafts, word_clocks, ailing, traffic, metrics, ..board }
    }

    /// What an edge tells of and nobody has configured here.
    pub fn strangers(&self, edge: &Name) -> Option<&Strangers> {
        self.door.strangers.get(edge)
    }

    /// Everything that is known and decided.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The figures that decide.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The number of bits that a healthy service exceeds as seldom as the budget allows.
    pub fn threshold(&self) -> Bits {
        self.threshold
    }

    /// A6: an edge that has a later plan than this log ever gave out would take none of it. The latest one goes first.
    fn renew_plan(&self, now: Moment) -> Vec<Event> {
        let is_strange = |epoch: u64| self.book.plan.epoch < epoch && epoch < EPOCH_MAX;
        let strange = self.epochs.iter().filter(|(_, (epoch, _))| is_strange(*epoch));
        let Some((edge, (named, since))) = strange.max_by_key(|(_, (epoch, _))| *epoch) else { return vec![] };
        if let Some(kept) = self.keep_found(now, edge, *since) {
            return kept;
        }
        let mut plan = self.plan_with(now, |_| Next::Stays);
        // The edge's plan may be of a hub whose clock was ahead.
        plan.epoch = plan.epoch.max(named + 1);
        vec![Event::PlanRenewed { edge: edge.clone(), named: *named, plan }]
    }

    /// A8: an edge that will not take a plan has its reasons; they are written down once and paged.
    fn note_vetoes(&self, _now: Moment) -> Vec<Event> {
        let new = self.refused.iter().find(|(edge, (epoch, _))| {
            !self.book.vetoes.iter().any(|(_, known, old, _)| known == *edge && old == epoch)
        });
        new.map(|(edge, (epoch, why))| Event::PlanRefused { edge: edge.clone(), epoch: *epoch, why: why.clone() })
            .into_iter()
            .collect()
    }

    /// Each replica's leaf as last heard.
    pub(super) fn places(&self) -> BTreeMap<Name, Slice> {
        let topology = &self.policy.topology;
        topology.replicas.keys().map(|name| (name.clone(), self.door.place(topology, name))).collect()
    }
}

/// The epochs that a book still knows of; those between, an edge leaves within a second of the hub's return.
fn given(book: &Book) -> BTreeSet<u64> {
    let started = book.incidents.values().flat_map(|incident| &incident.remedies).map(|case| case.epoch);
    started.chain([book.plan.epoch]).collect()
}

/// What figures of a place may teach now.
fn lesson(policy: &Policy, book: &Book, place: &Slice, now: Moment) -> Lesson {
    let is_of_it = |it: &Slice| it.meets(place);
    let ails = book.open().any(|it| is_of_it(&it.slice) || it.findings.iter().any(|found| is_of_it(&found.slice)));
    let is_worked_on = || place.get(Dimension::Component).is_some_and(|component| book.is_under_maintenance(component));
    if ails || is_worked_on() {
        Lesson::Apart
    } else if policy.detect.quiet_days.contains(&Day::of(now)) {
        Lesson::QuietDay
    } else {
        Lesson::Learnt
    }
}

/// What a signal tells of: a probe's run and a report are one observation.
fn span(signal: &Signal) -> Span {
    match signal {
        Signal::RollUp(roll) => Span::millis(roll.span_ms),
        Signal::Probe(_) | Signal::Report(_) | Signal::Answer(_) | Signal::Upstream(_) | Signal::Metric(_) => {
            Span::SECOND
        }
    }
}

fn parts(o: &Observation) -> (crate::model::SourceClass, crate::model::Measure, &Slice, &Tally) {
    (o.class, o.measure, &o.leaf, &o.tally)
}
