//! One world, told for people: what it is made of, what went wrong in it, what the hub wrote, and what did not hold.

use crate::campaign::{Examined, examine};
use crate::harm::{Pair, Suspicion};
use crate::plan::Plan;
use crate::run::Outcome;
use crate::time::Time;
use std::fmt::Write as _;

/// Losses are told by so many seconds.
const SPAN_S: usize = 5;

/// Which faults of a world happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// All of them.
    All,
    /// Only these, by their numbers.
    Only(Vec<usize>),
}

/// The story of a seed's world; the answer says whether everything held.
pub fn show(seed: u64, kept: &Kept) -> (String, bool) {
    let whole = Plan::of(seed);
    let plan = match kept {
        Kept::All => whole,
        Kept::Only(kept) => whole.keep(kept),
    };
    let Examined { world, twin, suspicion, found } = examine(&plan);
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = tell(&mut text, &plan, &world, &twin);
    for violation in &found {
        let _ = writeln!(text, "{:>9}  {} does not hold: {}", violation.at_s, violation.invariant, violation.what);
    }
    if suspicion == Suspicion::Harm && !found.iter().any(|v| v.invariant == "A18") {
        let _ =
            writeln!(text, "\nHere {}: by chance, as other throws of the dice show.", Pair::of(&world, &twin).says());
    }
    let verdict = if found.is_empty() { "Everything held." } else { "Something did not hold." };
    let _ = writeln!(text, "\n{verdict} Fingerprint {:016x}.", world.fingerprint);
    (text, found.is_empty())
}

fn tell(text: &mut String, plan: &Plan, world: &Outcome, twin: &Outcome) -> std::fmt::Result {
    let shape = &plan.shape;
    writeln!(
        text,
        "World {}: {} regions, {} replicas, {} edges, {:.0} bundles a second, {:.0} % busy, {:?}\n",
        plan.seed,
        shape.regions.len(),
        shape.replicas.len(),
        shape.edges.len(),
        shape.demand,
        shape.demand / shape.capacity / shape.replicas.len() as f64 * 100.0,
        shape.mode,
    )?;
    for (n, planned) in plan.faults.iter().enumerate() {
        writeln!(text, "{:>9.2}  fault {n}: {:?}, for {:.2} s", planned.at_s, planned.fault, planned.for_s)?;
    }
    writeln!(text)?;
    let begin = Time::ZERO.wall().as_millis();
    for record in &world.log {
        let at = (record.at.as_millis() as f64 - begin as f64) / 1_000.0;
        writeln!(text, "{at:>9.2}  {}", record.event.headline())?;
    }
    let row = |name: &str, outcome: &Outcome| {
        let toll = outcome.toll;
        format!("{name:<20} {:>8} served {:>7} lost {:>7.1} s of silence", toll.served, toll.lost, toll.silence_s)
    };
    writeln!(text, "\n{}\n{}", row("with automation", world), row("without", twin))?;
    losses(text, world, twin)
}

/// When users lost what, with automation and without.
fn losses(text: &mut String, world: &Outcome, twin: &Outcome) -> std::fmt::Result {
    let within = |outcome: &Outcome, from: usize| {
        let at =
            |second: usize| outcome.lost_by.get(second.min(outcome.lost_by.len().max(1) - 1)).copied().unwrap_or(0);
        at(from + SPAN_S) - at(from)
    };
    for from in (0..world.lost_by.len()).step_by(SPAN_S) {
        let (with, without) = (within(world, from), within(twin, from));
        if with + without > 0 {
            writeln!(text, "{from:>9}  lost in {SPAN_S} s: {with:>6} with automation, {without:>6} without")?;
        }
    }
    Ok(())
}
