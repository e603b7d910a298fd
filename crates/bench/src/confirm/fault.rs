//! The faults, and what is asked of Downbeat for each.

use crate::measure::fleet::Fleet;
use crate::upstream::Mode;
use anyhow::Result;
use rustix::process::Signal;
use std::time::Duration;

/// What is done to one of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Killed,
    Hung,
    FailingOften,
    FailingSeldom,
    Lagging,
}

impl Fault {
    pub(super) const ALL: [Self; 5] =
        [Self::Killed, Self::Hung, Self::FailingOften, Self::FailingSeldom, Self::Lagging];

    /// In the words of the table.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Hung => "hung",
            Self::FailingOften => "30 % errors",
            Self::FailingSeldom => "5 % errors",
            Self::Lagging => "800 ms slower",
        }
    }

    /// Seconds to the alert that are asked of Downbeat.
    pub(super) fn goal_s(self) -> f64 {
        match self {
            Self::Killed | Self::Hung | Self::FailingOften => 1.0,
            Self::FailingSeldom => 5.0,
            Self::Lagging => 1.5,
        }
    }

    /// The fault lasts so long at most: some never see some of them.
    pub(super) fn lasts(self) -> Duration {
        Duration::from_secs(if self == Self::FailingSeldom { 40 } else { 20 })
    }

    /// Does it.
    pub(super) fn inflict(self, fleet: &mut Fleet, victim: usize) -> Result<()> {
        match self {
            Self::Killed => fleet.kill(victim),
            Self::Hung => fleet.member(victim).signal(Signal::STOP),
            Self::FailingOften => fleet.set(victim, Mode::FailingOften),
            Self::FailingSeldom => fleet.set(victim, Mode::FailingSeldom),
            Self::Lagging => fleet.set(victim, Mode::Lagging),
        }
    }

    /// Takes it back.
    pub(super) fn heal(self, fleet: &mut Fleet, victim: usize) -> Result<()> {
        match self {
            Self::Killed => fleet.restart(victim),
            Self::Hung => fleet.member(victim).signal(Signal::CONT),
            Self::FailingOften | Self::FailingSeldom | Self::Lagging => fleet.set(victim, Mode::Well),
        }
    }
}
