//! Every story in the simulated world: it goes as it expects with several seeds, and the same seed tells it alike.

use downbeat_drill::story::Story;
use downbeat_drill::{Scorecard, simulate, story};

const SEEDS: [u64; 3] = [1, 2, 3];
/// As many as listen in a drill unless said otherwise.
const LISTENERS: usize = 30;

fn card(story: &Story, seed: u64) -> Scorecard {
    simulate(story, seed, LISTENERS).unwrap_or_else(|error| panic!("{}: {error:?}", story.name))
}

#[test]
fn every_story_goes_as_it_expects() {
    let mut failed = Vec::new();
    for story in story::all() {
        for seed in SEEDS {
            let card = card(&story, seed);
            failed.extend(card.failed_expectations.iter().map(|what| format!("{} {seed}: {what}", story.name)));
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_scorecard() {
    for name in ["overload", "hub-dies", "oscillating-config", "split-brain", "report-brigade"] {
        let story = story::find(name).expect("it comes with the program");
        assert_eq!(card(&story, 1), card(&story, 1), "{name}");
        assert_ne!(card(&story, 1), card(&story, 2), "{name}");
    }
}
