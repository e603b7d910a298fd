//! What has to hold in every world of the action protocol.

use super::world::{Line, Weather};
use super::{Content, Life, Plan, Protocol, World};
use stateright::{Model, Property};
use std::collections::BTreeSet;

/// A6, within one life of an edge.
pub const FORWARD: &str = "A6: the epoch of a running edge only grows";
/// A6 and A7: whoever has the epoch has the plan.
pub const ONE_PLAN: &str = "A6, A7: nowhere are two plans in force under one epoch";
/// A6 and A7, across hubs.
pub const LOG_ORDER: &str = "A7: plans come into force in the order of the log";
/// D1.
pub const WRITTEN: &str = "D1: what an edge has in force is in the log";
/// A3.
pub const TARGETS: &str = "A3: nothing in force leaves a component without a replica";
/// A2.
pub const HALF: &str = "A2: nothing in force takes out more than half of the replicas";
/// A13.
pub const HELD: &str = "A13: no plan is written after a hold";
/// A9.
pub const LAPSES: &str = "A9: every shed lapses by itself";
/// What the hub judges a remedy by.
pub const BELIEF: &str = "A12: what the hub takes for applied was applied";
/// What an overtaken hub would break.
pub const SHOWS_LAST: &str = "A7, F3: a hub that goes on shows the last plan of the log, once it has looked";
/// Liveness.
pub const ARRIVES: &str = "once nothing goes wrong any more, every edge gets the last plan";
/// The measure behind it.
pub const PROGRESS: &str = "once nothing goes wrong any more, every step brings the end nearer";

pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(FORWARD, |_, world: &World| !world.edges.iter().any(|edge| edge.went_back)),
        Property::always(ONE_PLAN, one_plan_per_epoch),
        Property::always(LOG_ORDER, in_order_of_the_log),
        Property::always(WRITTEN, is_written),
        Property::always(TARGETS, |_, world: &World| {
            world.edges.iter().all(|edge| edge.plan.content != Content::AwayAll)
        }),
        Property::always(HALF, |_, world: &World| world.edges.iter().all(|edge| edge.plan.removed() <= 1)),
        Property::always(HELD, nothing_after_a_hold),
        Property::always(LAPSES, |model: &Protocol, world: &World| {
            !is_at_rest(model, world) || !world.edges.iter().any(|edge| edge.sheds)
        }),
        Property::always(BELIEF, is_rightly_believed),
        Property::always(SHOWS_LAST, shows_the_last),
        Property::always(ARRIVES, arrives),
        Property::always(PROGRESS, progresses),
        Property::sometimes(
            "a successor writes while its predecessor sleeps, where the fence allows it",
            |model: &Protocol, world: &World| {
                model.fence == super::Fence::Lock || model.bounds.pauses == 0 || {
                    let sleeps = world.hubs.iter().any(|hub| hub.life == Life::Paused);
                    sleeps && world.hubs.iter().any(|hub| hub.life == Life::Up && hub.draft.is_none())
                }
            },
        ),
        Property::sometimes("an edge has the last of all plans", |model: &Protocol, world: &World| {
            world.edges.iter().any(|edge| edge.plan.epoch == model.bounds.plans)
        }),
        Property::sometimes("the end", is_at_rest),
    ]
}

/// True when nothing happens any more.
fn is_at_rest(model: &Protocol, world: &World) -> bool {
    let mut steps = vec![];
    if world.weather != Weather::Stormy {
        model.actions(world, &mut steps);
    }
    world.weather != Weather::Stormy && steps.is_empty()
}

fn one_plan_per_epoch(_: &Protocol, world: &World) -> bool {
    let had: BTreeSet<Plan> = world.edges.iter().flat_map(|edge| edge.had.iter().copied()).collect();
    let epochs: BTreeSet<u8> = had.iter().map(|plan| plan.epoch).collect();
    had.len() == epochs.len()
}

/// Epochs rise along the log, so the order of epochs at an edge is the order of the log.
fn in_order_of_the_log(_: &Protocol, world: &World) -> bool {
    let epochs: Vec<u8> = plans(world).map(|plan| plan.epoch).collect();
    epochs.windows(2).all(|pair| pair[0] < pair[1])
}

