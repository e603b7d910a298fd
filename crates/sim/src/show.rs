//! One world, told for people: what it is made of, what went wrong in it, what the hub wrote, and what did not hold.

use crate::campaign::{Examined, examine};
use crate::harm::{Finding, Pair, throws};
use crate::plan::Plan;
use crate::run::Outcome;
use crate::time::Time;
use downbeat_core::incident::Event;
use downbeat_core::model::Moment;
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

fn planned(seed: u64, kept: &Kept) -> Plan {
    let whole = Plan::of(seed);
    match kept {
        Kept::All => whole,
        Kept::Only(kept) => whole.keep(kept),
    }
}

/// What became of the same outage with other throws of the dice: a line for each with what was begun and ended, and when
/// users lost what, all throws together.
pub fn show_throws(seed: u64, kept: &Kept) -> String {
    let plan = planned(seed, kept);
    let (worlds, twins): (Vec<Outcome>, Vec<Outcome>) = throws(&plan).unzip();
    let mut text = String::new();
    for (n, (world, twin)) in worlds.iter().zip(&twins).enumerate() {
        let _ = writeln!(text, "throw {:>2}: {}", n + 1, Pair::of(world, twin).says());
        let _ = remedies(&mut text, world);
    }
    let _ = losses(&mut text, &worlds, &twins);
    text
}

fn remedies(text: &mut String, world: &Outcome) -> std::fmt::Result {
    for record in &world.log {
        let told = matches!(
            record.event,
            Event::RemedyProposed { .. }
                | Event::RemedyStarted { .. }
                | Event::RemedyJudged { .. }
                | Event::RampStepped { .. }
        );
        if told {
            writeln!(text, "{:>9.2}  {}", seconds(record.at), record.event.headline())?;
        }
    }
    Ok(())
}

/// Seconds since the world's beginning.
fn seconds(at: Moment) -> f64 {
    (at.as_millis() as f64 - Time::ZERO.wall().as_millis() as f64) / 1_000.0
}

/// The story of a seed's world; the answer says whether everything held.
pub fn show(seed: u64, kept: &Kept) -> (String, bool) {
    let plan = planned(seed, kept);
    let Examined { world, twin, finding, found } = examine(&plan);
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = tell(&mut text, &plan, &world, &twin);
    for violation in &found {
        let _ = writeln!(text, "{:>9}  {} does not hold: {}", violation.at_s, violation.invariant, violation.what);
    }
    let why = match &finding {
        Finding::NoWorse | Finding::Harm(_) => None,
        Finding::Chance => Some("by chance, as other throws of the dice show".to_owned()),
        Finding::Unlucky(average) => Some(format!(
            "by bad luck. With other throws of the dice {average} on average, but no more with automation than without \
             when what came after it acted comes at other moments"
        )),
    };
    if let Some(why) = why {
        let _ = writeln!(text, "\nHere {}: {why}.", Pair::of(&world, &twin).says());
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
    for record in &world.log {
        writeln!(text, "{:>9.2}  {}", seconds(record.at), record.event.headline())?;
    }
    let row = |name: &str, outcome: &Outcome| {
        let toll = outcome.toll;
        format!("{name:<20} {:>8} served {:>7} lost {:>7.1} s of silence", toll.served, toll.lost, toll.silence_s)
    };
    writeln!(text, "\n{}\n{}", row("with automation", world), row("without", twin))?;
    losses(text, std::slice::from_ref(world), std::slice::from_ref(twin))
}

/// When users lost what, with automation and without.
fn losses(text: &mut String, worlds: &[Outcome], twins: &[Outcome]) -> std::fmt::Result {
    let within = |outcome: &Outcome, from: usize| {
        let at =
            |second: usize| outcome.lost_by.get(second.min(outcome.lost_by.len().max(1) - 1)).copied().unwrap_or(0);
        at(from + SPAN_S) - at(from)
    };
    let longest = worlds.iter().map(|world| world.lost_by.len()).max().unwrap_or(0);
    for from in (0..longest).step_by(SPAN_S) {
        let all = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| within(outcome, from)).sum::<u64>();
        let (with, without) = (all(worlds), all(twins));
        if with + without > 0 {
            writeln!(text, "{from:>9}  lost in {SPAN_S} s: {with:>6} with automation, {without:>6} without")?;
        }
    }
    Ok(())
}
