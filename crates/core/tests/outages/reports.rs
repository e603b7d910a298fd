//! Users' reports: what a crowd of honest users brings about, and what no crowd of forgers does (G1, G2).

use super::*;
use downbeat_core::incident::Event;
use downbeat_core::model::{Answer, Report, Works};

fn report(component: &str, network: &str, system: Option<&str>) -> Signal {
    Signal::Report(Report {
        category: name("no-sound"),
        component: Some(name(component)),
        region: None,
        network: name(network),
        system: system.map(name),
        usual_per_minute: None,
        usual_of_100k: None,
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

/// Active sessions of playback as an edge tells of them.
fn active(count: u64) -> Vec<SessionRow> {
    [None, Some(name("playback"))].map(|component| SessionRow { component, active: count }).into()
}

/// So many reports of as many networks within so many seconds; how many incidents there are.
fn reported_of(sessions: Vec<SessionRow>, reports: u32, seconds: u32) -> Vec<State> {
    let mut toy = Toy::new(policy());
    toy.sessions = sessions;
    toy.run(5);
    for second in 0..seconds {
        for n in reports * second / seconds..reports * (second + 1) / seconds {
            let (network, system) = (format!("10.{}.{}.0/24", n / 250, n % 250), format!("AS{}", n % 90));
            toy.engine.observe(toy.now, &report("playback", &network, Some(&system))).expect("taken");
        }
        toy.run(1);
    }
    states(&toy)
}

/// 0.1 % of the users of a real fault that nothing measures, within two minutes: enough at a service of 20,000 active
/// sessions and at one of a million.
#[test]
fn one_in_a_thousand_of_the_active_sessions_is_enough_to_suspect() {
    for sessions in [20_000, 52_000, 1_000_000] {
        let reports = u32::try_from(sessions / 1_000).expect("few");
        assert_eq!(reported_of(active(sessions), reports, 120), [State::Suspected], "{reports} of {sessions}");
    }
}

/// What is usual, one in a hundred thousand a minute, opens nothing, however many that are.
#[test]
fn the_usual_share_of_a_large_service_is_no_evidence() {
    assert_eq!(reported_of(active(1_000_000), 100, 600), [], "ten a minute of a million");
    assert_eq!(reported_of(vec![], 100, 600), [State::Suspected], "and of nobody knows how many");
}

/// The same reports are more at night than at a peak hour.
#[test]
fn a_nights_reports_are_more_than_those_of_a_peak_hour() {
    assert_eq!(reported_of(active(3_000), 14, 60), [State::Suspected]);
    assert_eq!(reported_of(active(600_000), 14, 60), []);
}

/// What fails for the clients of one network alone, while those of all others are well, confirms nothing however much it is; the
/// same for the clients of many does.
#[test]
fn one_client_network_alone_is_no_outage() {
    let states_of = |networks: [&'static str; 3]| {
        let mut toy = Toy::new(policy());
        toy.run(10);
        toy.extra = networks.map(|network| ("playback", network, 10, Some(FailureKind::Status))).into();
        let mut seen = vec![];
        for _ in 0..60 {
            toy.run(1);
            seen.extend(states(&toy));
        }
        seen.dedup();
        let alone = toy.engine.board(toy.now).alone.map(|alone| alone.owner.to_string());
        (seen.contains(&State::Suspected), seen.contains(&State::Confirmed), alone)
    };
    let (one, many) = ("192.0.2.0/24", ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]);
    assert_eq!(states_of([one; 3]), (true, false, Some(one.to_owned())));
    let (_, confirmed, alone) = states_of(many);
    assert_eq!((confirmed, alone), (true, None));
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

/// A replica died, was restarted and is about to come back; users had reported it. How far it is after so many seconds.
fn after_answers(seconds: u64, answers: &[(u32, Works)]) -> (State, usize) {
    let mut toy = Toy::new(policy());
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(20, "relief", |b| b.open().any(|i| i.state == State::Mitigated));
    let reported_at = toy.engine.book().open().next().expect("it is open").since;
    for _ in 0..seconds {
        let mut voice = 0;
        for (count, works) in answers {
            for _ in 0..*count {
                voice += 1;
                let answer = Answer {
                    component: Some(name("playback")),
                    region: None,
                    network: name(&format!("10.0.{voice}.0/24")),
                    system: None,
                    reported_at,
                    works: *works,
                };
                toy.engine.observe(toy.now, &Signal::Answer(answer)).expect("heard");
            }
        }
        toy.run(1);
    }
    let steps = toy.log.iter().filter(|r| matches!(r.event, Event::RampStepped { .. })).count();
    (toy.engine.book().incidents.values().next().expect("there").state, steps)
}

#[test]
fn who_reported_is_asked_whether_it_works_and_many_who_say_no_hold_the_way_back() {
    let over = (State::Reviewed, 6);
    assert_eq!(after_answers(40, &[]), over, "nobody has to answer");
    assert_eq!(after_answers(40, &[(30, Works::Again)]), over);
    assert_eq!(after_answers(40, &[(2, Works::NotYet)]), over, "one or two have a trouble of their own");
    assert_eq!(after_answers(40, &[(10, Works::NotYet), (11, Works::Again)]), over);
    assert_eq!(after_answers(40, &[(3, Works::NotYet)]), (State::Mitigated, 0));
    assert_eq!(after_answers(40, &[(10, Works::NotYet), (9, Works::Again)]), (State::Mitigated, 0));
}

/// Strangers who say no for ever hold each step for ten minutes, and no longer.
#[test]
fn what_is_held_goes_on_by_what_is_measured_in_the_end() {
    let (state, steps) = after_answers(700, &[(50, Works::NotYet)]);
    assert_eq!((state, steps), (State::Restoring, 1));
    let (state, steps) = after_answers(5_000, &[(50, Works::NotYet)]);
    assert_eq!((state, steps), (State::Reviewed, 6));
}

/// Who reports after users were served again, or something else, has no say.
#[test]
fn only_who_reported_this_is_heard() {
    let mut toy = Toy::new(policy());
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(20, "relief", |b| b.open().any(|i| i.state == State::Mitigated));
    let (now, incident) = (toy.now, toy.engine.book().open().next().expect("it is open").clone());
    let everywhere = "everywhere".parse().expect("good");
    let elsewhere = "replica=us-1".parse().expect("good");
    let early = incident.since.before(Duration::from_secs(3_600));
    for (about, reported_at, asked) in [
        (&everywhere, incident.since, true),
        (&everywhere, now + Duration::from_secs(60), false),
        (&everywhere, early, false),
        (&elsewhere, incident.since, false),
    ] {
        assert_eq!(downbeat_core::incident::asks(&incident, about, reported_at), asked, "{about}");
    }
}
