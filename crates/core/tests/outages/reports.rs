//! Users' reports: what a crowd of honest users brings about, and what no crowd of forgers does (G1, G2).

use super::*;
use downbeat_core::incident::Event;
use downbeat_core::model::Report;

fn report(component: &str, network: &str, system: Option<&str>) -> Signal {
    Signal::Report(Report {
        category: name("no-sound"),
        component: Some(name(component)),
        region: None,
        network: name(network),
        system: system.map(name),
        usual_per_minute: None,
    })
}

fn states(toy: &Toy) -> Vec<State> {
    toy.engine.book().incidents.values().map(|incident| incident.state).collect()
}

/// 10,000 addresses in 4 networks of 4 autonomous systems, a hundred reports each, with no cap of the hub in front.
#[test]
fn g1_a_million_forged_reports_of_four_networks_leave_it_at_suspected() {
    for table in [false, true] {
        let mut toy = Toy::new(policy());
        toy.run(5);
        for second in 0..100_u32 {
            for n in 0..10_000_u32 {
                let (network, system) = (format!("10.0.{}.0/24", n % 4), format!("AS{}", n % 4));
                let forged = report("playback", &network, table.then_some(system.as_str()));
                toy.engine.observe(toy.now, &forged).expect("taken");
            }
            toy.run(1);
            assert!(states(&toy).iter().all(|state| *state == State::Suspected), "second {second}");
        }
        let confirmed = toy.log.iter().any(|r| matches!(r.event, Event::Confirmed { .. }));
        assert!(!confirmed);
    }
}

/// The same out of thousands of networks, but of four autonomous systems: suspected, and not a bit more when the edge sees little.
#[test]
fn g1_four_systems_with_many_networks_are_a_suspicion() {
    let mut toy = Toy::new(policy());
    toy.run(5);
    for n in 0..40_000_u32 {
        let (network, system) = (format!("10.{}.{}.0/24", n / 256 % 40, n % 256), format!("AS{}", n % 4));
        toy.engine.observe(toy.now, &report("playback", &network, Some(&system))).expect("taken");
    }
    toy.run(3);
    assert_eq!(states(&toy), [State::Suspected]);
}

/// A real fault that nothing measures, at a service of 20,000 users in 400 networks: one in a thousand presses the button.
#[test]
fn g1_one_honest_user_in_a_thousand_is_enough_to_suspect() {
    let mut toy = Toy::new(policy());
    toy.run(5);
    for reporter in 0..20_u32 {
        let user = reporter * 997;
        let (network, system) = (format!("10.1.{}.0/24", user % 250), format!("AS{}", user % 9));
        toy.engine.observe(toy.now, &report("playback", &network, Some(&system))).expect("taken");
        toy.run(3);
    }
    assert_eq!(states(&toy), [State::Suspected]);
    let paged = toy.log.iter().any(|r| matches!(r.event, Event::RemedyStarted { .. } | Event::Confirmed { .. }));
    assert!(!paged, "G2: nothing is done for reports alone");
}

/// At an hour of the week at which twenty reports a minute are usual, twenty are no news.
#[test]
fn what_is_usual_at_this_hour_is_no_evidence() {
    let reported = |usual: Option<f64>| {
        let mut toy = Toy::new(policy());
        toy.run(5);
        for n in 0..40_u32 {
            let Signal::Report(it) = report("playback", &format!("10.1.{n}.0/24"), None) else { unreachable!() };
            toy.engine.observe(toy.now, &Signal::Report(Report { usual_per_minute: usual, ..it })).expect("taken");
            toy.run(3);
        }
        states(&toy).len()
    };
    assert_eq!((reported(None), reported(Some(20.0))), (1, 0));
}
