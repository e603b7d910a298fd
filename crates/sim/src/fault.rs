//! What goes wrong, and when: drawn from the seed, short enough to be told in a line each.

use crate::dice::Dice;
use crate::shape::{COMPONENTS, Shape};
use crate::time::Time;
use serde::Serialize;
use std::time::Duration;

/// Something that goes wrong, or that somebody does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// A replica's process dies.
    Kill(usize),
    /// A replica accepts, and does not answer.
    Hang(usize),
    /// A replica answers later, by so many milliseconds.
    Slow(usize, u64),
    /// A replica fails this share of the requests for one component, in percent.
    Fail(usize, usize, u8),
    /// A replica carries this share of what it could, in percent.
    Tire(usize, u8),
    /// A new version, on so many replicas from this one on.
    Deploy(usize, usize, Defect),
    /// The same, declared as one that cannot be taken back.
    OneWay(usize, usize, Defect),
    /// A new version that is well and that nobody tells of, on so many replicas from this one on.
    Slip(usize, usize),
    /// A new configuration in a region.
    Configure(usize, Defect),
    /// Nothing gets through between the edges and a region.
    Cut(usize),
    /// Only one edge cannot reach a region.
    CutFrom(usize, usize),
    /// A region is far away, by so many milliseconds.
    Thin(usize, u64),
    /// This share of the connections to a region gets lost, in percent.
    Lossy(usize, u8),
    /// A region's name does not resolve.
    Names(usize),
    /// What one component needs everywhere is gone.
    Dependency(usize),
    /// Users want so many times more of a component.
    Surge(usize, u8),
    /// Wrong passwords from one network, so many times the usual demand for log-ins.
    Attack(u8),
    /// A region's caches are empty.
    ColdCaches(usize),
    /// A replica's process dies at its next so many requests, each time it is started.
    CrashLoop(usize, u8),
    /// The hub dies.
    KillHub,
    /// The hub dies at its so many-th next step towards an effect.
    CrashHub(u8),
    /// The hub's disk is full.
    DiskFull,
    /// The hub's disk fails.
    DiskFails,
    /// At its next start the wall clock of the hub's machine shows so many seconds more, or less.
    WallClock(i64),
    /// An edge dies.
    KillEdge(usize),
    /// An edge is never seen again.
    RetireEdge(usize),
    /// Nothing gets through between an edge and the hub.
    Part(usize),
    /// What passes between an edge and the hub is lost, doubled and delayed.
    Garble(usize),
    /// Nobody restarts or takes back what the hub asks for.
    ActuatorGone,
    /// The actuator says that it cannot.
    ActuatorRefuses,
    /// The actuator says that it did, and did nothing.
    ActuatorLies,
    /// A channel takes no message.
    ChannelGone(usize),
    /// Reports from so many networks that nothing explains.
    Brigade(u8, usize),
    /// A person does something.
    Operator(Verb),
    /// A drill of every kind of remedy passed on a component.
    Drill(usize),
    /// Somebody flips an edge's own kill switch.
    KillSwitch(usize),
    /// A person switches a feature of a component off, until the fault's end.
    SwitchOff(usize, usize),
}

/// What is wrong with a version or a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Defect {
    /// It fails this share of the requests for one component, in percent.
    Fails(usize, u8),
    /// It answers later, by so many milliseconds.
    Slow(u64),
    /// It dies at one request of so many.
    Crashes(u8),
    /// What it sends for one component stops in the middle, with the connection open.
    Stalls(usize),
    /// Each request is so many times the usual work.
    Costs(u8),
    /// Nothing is wrong with it.
    None,
}

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    /// Acknowledges the newest open incident.
    Ack,
    /// Approves what is proposed.
    Approve,
    /// Undoes what is in force.
    Undo,
    /// Posts a public word.
    Post,
    /// Ends the oldest open incident.
    Resolve,
    /// Holds the automation, until the fault's end.
    Hold,
    /// Takes the newest open incident over, until the fault's end.
    TakeOver,
    /// Opens the newest closed incident again.
    Reopen,
    /// Says that the newest open incident is part of the one before.
    Merge,
    /// Gives a component of the newest open incident an incident of its own.
    Split,
}

/// A fault, when it comes and for how long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Planned {
    /// In seconds from the beginning.
    pub(crate) at_s: f64,
    /// In seconds.
    pub(crate) for_s: f64,
    pub(crate) fault: Fault,
}

impl Planned {
    pub(crate) fn begins(&self) -> Time {
        Time::ZERO + Duration::from_secs_f64(self.at_s)
    }

