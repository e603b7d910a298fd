//! Runs a model to its end and says how much that was, or shows the shortest way to what must not be.

use stateright::{Checker, HasDiscoveries, Model, Path};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

/// Looks at every state there is. Prints what was looked at.
///
/// # Panics
/// When a property does not hold, with the shortest way there.
pub fn prove<M>(name: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let begin = Instant::now();
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps between them, depth {}, {:.2} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        begin.elapsed().as_secs_f64()
    );
    for property in checker.model().properties() {
        let found = checker.discovery(property.name);
        if property.expectation.discovery_is_failure() {
            assert!(found.is_none(), "{name}: not always: {}\n{}", property.name, found.map(tell).unwrap_or_default());
        } else {
            assert!(found.is_some(), "{name}: never reached: {}", property.name);
        }
    }
}

/// Looks until a property is broken; answers with the steps of a shortest way there. Prints how long it took.
///
/// # Panics
/// When it cannot be broken.
pub fn refute<M>(name: &str, model: M, property: &'static str) -> Vec<M::Action>
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let begin = Instant::now();
    // The checker looks at many states before it stops, and keeps the last find: only a bound on the depth makes it short.
    let (steps, states) = (1..)
        .find_map(|depth| {
            let builder = model.clone().checker().finish_when(HasDiscoveries::AnyOf([property].into()));
            let checker = builder.target_max_depth(depth).spawn_bfs().join();
            let states = checker.unique_state_count();
            let found = checker.discovery(property).map(|path| (path.into_actions(), states));
            assert!(
                found.is_some() || checker.max_depth() >= depth,
                "{name}: nothing breaks {property:?} in {states} states"
            );
            found
        })
        .expect("the depth is bounded by the states");
    println!(
        "{name}: breaks {property:?} in {} steps, found after {states} states, {:.2} s",
        steps.len(),
        begin.elapsed().as_secs_f64()
    );
    steps.iter().for_each(|step| println!("    {step:?}"));
    steps
}

fn tell<S: Debug, A: Debug>(path: Path<S, A>) -> String {
    let mut last = None;
    let mut text = String::new();
    for (state, step) in path.into_vec() {
        text.push_str(&step.map_or_else(String::new, |step| format!("    {step:?}\n")));
        last = Some(state);
    }
    text + &format!("    {last:#?}\n")
}
