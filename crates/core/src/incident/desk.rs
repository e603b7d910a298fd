//! The desk: in which order things are decided, written, applied and carried out.
//!
//! A shell with a clock, a log and a way out runs a hub with it:
//!
//! 1. hand in what arrived: [`Desk::observe`], [`Desk::outcome`], [`Desk::decide`];
//! 2. while [`Desk::next`] has a batch: write it, then say so ([`Desk::wrote`], or [`Desk::not_written`]);
//! 3. carry out what is [`Desk::due`], and hand its outcome in when it ends.
//!
//! Nothing is applied that is not written, and nothing is carried out that is not applied, so a crash between any two
//! steps loses nothing that was acknowledged and repeats nothing but what was in doubt, under the same id.

use super::book::{Effect, EffectId};
use super::command::{Command, CommandRefused};
use super::engine::Engine;
use super::event::{Channel, Event, Record};
use super::state::next;
use crate::detect::Learnt;
use crate::model::mutation::{Mutation, is_on};
use crate::model::{Moment, Name, Signal};
use crate::signal::SignalRefused;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Effects of one lane under way at the same time. Each channel is a lane of its own, so that a dead receiver
/// holds up nobody else's messages.
const LANE_MAX: usize = 8;
/// First pause after a failed write.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Outcomes written at once: one sync for all that ended meanwhile, and no batch that takes the log's thread for long.
const TOGETHER_MAX: usize = 64;
/// Longest pause: a disk that was freed is noticed at once, and what was mended meanwhile gets its traffic back.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// An engine, and what waits around it.
#[derive(Debug, Clone)]
pub struct Desk {
    engine: Engine,
    /// Happened, but not written yet. Bounded: the start, and one outcome for each effect in flight.
    backlog: VecDeque<Happened>,
    /// Being carried out by the shell, or done and not written yet: what is done is not begun again for want of a log.
    in_flight: BTreeSet<EffectId>,
    /// How much of the backlog makes a batch.
    together: usize,
    pause: Option<Pause>,
}

/// What happened outside.
#[derive(Debug, Clone)]
struct Happened {
    event: Event,
    /// Of which effect it is the outcome.
    ends: Option<EffectId>,
}

/// After a failed write nothing is decided for a while.
#[derive(Debug, Clone, Copy)]
struct Pause {
    length: Duration,
    until: Moment,
}

/// Events to be written at once: all of them or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// In their order.
    pub events: Vec<Event>,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// What happened outside: it is kept until it is written.
    Backlog,
    /// What was decided: it is decided again as long as it is so.
    Decision,
}

/// Why a batch is not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritten {
    /// The same may be written later.
    ForNow,
    /// The same events will never be taken.
    ForEver,
}

/// What became of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filed {
    /// It will be written.
    Kept,
    /// The book no longer waits for it.
    Stray,
}

impl Desk {
    /// A desk whose engine has taken the log in, at the start of a hub of this version.
    pub fn new(engine: Engine, version: String) -> Self {
        let started = Happened { event: Event::HubStarted { version }, ends: None };
        Self { engine, backlog: [started].into(), in_flight: BTreeSet::new(), together: TOGETHER_MAX, pause: None }
    }

    /// These channels are configured from now on; the log hears of it when that is news.
    pub fn configure(&mut self, channels: Vec<Channel>) {
        if self.engine.book().channels() != channels {
            self.backlog.push_back(Happened { event: Event::ChannelsSet { channels }, ends: None });
        }
    }

    /// The engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Takes a signal in.
    ///
    /// # Errors
    /// [`SignalRefused`]; nothing is changed then.
    pub fn observe(&mut self, now: Moment, signal: &Signal) -> Result<(), SignalRefused> {
        self.engine.observe(now, signal)
    }

    /// Takes what was learnt since the last call ([`Engine::take_learnt`]).
    pub fn take_learnt(&mut self) -> Vec<Learnt> {
        self.engine.take_learnt()
    }

    /// Takes in how an effect ended, unless the book no longer waits for it.
    pub fn outcome(&mut self, effect: &EffectId, event: Event) -> Filed {
        let book = self.engine.book();
        let incident = book.concerned(&event).and_then(|id| book.incidents.get(&id));
        let fits = match &event {
            Event::MemoSent { memo, .. } => book.matters.contains_key(&memo.matter),
            _ => incident.is_some_and(|incident| next(incident.state, &event).is_some()),
        };
        // What was recalled while it was on its way has gone out all the same.
        let awaited = book.pending.contains_key(effect) || self.in_flight.contains(effect);
        if fits && awaited {
            self.backlog.push_back(Happened { event, ends: Some(effect.clone()) });
            Filed::Kept
        } else {
            self.in_flight.remove(effect);
            Filed::Stray
        }
    }

    /// False for a while after a failed write.
    pub fn may_write(&self, now: Moment) -> bool {
        self.pause.is_none_or(|pause| now >= pause.until)
    }