    pub(crate) fn ends(&self) -> Time {
        self.begins() + Duration::from_secs_f64(self.for_s)
    }
}

/// Everything is well for so long first, in seconds.
pub(crate) const CALM_S: f64 = 20.0;

/// The faults of a seed: one in most worlds has one cause, others have several at once.
pub(crate) fn draw(seed: u64, shape: &Shape, window_s: f64) -> Vec<Planned> {
    let mut dice = Dice::stream(seed, 2);
    let count = [1, 1, 2, 2, 3, 4, 6, 9][dice.below(8)];
    let mut faults: Vec<Planned> = (0..count)
        .map(|_| {
            let at_s = round(CALM_S + window_s * dice.share());
            let for_s = round(2.0 + (window_s * 0.6).min(60.0) * dice.share());
            Planned { at_s, for_s, fault: one(&mut dice, shape) }
        })
        .collect();
    faults.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    faults
}

/// Where there are features, a person now and then switches one off.
pub(crate) fn switches(seed: u64, shape: &Shape) -> Option<Planned> {
    let mut dice = Dice::stream(seed, 10);
    let component = shape.features.iter().position(|features| !features.is_empty())?;
    let feature = dice.below(shape.features[component].len());
    let fault = Fault::SwitchOff(component, feature);
    let (at_s, for_s) = (round(CALM_S + 20.0 * dice.share()), round(2.0 + 30.0 * dice.share()));
    dice.chance(0.1).then_some(Planned { at_s, for_s, fault })
}

fn round(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

fn one(dice: &mut Dice, shape: &Shape) -> Fault {
    let replica = dice.below(shape.replicas.len());
    let region = dice.below(shape.regions.len());
    let edge = dice.below(shape.edges.len());
    let component = dice.below(COMPONENTS.len());
    let percent = |dice: &mut Dice, least, most| dice.between(least, most) as u8;
    match dice.below(40) {
        0..=2 => Fault::Kill(replica),
        3 | 4 => Fault::Hang(replica),
        5 => Fault::Slow(replica, dice.between(50, 2_000)),
        6 | 7 => Fault::Fail(replica, component, percent(dice, 5, 100)),
        8 => Fault::Tire(replica, percent(dice, 5, 80)),
        9..=11 => Fault::Deploy(replica, 1 + dice.below(shape.replicas.len()), defect(dice, component)),
        12 => Fault::Configure(region, defect(dice, component)),
        13 | 14 => Fault::Cut(region),
        15 => Fault::CutFrom(edge, region),
        16 => Fault::Thin(region, dice.between(20, 900)),
        17 => Fault::Lossy(region, percent(dice, 5, 60)),
        18 => Fault::Names(region),
        19 => Fault::Dependency(component),
        20 | 21 => Fault::Surge(component, percent(dice, 2, 12)),
        22 => Fault::Attack(percent(dice, 3, 30)),
        23 => Fault::ColdCaches(region),
        24 => Fault::CrashLoop(replica, percent(dice, 1, 40)),
        25 => Fault::KillHub,
        26 | 27 => Fault::CrashHub(percent(dice, 1, 30)),
        28 => Fault::DiskFull,
        29 => Fault::DiskFails,
        30 => Fault::WallClock(*dice.pick(&[-315_360_000, -60, 3, 60, 3_600, 315_360_000]).unwrap_or(&0)),
        31 => Fault::KillEdge(edge),
        // Where each region has an edge of its own, one edge's end is a region's.
        32 if shape.edges.len() > 1 && shape.edges[0].1.is_none() => Fault::RetireEdge(edge),
        32 | 33 => Fault::Part(edge),
        34 => Fault::Garble(edge),
        35 => [Fault::ActuatorGone, Fault::ActuatorRefuses, Fault::ActuatorLies][dice.below(3)].clone(),
        36 => Fault::ChannelGone(dice.below(2)),
        37 => Fault::Brigade(percent(dice, 1, 60), component),
        38 => Fault::KillSwitch(edge),
        _ => {
            use Verb::{Ack, Approve, Hold, Merge, Post, Reopen, Resolve, Split, TakeOver, Undo};
            let verbs = [Ack, Approve, Undo, Post, Resolve, Hold, TakeOver, Reopen, Merge, Split];
            Fault::Operator(verbs[dice.below(verbs.len())])
        }
    }
}

fn defect(dice: &mut Dice, component: usize) -> Defect {
    match dice.below(6) {
        0..=2 => Defect::Fails(component, dice.between(10, 100) as u8),
        3 => Defect::Slow(dice.between(100, 2_000)),
        4 => Defect::Crashes(dice.between(5, 60) as u8),
        _ => Defect::None,
    }
}
