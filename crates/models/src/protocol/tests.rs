//! The protocol as it is built holds on one log; each wrong design is found, and so are the two holes that are known.

use super::*;
use crate::check::{prove, refute};
use downbeat_core::incident::{Actor, Book, Event, Record};
use downbeat_core::model::{IncidentId, Moment, RemedyId};

const USUAL: Bounds = Bounds {
    edges: 2,
    plans: 2,
    hub_deaths: 1,
    edge_deaths: 1,
    pauses: 0,
    restores: 0,
    roll_ups: false,
    hold: true,
    contents: &[Content::AwayEu, Content::Shed],
};
/// One edge hears all that two would, and what one does with a plan nobody else sees.
const ALONE: Bounds = Bounds { edges: 1, ..USUAL };
const PAUSED: Bounds = Bounds { pauses: 1, hub_deaths: 1, edge_deaths: 0, ..ALONE };
const RESTORED: Bounds = Bounds {
    edges: 2,
    restores: 1,
    roll_ups: true,
    hold: false,
    edge_deaths: 0,
    contents: &[Content::AwayEu, Content::AwayUs],
    ..ALONE
};
/// What breaks when the log is replaced by an earlier copy, and epochs are only counted.
const AFTER_RESTORE: &[&str] = &[ONE_PLAN, BELIEF, ARRIVES];

fn protocol(design: Design, fence: Fence, bounds: Bounds) -> Protocol {
    Protocol { design, fence, bounds, without: &[] }
}

#[test]
fn a_hub_takes_over_from_a_dead_one() {
    prove("protocol, one log", protocol(Design::AsBuilt, Fence::Lock, USUAL));
}

#[test]
fn a_hub_out_of_its_mind_empties_no_component() {
    let contents = &[Content::AwayAll, Content::AwayUs];
    let bounds = Bounds { contents, hold: false, roll_ups: true, ..ALONE };
    prove("protocol, senseless plans", protocol(Design::AsBuilt, Fence::Lock, bounds));
    refute("protocol, checks nothing", protocol(Design::ChecksNothing, Fence::Lock, bounds), TARGETS);
}

/// The lock on the file is lost, and a paused hub wakes up after its successor has written: it looks, and ends. One that only
/// writes nothing any more goes on showing the plan that it knows.
#[test]
fn a_paused_hub_wakes_up_behind_its_successor() {
    let lost = protocol(Design::AsBuilt, Fence::Lost, PAUSED);
    prove("protocol, lock lost", lost);
    let goes_on = protocol(Design::GoesOnOvertaken, Fence::Lost, PAUSED);
    refute("protocol, goes on when overtaken", goes_on, SHOWS_LAST);
    refute("protocol, goes on when overtaken", goes_on, ARRIVES);
}

/// The log is replaced by an earlier copy. Were epochs counted, those that edges have would come again with other plans.
#[test]
fn a_restored_log_gives_no_epoch_out_twice() {
    prove("protocol, restored", protocol(Design::AsBuilt, Fence::Lock, RESTORED));
    let counted = protocol(Design::CountsEpochs, Fence::Lock, RESTORED);
    AFTER_RESTORE.iter().for_each(|broken| drop(refute("protocol, restored, epochs counted", counted, broken)));
    prove("protocol, restored, epochs counted", Protocol { without: AFTER_RESTORE, ..counted });
}

#[test]
fn wrong_designs_are_found() {
    let lock = |design| protocol(design, Fence::Lock, ALONE);
    refute("protocol, sends before writing", lock(Design::SendsBeforeWriting), WRITTEN);
    refute("protocol, takes equal epochs", lock(Design::TakesEqualEpochs), FORWARD);
    refute("protocol, takes any epoch", lock(Design::TakesAnyEpoch), FORWARD);
    refute("protocol, sheds survive", lock(Design::ShedsSurvive), LAPSES);
    let blind = protocol(Design::WritesBlindly, Fence::Lost, PAUSED);
    refute("protocol, writes blindly", blind, LOG_ORDER);
    refute("protocol, writes blindly", blind, HELD);
}

/// The model's hub knows no more of a log than the plan of its last line that has one; so does the product's book.
#[test]
fn the_book_folds_as_the_models_hub_does() {
    let contents = [Content::Idle, Content::AwayEu, Content::Shed];
    let logs = contents.iter().flat_map(|a| contents.iter().flat_map(|b| contents.map(|c| [*a, *b, c])));
    for log in logs {
        let mut book = Book::default();
        for (epoch, content) in (1..).zip(log) {
            let plan = Plan { epoch, content };
            let remedy = RemedyId { incident: IncidentId(1), count: 1 };
            let event = Event::RemedyStarted { remedy, by: Actor::Automation, plan: plan.whole().clone() };
            open_once(&mut book);
            let record = Record { seq: book.last_seq + 1, at: Moment::from_millis(1), event };
            book.apply(&record).expect("the log has no gap");
            assert_eq!(book.plan, *plan.whole());
        }
    }
}

fn open_once(book: &mut Book) {
    if book.last_seq == 0 {
        let (slice, at) = (downbeat_core::model::Slice::everywhere(), Moment::from_millis(1));
        let (findings, bits, title) = (vec![], Default::default(), String::new());
        let event = Event::Suspected { incident: IncidentId(1), title, slice, since: at, findings, bits };
        book.apply(&Record { seq: 1, at, event }).expect("a first line");
    }
}
