//! Who does what the hub asks for: the actuator that restarts and takes back, and the channels that carry messages.

use crate::world::{Happening, World};
use downbeat_core::incident::{EffectId, Event, Outcome};
use downbeat_core::model::{Actuation, Dimension, FailureKind, MemoId, Name, NoticeId, RemedyId};
use std::collections::BTreeMap;
use std::time::Duration;

/// A restart takes so long.
const RESTART: Duration = Duration::from_millis(2_500);
/// A rollback takes so long.
const ROLLBACK: Duration = Duration::from_millis(4_000);
/// An actuator that does not answer is given up after so long.
const GIVEN_UP: Duration = Duration::from_secs(15);
/// A message takes so long.
const MESSAGE: Duration = Duration::from_millis(80);
/// A channel that takes no message is given up after so long.
const CHANNEL_GIVEN_UP: Duration = Duration::from_secs(20);

/// The world around the hub.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) actuator: Actuator,
    /// What it has been asked for, under which key.
    asked: BTreeMap<RemedyId, Actuation>,
    /// What it has done.
    done: BTreeMap<RemedyId, Outcome>,
    /// By channel: true while it takes nothing.
    pub(crate) channel_gone: [bool; 2],
    /// By region: how its name fails, while it does.
    pub(crate) names_fail: Vec<Option<FailureKind>>,
}

/// How the actuator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Actuator {
    #[default]
    Well,
    Gone,
    Refuses,
    Lies,
}

impl World {
    /// The hub asks the actuator; a repeat under the same key is answered and not done again.
    pub(crate) fn actuate(&mut self, remedy: RemedyId, actuation: &Actuation, boot: u32) {
        let asked_before = self.outside.asked.insert(remedy, actuation.clone()).is_some();
        if asked_before {
            self.marks.reach("actuator: asked again under the same key");
        }
        let takes = match (self.outside.actuator, actuation) {
            (Actuator::Gone, _) => GIVEN_UP,
            (Actuator::Refuses | Actuator::Lies, _) => MESSAGE,
            (Actuator::Well, Actuation::Restart { .. }) => RESTART,
            (Actuator::Well, Actuation::RollBack { .. }) => ROLLBACK,
        };
        self.queue.plan(self.now + takes, Happening::Actuated(boot, remedy));
    }

    /// The actuator is done, one way or another.
    pub(crate) fn actuated(&mut self, boot: u32, remedy: RemedyId) {
        let outcome = match (self.outside.done.get(&remedy), self.outside.actuator) {
            (Some(done), _) => done.clone(),
            (None, Actuator::Gone) => Outcome::Failed { why: "nobody answers".into() },
            (None, Actuator::Refuses) => Outcome::Failed { why: "not allowed".into() },
            (None, Actuator::Lies) => {
                self.marks.reach("actuator: says that it did, and did nothing");
                Outcome::Done
            }
            (None, Actuator::Well) => {
                if let Some(actuation) = self.outside.asked.get(&remedy).cloned() {
                    self.judge.acted(remedy);
                    self.does(&actuation);
                }
                Outcome::Done
            }
        };
        if outcome == Outcome::Done {
            self.outside.done.insert(remedy, outcome.clone());
        }
        let event = Event::ActuationEnded { remedy, outcome };
        self.effect_ends(boot, &EffectId::Actuate(remedy), event);
    }

    fn does(&mut self, actuation: &Actuation) {
        let now = self.now;
        match actuation {
            Actuation::Restart { replica } => {
                self.marks.reach("actuator: restarts a replica");
                if let Some(replica) = self.shape.replica(replica) {
                    self.service.replica_mut(replica).start(now);
                }
            }
            Actuation::RollBack { from, to, slice } => {
                self.marks.reach("actuator: takes a change back");
                for replica in 0..self.shape.replicas.len() {
                    let it = self.service.replica_mut(replica);
                    if it.version == *from {
                        it.run(to.clone(), Vec::new(), now);
                    }
                    let region = &self.shape.regions[self.shape.replicas[replica].region];
                    let it = self.service.replica_mut(replica);
                    if slice.get(Dimension::Region) == Some(region) {
                        it.misconfigured.clear();
                    }
                }
                self.take_back(from, to);
            }
        }
    }

    /// A message goes out on a channel.
    pub(crate) fn deliver(&mut self, notice: NoticeId, channel: Name, boot: u32) {
        let (takes, outcome) = self.hand_over(&channel);
        if outcome == Outcome::Done {
            self.judge.delivered(notice, &channel, boot);
        }
        let event = Event::NoticeSent { notice, channel: channel.clone(), outcome };
        self.queue
            .plan(self.now + takes, Happening::EffectEnds(boot, EffectId::Deliver(notice, channel), Box::new(event)));
    }

    /// A message about a matter goes out on a channel.
    pub(crate) fn tell(&mut self, memo: MemoId, channel: Name, boot: u32) {
        let (takes, outcome) = self.hand_over(&channel);
        let event = Event::MemoSent { memo, channel: channel.clone(), outcome };
        self.queue.plan(self.now + takes, Happening::EffectEnds(boot, EffectId::Tell(memo, channel), Box::new(event)));
    }

    /// How a channel takes a message, and after how long.
    fn hand_over(&mut self, channel: &Name) -> (Duration, Outcome) {
        let gone = super::hub::CHANNELS.iter().position(|(name, _)| *name == channel.as_str());
        if gone.is_some_and(|n| self.outside.channel_gone[n]) || self.shares_fate(channel) {
            self.marks.reach("channel: takes nothing");
            return (CHANNEL_GIVEN_UP, Outcome::Failed { why: "nobody answers".into() });
        }
        (MESSAGE, Outcome::Done)
    }
}
