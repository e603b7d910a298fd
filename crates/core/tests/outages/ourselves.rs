//! What Downbeat itself cannot see or do: told once, and once more when it is over; never held against the service.

use super::*;
use downbeat_core::model::Phase;

/// What went out on a channel: of which kind, and which of the two messages.
fn told(toy: &Toy, to: &str) -> Vec<(&'static str, Phase)> {
    let memo = |record: &Record| match &record.event {
        Event::MemoSent { memo, channel, .. } if channel.as_str() == to => {
            Some((toy.engine.book().matters[&memo.matter].matter.word(), memo.phase))
        }
        _ => None,
    };
    toy.log.iter().filter_map(memo).collect()
}

/// So many seconds in which no edge is heard.
fn without_edges(toy: &mut Toy, seconds: u64) {
    for _ in 0..seconds {
        toy.now = toy.now + Duration::from_secs(1);
        toy.probe();
        toy.settle();
    }
}

/// What a vantage point says of a probe of its own, twenty times a second apart, while all else goes on.
fn seen_from(toy: &mut Toy, vantage: &str, outcome: &ProbeOutcome) {
    for _ in 0..20 {
        toy.run(1);
        let result = ProbeResult {
            probe: name("eu-1-journey"),
            kind: ProbeKind::Journey,
            vantage: name(vantage),
            slice: "replica=eu-1".parse().expect("good"),
            outcome: outcome.clone(),
        };
        toy.engine.observe(toy.now, &Signal::Probe(result)).expect("a good probe");
    }
}

fn cannot_look() -> ProbeOutcome {
    ProbeOutcome::Unknown { detail: "our own uplink is down: no reference answers".into() }
}

#[test]
fn a_hub_that_hears_no_edge_calls_once_and_says_when_it_hears_one() {
    let mut toy = Toy::new(policy());
    let last_heard = toy.now;
    without_edges(&mut toy, 30);
    assert_eq!(told(&toy, "log"), [], "half a minute is nothing yet");
    without_edges(&mut toy, 300);
    let begun = [("deaf", Phase::Begun)];
    assert_eq!((told(&toy, "log"), told(&toy, "chat")), (begun.to_vec(), begun.to_vec()), "once, on call and the team");
    let case = toy.engine.book().open_matters().next().expect("it is open").clone();
    assert_eq!(case.since, last_heard);
    assert!(case.body.contains("UNKNOWN"), "{}", case.body);
    let board = toy.engine.board(toy.now);
    assert!(board.components.values().all(|c| *c == downbeat_core::incident::Condition::Unknown), "never down");
    toy.run(20);
    assert_eq!(told(&toy, "chat").len(), 1, "it may go silent again");
    toy.run(20);
    assert_eq!(told(&toy, "log"), [("deaf", Phase::Begun), ("deaf", Phase::Over)]);
    assert_eq!(toy.engine.book().incidents.len(), 0);
    assert!(told(&toy, "status-page").is_empty(), "the public hears nothing of it");
}

#[test]
fn a_hub_that_starts_deaf_knows_what_it_told_and_one_without_edges_misses_none() {
    let mut toy = Toy::new(policy());
    without_edges(&mut toy, 60);
    let mut again = Engine::new(toy.engine.policy().clone(), channels());
    toy.log.iter().for_each(|record| again.apply(record).expect("its own log"));
    toy.engine = again;
    toy.write(vec![Event::HubStarted { version: "next".into() }]);
    without_edges(&mut toy, 120);
    assert_eq!(told(&toy, "log"), [("deaf", Phase::Begun)]);
    toy.run(60);
    assert_eq!(told(&toy, "log").len(), 2);
    toy.engine = Engine::new(policy(), channels());
    toy.log.clear();
    toy.write(vec![Event::HubStarted { version: "of probes alone".into() }]);
    without_edges(&mut toy, 600);
    assert_eq!(told(&toy, "log"), []);
}

#[test]
fn a_blind_vantage_point_is_the_teams_while_another_one_looks() {
    let mut toy = Toy::new(policy());
    seen_from(&mut toy, "oslo", &ProbeOutcome::Passed { latency_ms: 9, heard: None });
    for _ in 0..3 {
        seen_from(&mut toy, "oslo", &cannot_look());
    }
    assert_eq!((told(&toy, "chat"), told(&toy, "log")), (vec![("blind", Phase::Begun)], vec![]));
    let case = toy.engine.book().open_matters().next().expect("it is open").clone();
    assert_eq!(case.title, "Vantage point oslo cannot look");
    assert!(case.body.starts_with("Our own uplink is down") && case.body.ends_with("One other vantage point looks."));
    for _ in 0..2 {
        seen_from(&mut toy, "oslo", &ProbeOutcome::Passed { latency_ms: 9, heard: None });
    }
    assert_eq!(told(&toy, "chat")[1..], [("blind", Phase::Over)]);
    // It goes away.
    toy.run(60);
    let case = toy.engine.book().open_matters().next().expect("it is missed").clone();
    assert_eq!(case.title, "Vantage point oslo is not heard");
    toy.run(600);
    assert_eq!(told(&toy, "chat").len(), 3, "once");
    assert_eq!(toy.engine.book().incidents.len(), 0);
}

#[test]
fn when_nobody_looks_whoever_is_on_call_hears_of_it() {
    let mut toy = Toy::new(policy());
    for second in 0..120 {
        toy.now = toy.now + Duration::from_secs(1);
        for replica in REPLICAS {
            let (probe, slice) = (name(&format!("{replica}-journey")), format!("replica={replica}"));
            let (vantage, slice) = (name("hub"), slice.parse().expect("good"));
            let outcome = if second < 60 { cannot_look() } else { ProbeOutcome::Passed { latency_ms: 9, heard: None } };
            let result = ProbeResult { probe, kind: ProbeKind::Journey, vantage, slice, outcome };
            toy.engine.observe(toy.now, &Signal::Probe(result)).expect("a good probe");
        }
        let roll = toy.roll_up();
        toy.engine.observe(toy.now, &Signal::RollUp(roll)).expect("a good roll-up");
        toy.settle();
    }
    assert_eq!(told(&toy, "log"), [("blind", Phase::Begun), ("blind", Phase::Over)]);
    assert_eq!(toy.engine.book().incidents.len(), 0);
}

#[test]
fn a_hub_that_was_not_at_work_says_so() {
    let mut toy = Toy::new(policy());
    toy.now = toy.now + Duration::from_secs(12);
    toy.run(10);
    assert_eq!((told(&toy, "chat"), told(&toy, "log")), (vec![("late", Phase::Begun)], vec![]));
    let case = toy.engine.book().open_matters().next().expect("it is open").clone();
    assert!(case.body.starts_with("It decided nothing for 12 seconds"), "{}", case.body);
    toy.run(310);
    assert_eq!(told(&toy, "chat"), [("late", Phase::Begun), ("late", Phase::Over)]);
}
