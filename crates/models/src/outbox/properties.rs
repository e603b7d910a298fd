//! What has to hold in every world of the outbox.

use super::world::{Item, Mark, Stage, World};
use super::{Outbox, scene};
use stateright::Property;

/// The model's picture.
pub const PICTURE: &str = "the desk is as the model pictures it";
/// E1, E2.
pub const NONE_LOST: &str = "E2: what is written is due, under way, delivered, recalled or known to have failed";
/// E1.
pub const COMES_TO_REST: &str = "E1: where nothing more can happen, every outcome is in the log";
/// What is logged is true.
pub const TRUE: &str = "what is logged as delivered was delivered";
/// Written first.
pub const WRITTEN_FIRST: &str = "D1, E1: nothing is sent that is not in the log";
/// E2.
pub const NO_MORE_THAN_DOUBTS: &str = "E2: one repeat per send in doubt at most, and none without a doubt";
/// E2, A6.
pub const ONE_KEY: &str = "E2, A6: a repeat has the same key, so a receiver that takes keys sees it once";
/// E2.
pub const ONE_PAGE: &str = "E2: the same page is not written twice";
/// E3.
pub const SILENT_AFTER_ACK: &str = "E3: after a durable acknowledgement no page is begun";

pub(super) fn all() -> Vec<Property<Outbox>> {
    vec![
        Property::always(PICTURE, is_as_pictured),
        Property::always(NONE_LOST, none_is_lost),
        Property::always(COMES_TO_REST, |outbox: &Outbox, world: &World| {
            !world.progress(outbox).is_empty()
                || (world.pending().is_empty() && items(world).all(|i| is_over(world, i) || is_recalled(world, i)))
        }),
        Property::always(TRUE, |_, world: &World| {
            items(world).all(|item| !world.view.marks.contains(&Mark::Ended(item, true)) || count(world, item) > 0)
        }),
        Property::always(WRITTEN_FIRST, |_, world: &World| {
            let written = |item: Item| match item {
                Item::Page(number, _) => world.view.marks.contains(&Mark::Written(number)),
                Item::Restart => true,
            };
            world.view.received.keys().all(|(item, _)| written(*item))
        }),
        Property::always(NO_MORE_THAN_DOUBTS, |_, world: &World| {
            let doubts = |item| world.view.doubts.get(&item).copied().unwrap_or(0);
            items(world).all(|item| count(world, item) <= 1 + doubts(item))
        }),
        Property::always(ONE_KEY, |_, world: &World| {
            let keys = |item| world.view.received.keys().filter(|(of, _)| *of == item).count();
            items(world).all(|item| keys(item) <= 1)
        }),
        Property::always(ONE_PAGE, |_, world: &World| numbers(world).count() <= 1),
        Property::always(SILENT_AFTER_ACK, |_, world: &World| world.view.after_ack.is_empty()),
        Property::sometimes("everything is delivered and written", |_, world: &World| {
            numbers(world).next().is_some() && items(world).all(|i| world.view.marks.contains(&Mark::Ended(i, true)))
        }),
        Property::sometimes("somebody gets something twice", |outbox: &Outbox, world: &World| {
            outbox.bounds.deaths + outbox.bounds.losses == 0 || items(world).any(|item| count(world, item) > 1)
        }),
        Property::sometimes("what ended waits for the disk", |outbox: &Outbox, world: &World| {
            outbox.bounds.refusals == 0 || (world.view.resting && !world.view.kept.is_empty())
        }),
    ]
}

fn numbers(world: &World) -> impl Iterator<Item = u32> {
    world.view.marks.iter().filter_map(|mark| if let Mark::Written(number) = mark { Some(*number) } else { None })
}

/// Everything that is to be carried out by what is written.
fn items(world: &World) -> impl Iterator<Item = Item> {
    let pages = |number| (0..scene::PAGERS.len()).map(move |place| Item::Page(number, place));
    numbers(world).flat_map(pages).chain([Item::Restart])
}

fn count(world: &World, item: Item) -> u8 {
    world.view.received.iter().filter(|((of, _), _)| *of == item).map(|(_, times)| times).sum()
}

fn is_over(world: &World, item: Item) -> bool {
    [true, false].iter().any(|well| world.view.marks.contains(&Mark::Ended(item, *well)))
}

fn none_is_lost(_: &Outbox, world: &World) -> bool {
    let pending = world.pending();
    let is_sound = |item| match is_recalled(world, item) {
        true => !pending.contains(&item),
        false => is_over(world, item) != pending.contains(&item),
    };
    !world.view.lives || items(world).all(is_sound)
}

fn is_recalled(world: &World, item: Item) -> bool {
    world.view.recalled.contains(&item)
}

/// The desk's own word on its backlog and on what is due, beside what the model counts along.
fn is_as_pictured(_: &Outbox, world: &World) -> bool {
    let view = &world.view;
    let under_way = |item: &Item| view.tasks.contains_key(item) || view.kept.iter().any(|(kept, _)| kept == item);
    let backlog = view.start_due || !view.kept.is_empty();
    let due: Vec<Item> = world.pending().into_iter().filter(|item| !under_way(item)).collect();
    let stray = view.tasks.iter().any(|(item, stage)| *stage == Stage::Begun && is_over(world, *item));
    backlog == world.has_backlog() && world.due().into_iter().eq(due) && !stray
}
