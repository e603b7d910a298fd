//! What there is around the desk, and every step that it may take.

use super::scene::{INCIDENT, NOW, PAGERS, REMEDY, beginning, engine, name};
use super::{Design, Outbox};
use downbeat_core::incident::{Batch, Command, Desk, EffectId, Event, Filed, Outcome, Record, Unwritten, Verb};
use downbeat_core::model::{Audience, NoticeId};
use stateright::{Model, Property};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Something to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// The page of this number, on the channel of this place.
    Page(u32, usize),
    /// The restart.
    Restart,
}

impl Item {
    fn of(id: &EffectId) -> Option<Self> {
        match id {
            EffectId::Deliver(notice, channel) => {
                let place = PAGERS.iter().position(|pager| *pager == channel.as_str())?;
                Some(Self::Page(notice.count, place))
            }
            EffectId::Actuate(_) => Some(Self::Restart),
            EffectId::Review(_) | EffectId::Tell(..) => None,
        }
    }

    /// The event that tells how it ended.
    fn ended(self, well: bool) -> (EffectId, Event) {
        let outcome = if well { Outcome::Done } else { Outcome::Failed { why: "it answered 410".into() } };
        match self {
            Self::Page(count, place) => {
                let (notice, channel) = (NoticeId { incident: INCIDENT, count }, name(PAGERS[place]));
                (EffectId::Deliver(notice, channel.clone()), Event::NoticeSent { notice, channel, outcome })
            }
            Self::Restart => (EffectId::Actuate(REMEDY), Event::ActuationEnded { remedy: REMEDY, outcome }),
        }
    }
}

/// A line of the log, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// The page of this number was written.
    Written(u32),
    /// This ended, well or not.
    Ended(Item, bool),
    /// Somebody has seen it.
    Ack,
}

impl Mark {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::NoticeWritten { notice } if notice.audience == Audience::OnCall => {
                Some(Self::Written(notice.id.count))
            }
            Event::NoticeSent { notice, channel, outcome } => {
                let item = Item::of(&EffectId::Deliver(*notice, channel.clone()))?;
                Some(Self::Ended(item, *outcome == Outcome::Done))
            }
            Event::ActuationEnded { outcome, .. } => Some(Self::Ended(Item::Restart, *outcome == Outcome::Done)),
            Event::OperatorActed { verb: Verb::Ack, .. } => Some(Self::Ack),
            _ => None,
        }
    }
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Not sent yet, or about to be sent again.
    Begun,
    /// The receiver has it; its answer is on the way.
    Sent,
    /// It is over; the desk does not know yet.
    Over(bool),
}

/// What may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Left {
    pub(super) deaths: u8,
    pub(super) refusals: u8,
    pub(super) losses: u8,
    pub(super) rejections: u8,
    pub(super) ack: bool,
}

/// All that tells two worlds apart; the desk follows from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View {
    /// What is in the log, in any order but that of the acknowledgement: only who waits for what matters.
    pub marks: BTreeSet<Mark>,
    /// So many lines of other kinds.
    pub others: usize,
    /// Whether the hub lives.
    pub lives: bool,
    /// Whether its start still has to be written.
    pub start_due: bool,
    /// Outcomes that the desk knows and that are not written yet.
    pub kept: VecDeque<(Item, bool)>,
    /// Whether the disk refused the last write.
    pub resting: bool,
    /// What the shell is doing.
    pub tasks: BTreeMap<Item, Stage>,
    /// What each receiver got: under which key how often.
    pub received: BTreeMap<(Item, u8), u8>,
    /// How often nobody could know whether it had got through.
    pub doubts: BTreeMap<Item, u8>,
    /// What was due when somebody acknowledged, and need not go out any more.
    pub recalled: BTreeSet<Item>,
    /// What was begun after an acknowledgement was in the log.
    pub after_ack: BTreeSet<Item>,
    /// What a successor does not know of.
    pub forgotten: BTreeSet<Item>,
    /// How often the hub was started.
    pub starts: u8,
    /// What may still go wrong.
    pub left: Left,
}

/// Everything there is.
#[derive(Clone)]
pub struct World {
    /// What tells it from others.
    pub view: View,
    log: Arc<Vec<Record>>,
    desk: Option<Arc<Desk>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view.fmt(f)
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.view == other.view
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.view.hash(state);
    }
}

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The hub starts from its log.
    Start,
    /// It dies.
    Die,
    /// What comes next is written and applied.
    Write,
    /// The disk does not take what comes next.
    Refuse,
    /// The disk takes writes again.
    Recover,
    /// A page goes out that is only decided.
    SendEarly,
    /// Everything due becomes a task.
    CarryOut,
    /// A task's message reaches its receiver.
    Send(Item),
    /// The answer is lost; the task tries again.
    Lose(Item),
    /// The answer comes.
    Answer(Item),
    /// The receiver does not want it.
    Reject(Item),
    /// The outcome reaches the desk.
    Arrive(Item),
    /// An operator says that they have seen it, and gets an answer.
    Ack,
}