    /// What happened and is not written yet, with one sync for all of it; it goes before any decision.
    pub fn backlog(&self) -> Option<Batch> {
        let events: Vec<Event> = self.backlog.iter().take(self.together).map(|it| it.event.clone()).collect();
        (!events.is_empty()).then_some(Batch { events, source: Source::Backlog })
    }

    /// What a command leads to. The backlog has to be written first, for it is part of what is decided upon.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing happens then.
    pub fn decide(&mut self, now: Moment, who: &Name, command: Command) -> Result<Batch, CommandRefused> {
        let events = self.engine.command(now, who, command)?;
        Ok(Batch { events, source: Source::Decision })
    }

    /// What has to be written next, if anything follows.
    pub fn next(&mut self, now: Moment) -> Option<Batch> {
        if let Some(happened) = self.backlog() {
            return Some(happened);
        }
        let events = self.engine.step(now);
        (!events.is_empty()).then_some(Batch { events, source: Source::Decision })
    }

    /// A batch is in the log, as these records.
    ///
    /// # Panics
    /// When the records do not follow from the book: the engine decided what cannot be, or the shell wrote something else.
    pub fn wrote(&mut self, batch: &Batch, records: &[Record]) {
        for record in records {
            self.engine.apply(record).expect("what the engine decided follows from its own book");
        }
        self.forget(batch);
        self.together = TOGETHER_MAX;
        self.pause = None;
    }

    /// A batch is not in the log. Nothing is decided for a while, each time for longer.
    pub fn not_written(&mut self, now: Moment, batch: &Batch, why: Unwritten) {
        match why {
            // Which of them it is shows when each goes alone.
            Unwritten::ForEver if batch.source == Source::Backlog && batch.events.len() > 1 => self.together = 1,
            // It would block all else.
            Unwritten::ForEver => self.forget(batch),
            Unwritten::ForNow if is_on(Mutation::DropsOutcome) => self.forget(batch),
            Unwritten::ForNow => {}
        }
        if is_on(Mutation::AppliesUnwritten) {
            for event in &batch.events {
                let record = Record { seq: self.engine.book().last_seq + 1, at: now, event: event.clone() };
                self.engine.apply(&record).expect("what the engine decided follows from its own book");
            }
        }
        self.rest(now);
    }

    /// The log cannot be written at present.
    pub fn rest(&mut self, now: Moment) {
        let length = self.pause.map_or(PAUSE_MIN, |pause| (pause.length * 2).min(PAUSE_MAX));
        self.pause = Some(Pause { length, until: now + length });
    }

    /// The log can be written again.
    pub fn resume(&mut self) {
        self.pause = None;
    }

    /// What has to be carried out now, as far as the lanes are wide; counts as under way from here on.
    pub fn due(&mut self) -> Vec<(EffectId, Effect)> {
        let mut due = Vec::new();
        for (id, effect) in &self.engine.book().pending {
            let lane_is_full = || self.in_flight.iter().filter(|other| lane(other) == lane(id)).count() >= LANE_MAX;
            let under_way = self.in_flight.contains(id) && !is_on(Mutation::EffectAgain);
            if !under_way && !lane_is_full() {
                self.in_flight.insert(id.clone());
                due.push((id.clone(), effect.clone()));
            }
        }
        due
    }

    fn forget(&mut self, batch: &Batch) {
        if batch.source == Source::Backlog {
            for effect in self.backlog.drain(..batch.events.len()).filter_map(|happened| happened.ends) {
                self.in_flight.remove(&effect);
            }
        }
    }
}

