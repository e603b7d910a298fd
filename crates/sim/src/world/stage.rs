//! The stage of a story: whose turn it is, and what holds at the fault.

use crate::dice::Dice;
use crate::script::{Once, ScriptError, Step};
use crate::time::Time;
use crate::world::crowd::Toll;
use crate::world::troubles::Troubles;
use crate::world::{Happening, World};
use downbeat_core::incident::State;
use std::time::Duration;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a story needs of a world; empty in drawn ones.
#[derive(Debug)]
pub(crate) struct Stage {
    steps: Vec<Step>,
    next: usize,
    turn: Turn,
    /// How things stood at the fault.
    pub(crate) before: Before,
    /// Why it cannot go on.
    pub(crate) broken: Option<ScriptError>,
    /// True while the hub's probes see nothing.
    pub(crate) probes_blind: bool,
    pub(crate) troubles: Troubles,
    pub(crate) dice: Dice,
}

/// What the next step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Condition,
    Pause,
}

/// How things stood at the fault.
#[derive(Debug, Default)]
pub(crate) struct Before {
    pub(crate) at: Time,
    pub(crate) toll: Toll,
    pub(crate) retried: u64,
    pub(crate) silence: Vec<Duration>,
}

impl Stage {
    pub(crate) fn empty(seed: u64) -> Self {
        Self {
            steps: Vec::new(),
            next: 0,
            turn: Turn::Condition,
            before: Before::default(),
            broken: None,
            probes_blind: false,
            troubles: Troubles::default(),
            dice: Dice::stream(seed, 7),
        }
    }
}

impl World {
    /// A story begins at `begins`; a quiet one has its fault then, without one.
    pub(crate) fn set_stage(&mut self, steps: Vec<Step>, begins: Time) {
        self.stage.steps = steps;
        self.outside.names_fail = vec![None; self.shape.regions.len()];
        self.queue.plan(begins, Happening::Cue);
    }

    /// The next step has its turn: it waits for its condition, then for its pause, and is done.
    pub(crate) fn cue(&mut self) {
        if self.stage.next == 0 && self.stage.turn == Turn::Condition {
            self.remember();
        }
        let Some(step) = self.stage.steps.get(self.stage.next).cloned() else { return };
        match self.stage.turn {
            Turn::Condition if step.once.is_some_and(|once| !self.holds(once)) => {
                self.queue.plan(self.now + LOOK_EVERY, Happening::Cue);
            }
            Turn::Condition => {
                self.stage.turn = Turn::Pause;
                self.queue.plan(self.now + step.pause, Happening::Cue);
            }
            Turn::Pause => {
                if self.stage.next == 0 {
                    self.remember();
                }
                if let Err(error) = self.act(&step.act) {
                    self.stage.broken = Some(error);
                    return;
                }
                self.stage.turn = Turn::Condition;
                self.stage.next += 1;
                if let Some(next) = self.stage.steps.get(self.stage.next) {
                    self.queue.plan((self.stage.before.at + next.time).max(self.now), Happening::Cue);
                }
            }
        }
    }

    fn remember(&mut self) {
        let silence = self.crowd.silence(self.now);
        self.stage.before = Before { at: self.now, toll: self.toll, retried: self.requests.retried, silence };
    }

    fn holds(&self, once: Once) -> bool {
        let all_up = || (0..self.shape.replicas.len()).all(|r| self.service.check(r).is_ok());
        let Some(desk) = &self.hub.desk else { return once == Once::AllUp && all_up() };
        let mut open = desk.engine().book().open();
        match once {
            Once::Confirmed => open.any(|incident| incident.confirmed_at.is_some()),
            Once::Mitigated => open.any(|incident| incident.mitigated_at.is_some()),
            Once::AllUp => all_up(),
        }
    }

    /// True when every step is done, and there was an incident, and nothing more will come of any.
    pub(crate) fn is_over(&self) -> bool {
        let Some(desk) = &self.hub.desk else { return false };
        let incidents = &desk.engine().book().incidents;
        self.stage.next == self.stage.steps.len()
            && incidents.values().any(|incident| incident.confirmed_at.is_some())
            && incidents
                .values()
                .all(|incident| matches!(incident.state, State::Reviewed | State::Dismissed | State::Merged))
    }
}