impl World {
    fn new(outbox: &Outbox) -> Self {
        let b = outbox.bounds;
        let (deaths, refusals, losses, rejections, ack) = (b.deaths, b.refusals, b.losses, b.rejections, b.ack);
        let left = Left { deaths, refusals, losses, rejections, ack };
        let log = beginning();
        let view = View {
            marks: BTreeSet::new(),
            others: log.len(),
            lives: false,
            start_due: false,
            kept: VecDeque::new(),
            resting: false,
            tasks: BTreeMap::new(),
            received: BTreeMap::new(),
            doubts: BTreeMap::new(),
            recalled: BTreeSet::new(),
            after_ack: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            starts: 0,
            left,
        };
        Self { view, log: Arc::new(log), desk: None }
    }

    /// What the desk wants written, if it may write.
    pub(super) fn batch(&self) -> Option<Batch> {
        let mut desk = Desk::clone(self.desk.as_deref().filter(|desk| desk.may_write(NOW))?);
        desk.next(NOW)
    }

    /// What the desk wants carried out.
    pub(super) fn due(&self) -> BTreeSet<Item> {
        let Some(mut desk) = self.desk.as_deref().cloned() else { return BTreeSet::new() };
        desk.due().iter().filter_map(|(id, _)| Item::of(id)).collect()
    }

    /// What stands in the outbox.
    pub(super) fn pending(&self) -> BTreeSet<Item> {
        let desk = self.desk.as_deref();
        desk.into_iter().flat_map(|desk| desk.engine().book().pending.keys()).filter_map(Item::of).collect()
    }

    /// Whether the desk has something that happened and is not written.
    pub(super) fn has_backlog(&self) -> bool {
        self.desk.as_deref().is_some_and(|desk| desk.backlog().is_some())
    }

    fn begins(&self, design: Design) -> BTreeSet<Item> {
        let mut items = self.due();
        if design == Design::ForgetsWhatIsInFlight {
            items.extend(self.view.kept.iter().map(|(item, _)| *item));
        }
        if design == Design::CallsAfterAck && self.view.lives {
            let under_way = |item: &&Item| self.view.tasks.contains_key(item);
            items.extend(self.view.recalled.iter().filter(|item| !under_way(item)));
        }
        items.retain(|item| !self.view.forgotten.contains(item));
        items
    }

    /// Steps that need nothing to go wrong.
    pub(super) fn progress(&self, outbox: &Outbox) -> Vec<Step> {
        if !self.view.lives {
            return vec![Step::Start];
        }
        let mut steps = Vec::new();
        let batch = self.batch();
        steps.extend(self.view.resting.then_some(Step::Recover));
        if batch.is_none() && !self.begins(outbox.design).is_empty() {
            steps.push(Step::CarryOut);
        }
        let page =
            |batch: &Batch| batch.events.iter().filter_map(Mark::of).any(|mark| matches!(mark, Mark::Written(_)));
        if outbox.design == Design::SendsBeforeWriting
            && batch.as_ref().is_some_and(page)
            && self.view.received.is_empty()
        {
            steps.push(Step::SendEarly);
        }
        steps.extend(batch.map(|_| Step::Write));
        for (item, stage) in &self.view.tasks {
            steps.push(match stage {
                Stage::Begun => Step::Send(*item),
                Stage::Sent => Step::Answer(*item),
                Stage::Over(_) => Step::Arrive(*item),
            });
        }
        steps
    }

    fn trouble(&self) -> Vec<Step> {
        let (view, left) = (&self.view, &self.view.left);
        let mut steps = Vec::new();
        if !view.lives {
            return steps;
        }
        let writes = self.batch().is_some();
        steps.extend((left.deaths > 0).then_some(Step::Die));
        steps.extend((left.refusals > 0 && writes).then_some(Step::Refuse));
        steps.extend((left.ack && !view.resting && !self.has_backlog()).then_some(Step::Ack));
        for (item, stage) in &view.tasks {
            steps.extend((left.losses > 0 && *stage == Stage::Sent).then_some(Step::Lose(*item)));
            steps.extend((left.rejections > 0 && *stage == Stage::Begun).then_some(Step::Reject(*item)));
        }
        steps
    }

    fn start(&mut self, design: Design) {
        let engine = engine(&self.log);
        self.view.lives = true;
        self.view.start_due = true;
        self.view.starts += 1;
        self.desk = Some(Arc::new(Desk::new(engine, "model".into())));
        if design == Design::ForgetsTheOutbox && self.view.starts > 1 {
            self.view.forgotten = self.pending();
        }
    }

