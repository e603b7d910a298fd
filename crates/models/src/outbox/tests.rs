//! The outbox as it is built holds; each wrong design is found.

use super::*;
use crate::check::{prove, refute};

const USUAL: Bounds = Bounds { deaths: 1, refusals: 1, losses: 1, rejections: 1, ack: false };
const TWO_DEATHS: Bounds = Bounds { deaths: 2, refusals: 0, losses: 0, rejections: 0, ack: false };

fn outbox(design: Design, bounds: Bounds) -> Outbox {
    Outbox { design, bounds }
}

#[test]
fn nothing_is_lost_and_only_what_is_in_doubt_is_repeated() {
    prove("outbox", outbox(Design::AsBuilt, USUAL));
    prove("outbox, two deaths", outbox(Design::AsBuilt, TWO_DEATHS));
}

#[test]
fn without_a_doubt_nothing_is_repeated() {
    let bounds = Bounds { deaths: 0, refusals: 2, losses: 0, rejections: 2, ack: false };
    prove("outbox, no deaths", outbox(Design::AsBuilt, bounds));
}

/// E3: what is on its way when it comes cannot be called back; nothing is begun after it, by a successor neither.
#[test]
fn after_an_acknowledgement_nobody_is_called() {
    let bounds = Bounds { deaths: 1, refusals: 0, losses: 0, rejections: 0, ack: true };
    prove("outbox, ack", outbox(Design::AsBuilt, bounds));
    refute("outbox, ack, calls all the same", outbox(Design::CallsAfterAck, bounds), SILENT_AFTER_ACK);
}

#[test]
fn wrong_designs_are_found() {
    refute("outbox, sends early", outbox(Design::SendsBeforeWriting, USUAL), WRITTEN_FIRST);
    refute("outbox, forgets what is in flight", outbox(Design::ForgetsWhatIsInFlight, USUAL), NO_MORE_THAN_DOUBTS);
    refute("outbox, forgets the outbox", outbox(Design::ForgetsTheOutbox, USUAL), COMES_TO_REST);
    refute("outbox, forgets keys", outbox(Design::ForgetsKeys, USUAL), ONE_KEY);
}