fn plans(world: &World) -> impl Iterator<Item = Plan> {
    world
        .log
        .iter()
        .filter_map(|line| if let Line::Plan(plan) | Line::Renewed(plan) = line { Some(*plan) } else { None })
}

fn is_written(model: &Protocol, world: &World) -> bool {
    // What was cut off with the end of the log was in it.
    let whole = world.has_whole_log(model);
    !whole || world.edges.iter().all(|edge| edge.plan == Plan::NONE || plans(world).any(|plan| plan == edge.plan))
}

fn nothing_after_a_hold(_: &Protocol, world: &World) -> bool {
    let after = world.log.iter().skip_while(|line| **line != Line::Hold);
    !after.into_iter().any(|line| matches!(line, Line::Plan(_)))
}

/// See `effect_since` in `crates/core/src/incident/cure.rs`: an edge is believed to have a plan when it says an epoch of the
/// hub's own log that is at least the plan's.
fn is_rightly_believed(model: &Protocol, world: &World) -> bool {
    world.hubs.iter().enumerate().filter(|(_, hub)| hub.life == Life::Up && hub.plan.epoch > 0).all(|(h, hub)| {
        world.edges.iter().all(|edge| !world.believes(h, edge, model.design) || edge.had.contains(&hub.plan))
    })
}

/// What a living hub puts in its answers, but for the moment between writing and applying, and for one that is about to look.
fn shows_the_last(model: &Protocol, world: &World) -> bool {
    let last = plans(world).last().unwrap_or(Plan::NONE);
    let looked = |hub: &&super::Hub| !model.design.looks() || usize::from(hub.read) == world.log.len();
    let settled = world.hubs.iter().filter(|hub| hub.life == Life::Up && hub.unapplied.is_none()).filter(looked);
    settled.into_iter().all(|hub| hub.plan == last)
}

fn arrives(model: &Protocol, world: &World) -> bool {
    let last = plans(world).last().unwrap_or(Plan::NONE);
    let calm = world.weather == Weather::Calm && is_at_rest(model, world);
    !calm || !last.passes() || world.edges.iter().all(|edge| edge.plan == last)
}

/// Every step after the storm makes this smaller, so there is an end to it.
fn measure(world: &World, roll_ups: bool) -> [usize; 6] {
    let of_hubs = |what: fn(&super::Hub) -> bool| world.hubs.iter().filter(|hub| what(hub)).count();
    let of_edges = |what: fn(&super::Edge) -> bool| world.edges.iter().filter(|edge| what(edge)).count();
    let top = world.published.iter().map(|plan| plan.epoch).max().unwrap_or(0);
    let behind = world.edges.iter().map(|edge| usize::from(top.saturating_sub(edge.plan.epoch))).sum();
    let unheard = (0..world.hubs.len())
        .filter(|h| roll_ups && world.hubs[*h].life == Life::Up)
        .map(|h| world.edges.iter().filter(|edge| edge.told[h] != Some(edge.plan.epoch)).count())
        .sum();
    let up = of_hubs(|hub| hub.life == Life::Up);
    let overtaken = |hub: &super::Hub| hub.life == Life::Up && usize::from(hub.read) != world.log.len();
    let alone_and_overtaken = up == 1 && world.hubs.iter().any(overtaken);
    [
        // Of two hubs that are up, one has to give way.
        up.saturating_sub(1),
        usize::from(alone_and_overtaken) * 9
            + of_hubs(|hub| hub.life == Life::Dead) * 4
            + of_hubs(|hub| hub.draft.is_some()) * 2
            + of_hubs(|hub| hub.unapplied.is_some()),
        behind,
        unheard,
        of_edges(|edge| edge.disk != edge.plan),
        of_edges(|edge| edge.sheds),
    ]
}

fn progresses(model: &Protocol, world: &World) -> bool {
    // A plan that is renewed raises the top; that happens after the log was cut off only.
    if world.weather == Weather::Stormy || model.bounds.restores > 0 {
        return true;
    }
    let roll_ups = model.bounds.roll_ups;
    let before = measure(world, roll_ups);
    model.next_states(world).iter().all(|next| measure(next, roll_ups) < before)
}