    fn die(&mut self) {
        let view = &mut self.view;
        view.left.deaths -= 1;
        let sent = view.tasks.iter().filter(|(_, stage)| matches!(stage, Stage::Sent | Stage::Over(true)));
        let in_doubt: Vec<Item> = sent
            .map(|(item, _)| *item)
            .chain(view.kept.iter().filter(|(_, well)| *well).map(|(item, _)| *item))
            .collect();
        in_doubt.into_iter().for_each(|item| *view.doubts.entry(item).or_default() += 1);
        view.tasks.clear();
        view.kept.clear();
        (view.lives, view.start_due, view.resting) = (false, false, false);
        self.desk = None;
    }

    fn with_desk<T>(&mut self, what: impl FnOnce(&mut Desk) -> T) -> Option<T> {
        let mut desk = Desk::clone(self.desk.as_deref()?);
        let said = what(&mut desk);
        self.desk = Some(Arc::new(desk));
        Some(said)
    }

    fn append(&mut self, batch: &Batch) {
        let first = self.log.len() as u64 + 1;
        let records: Vec<Record> =
            (first..).zip(&batch.events).map(|(seq, event)| Record { seq, at: NOW, event: event.clone() }).collect();
        self.with_desk(|desk| desk.wrote(batch, &records));
        for record in &records {
            match (Mark::of(&record.event), &record.event) {
                (Some(mark), _) => {
                    self.view.marks.insert(mark);
                }
                (None, Event::HubStarted { .. }) => self.view.start_due = false,
                (None, _) => self.view.others += 1,
            }
            if let Some(Mark::Ended(..)) = Mark::of(&record.event) {
                self.view.kept.pop_front();
            }
        }
        Arc::make_mut(&mut self.log).extend(records);
    }

    fn write(&mut self) {
        if let Some(batch) = self.with_desk(|desk| desk.next(NOW)).flatten() {
            self.append(&batch);
        }
    }

    fn refuse(&mut self) {
        self.view.left.refusals -= 1;
        self.view.resting = true;
        self.with_desk(|desk| {
            if let Some(batch) = desk.next(NOW) {
                desk.not_written(NOW, &batch, Unwritten::ForNow);
            }
        });
    }

    fn ack(&mut self) {
        self.view.left.ack = false;
        let pages = self.pending().into_iter().filter(|item| matches!(item, Item::Page(..)));
        self.view.recalled = pages.collect();
        let ack = Command::Ack(INCIDENT);
        let batch = self.with_desk(|desk| desk.decide(NOW, &name("anna"), ack).expect("the incident is open"));
        if let Some(batch) = batch {
            self.append(&batch);
        }
    }

    fn receive(&mut self, item: Item, design: Design) {
        let key = if design == Design::ForgetsKeys { self.view.starts } else { 0 };
        *self.view.received.entry((item, key)).or_default() += 1;
    }

    fn arrive(&mut self, item: Item) {
        let Some(Stage::Over(well)) = self.view.tasks.remove(&item) else { return };
        let (id, event) = item.ended(well);
        if self.with_desk(|desk| desk.outcome(&id, event)) == Some(Filed::Kept) {
            self.view.kept.push_back((item, well));
        }
    }

    fn take(&mut self, step: Step, design: Design) {
        match step {
            Step::Start => self.start(design),
            Step::Die => self.die(),
            Step::Write => self.write(),
            Step::Refuse => self.refuse(),
            Step::Recover => {
                self.view.resting = false;
                self.with_desk(Desk::resume);
            }
            Step::SendEarly => self.receive(Item::Page(2, 0), design),
            Step::CarryOut => {
                let items = self.begins(design);
                if self.view.marks.contains(&Mark::Ack) {
                    self.view.after_ack.extend(items.iter().filter(|item| matches!(item, Item::Page(..))));
                }
                self.with_desk(Desk::due);
                self.view.tasks.extend(items.into_iter().map(|item| (item, Stage::Begun)));
            }
            Step::Send(item) => {
                self.receive(item, design);
                self.view.tasks.insert(item, Stage::Sent);
            }
            Step::Lose(item) => {
                self.view.left.losses -= 1;
                *self.view.doubts.entry(item).or_default() += 1;
                self.view.tasks.insert(item, Stage::Begun);
            }
            Step::Answer(item) => {
                self.view.tasks.insert(item, Stage::Over(true));
            }
            Step::Reject(item) => {
                self.view.left.rejections -= 1;
                self.view.tasks.insert(item, Stage::Over(false));
            }
            Step::Arrive(item) => self.arrive(item),
            Step::Ack => self.ack(),
        }
    }
}

impl Model for Outbox {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend(world.progress(self));
        steps.extend(world.trouble());
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.take(step, self.design);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::properties::all()
    }
}