/// What an effect may be held up by: others of its kind, and of its channel.
fn lane(id: &EffectId) -> (u8, Option<&Name>) {
    match id {
        EffectId::Actuate(_) => (0, None),
        EffectId::Deliver(_, channel) => (1, Some(channel)),
        EffectId::Review(_) => (2, None),
        // Beside the lane of calls: what can wait holds up nothing that cannot.
        EffectId::Tell(_, channel) => (3, Some(channel)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Outcome, Verb};
    use crate::model::{Audience, IncidentId, Notice, NoticeId, Policy, Slice, Stage};
    use std::collections::BTreeMap;

    fn desk() -> Desk {
        Desk::new(Engine::new(Policy::default(), vec![]), "test".into())
    }

    fn record(seq: u64, batch: &Batch) -> Record {
        Record { seq, at: Moment::from_millis(seq), event: batch.events[0].clone() }
    }

    fn anna() -> Name {
        Name::new("anna").expect("a good name")
    }

    #[test]
    fn what_happened_is_written_before_what_is_decided() {
        let (mut desk, now) = (desk(), Moment::from_millis(1));
        let start = desk.next(now).expect("the start is to be written");
        assert!(matches!(start.events[..], [Event::HubStarted { .. }]));
        desk.wrote(&start, &[record(1, &start)]);
        assert_eq!(desk.next(now), None);
    }

    #[test]
    fn what_is_not_written_is_not_applied() {
        let (mut desk, now) = (desk(), Moment::from_millis(1));
        let start = desk.next(now).expect("the start");
        desk.wrote(&start, &[record(1, &start)]);
        let hold = desk.decide(now, &anna(), Command::Hold).expect("may hold");
        desk.not_written(now, &hold, Unwritten::ForNow);
        assert_eq!((desk.engine().book().held_by.as_ref(), desk.may_write(now)), (None, false));
        let later = now + PAUSE_MIN;
        assert!(desk.may_write(later));
        desk.wrote(&hold, &[record(2, &hold)]);
        assert_eq!(desk.engine().book().held_by, Some(anna()));
    }

    #[test]
    fn what_can_never_be_written_blocks_nothing() {
        let (mut desk, now) = (desk(), Moment::from_millis(1));
        let start = desk.next(now).expect("the start");
        desk.not_written(now, &start, Unwritten::ForEver);
        assert_eq!(desk.next(now), None);
    }

    /// A message to three channels, of which each has taken it, and nothing of that is written.
    fn all_have_answered() -> Desk {
        let channel = |text| Channel { name: Name::new(text).expect("a good name"), audience: Audience::OnCall };
        let channels: Vec<Channel> = ["chat", "mail", "pager"].map(channel).into();
        let mut desk = Desk::new(Engine::new(Policy::default(), channels), "test".into());
        let (incident, slice) = (IncidentId(1), Slice::everywhere());
        let (title, body) = ("Playback failing".to_owned(), String::new());
        let id = NoticeId { incident, count: 1 };
        let notice = Notice {
            id,
            audience: Audience::OnCall,
            stage: Stage::Investigating,
            title,
            body,
            translations: BTreeMap::new(),
            slice,
        };
        let (title, slice, bits) = (notice.title.clone(), notice.slice.clone(), BTreeMap::new());
        let suspected = Event::Suspected { incident, title, slice, since: Moment::default(), findings: vec![], bits };
        let start = desk.next(Moment::default()).expect("the start");
        write(&mut desk, &start);
        write(&mut desk, &decided(vec![suspected, Event::NoticeWritten { notice }]));
        for (effect, _) in desk.due() {
            let EffectId::Deliver(notice, channel) = &effect else { unreachable!("only messages are due") };
            let (notice, channel) = (*notice, channel.clone());
            desk.outcome(&effect, Event::NoticeSent { notice, channel, outcome: Outcome::Done });
        }
        desk
    }

    fn decided(events: Vec<Event>) -> Batch {
        Batch { events, source: Source::Decision }
    }

    fn write(desk: &mut Desk, batch: &Batch) {
        let first = desk.engine().book().last_seq + 1;
        let record = |(seq, event): (u64, &Event)| Record { seq, at: Moment::default(), event: event.clone() };
        let records: Vec<Record> = (first..).zip(&batch.events).map(record).collect();
        desk.wrote(batch, &records);
    }

    #[test]
    fn all_that_ended_is_one_batch() {
        let mut desk = all_have_answered();
        let batch = desk.backlog().expect("outcomes");
        assert_eq!(batch.events.len(), 3);
        desk.not_written(Moment::default(), &batch, Unwritten::ForNow);
        assert_eq!((desk.backlog().as_ref(), desk.in_flight.len()), (Some(&batch), 3), "still to be written");
        write(&mut desk, &batch);
        assert_eq!((desk.backlog(), desk.in_flight.len(), desk.due().len()), (None, 0, 0));
    }

    #[test]
    fn one_outcome_that_can_never_be_written_takes_no_other_with_it() {
        let mut desk = all_have_answered();
        let all = desk.backlog().expect("outcomes");
        desk.not_written(Moment::default(), &all, Unwritten::ForEver);
        let first = desk.backlog().expect("outcomes");
        assert_eq!(first.events, all.events[..1]);
        write(&mut desk, &first);
        let rest = desk.backlog().expect("outcomes");
        assert_eq!(rest.events, all.events[1..], "together again");
        desk.not_written(Moment::default(), &rest, Unwritten::ForEver);
        let bad = desk.backlog().expect("outcomes");
        desk.not_written(Moment::default(), &bad, Unwritten::ForEver);
        let last = desk.backlog().expect("outcomes");
        assert_eq!((&bad.events[..], &last.events[..]), (&all.events[1..2], &all.events[2..]));
    }

    #[test]
    fn pauses_double_up_to_two_seconds() {
        let (mut desk, start) = (desk(), Moment::from_millis(1_000));
        desk.rest(start);
        assert!(!desk.may_write(start) && desk.may_write(start + PAUSE_MIN));
        for _ in 0..20 {
            desk.rest(start);
        }
        assert!(!desk.may_write(start + PAUSE_MIN) && desk.may_write(start + PAUSE_MAX));
        desk.resume();
        assert!(desk.may_write(start));
    }

    #[test]
    fn an_outcome_that_nobody_waits_for_is_not_written() {
        let mut desk = desk();
        let id = crate::model::IncidentId(7);
        let reviewed = Event::Reviewed { incident: id, path: "x".into() };
        assert_eq!(desk.outcome(&EffectId::Review(id), reviewed), Filed::Stray);
        let verb = Event::OperatorActed { incident: None, who: anna(), verb: Verb::Hold };
        assert_eq!(desk.outcome(&EffectId::Review(id), verb), Filed::Stray);
    }
}
