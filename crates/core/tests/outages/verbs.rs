//! What operators do with an incident as a whole: take it over, open it again, join two, part one; and what joins by itself.

use super::*;
use downbeat_core::incident::{Actor, CommandRefused, Incident};
use downbeat_core::model::{
    Actuation, Bits, CauseKind, Dimension, Failures, Finding, Hypothesis, Measure, NoticeId, Remedy, Route, Slice,
    SourceClass, Stage,
};

const ONE: IncidentId = IncidentId(1);
const TWO: IncidentId = IncidentId(2);

fn asking() -> Policy {
    let mut asking = policy();
    asking.act.modes.clear();
    asking
}

fn remedy(incident: IncidentId) -> RemedyId {
    RemedyId { incident, count: 1 }
}

impl Toy {
    fn incident(&self, id: IncidentId) -> &Incident {
        &self.engine.book().incidents[&id]
    }

    fn refused(&mut self, command: Command) -> CommandRefused {
        self.engine.command(self.now, &name("ann"), command).expect_err("refused")
    }

    fn fails(&mut self, component: &'static str, at: &'static str, share: f64) {
        let before = std::mem::replace(&mut self.fault, Box::new(|_, _, _| None));
        self.fault = Box::new(move |toy, c, replica| {
            let hit = (c == component && replica == at).then_some((FailureKind::Status, share));
            hit.or_else(|| before(toy, c, replica))
        });
    }

    fn is_well(&mut self) {
        self.fault = Box::new(|_, _, _| None);
    }

    fn public_words(&self, id: IncidentId) -> Vec<Stage> {
        let public = self.incident(id).notices.iter().filter(|case| case.notice.audience == Audience::Public);
        public.map(|case| case.notice.stage).collect()
    }
}

fn is_waiting(book: &Book, id: IncidentId) -> bool {
    book.incidents.get(&id).is_some_and(|i| i.remedies.iter().any(|case| case.stage == RemedyStage::Proposed))
}

#[test]
fn who_takes_an_incident_over_is_asked_before_anything_is_done() {
    let mut toy = Toy::new(policy());
    toy.fails("search", "eu-1", 0.4);
    toy.run(1);
    toy.command("ann", Command::TakeOver(ONE));
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
    toy.run(20);
    let incident = toy.incident(ONE);
    let proposed = &incident.remedies[0];
    assert_eq!((incident.state, incident.taken_by.clone()), (State::Confirmed, Some(name("ann"))));
    assert_eq!((proposed.stage, proposed.mode), (RemedyStage::Proposed, Mode::Ask));
    assert!(toy.engine.book().plan.is_idle());
    toy.command("ann", Command::Approve(remedy(ONE)));
    toy.run_until(5, "the restart", |b| b.incidents[&ONE].remedies[0].actuated.is_some());
    toy.is_well();
    toy.command("ann", Command::HandBack(ONE));
    toy.run_until(120, "the review", reviewed);
    assert_eq!(toy.incident(ONE).taken_by, None);
}

#[test]
fn what_a_person_took_over_too_late_is_still_not_started_by_itself() {
    let mut slow = policy();
    slow.act.sustained = Duration::from_secs(6);
    let mut toy = Toy::new(slow);
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
    toy.run_until(5, "the confirmation", |b| b.open().any(|i| i.state == State::Confirmed));
    toy.command("ann", Command::TakeOver(ONE));
    toy.run(20);
    assert!(toy.engine.book().plan.is_idle() && is_waiting(toy.engine.book(), ONE));
}

impl Toy {
    fn calls(&self, id: IncidentId) -> usize {
        self.incident(id).notices.iter().filter(|case| case.notice.is_call()).count()
    }
}

#[test]
fn e3_who_has_seen_it_is_called_no_more_until_it_comes_back() {
    let mut toy = Toy::new(policy());
    toy.fault = Box::new(|toy, _, replica| match toy.restarted.is_empty() {
        true => (replica == "eu-1").then_some((FailureKind::Reset, 1.0)),
        false => Some((FailureKind::Status, 0.5)),
    });
    toy.run_until(10, "the confirmation", |b| b.incidents.get(&ONE).is_some_and(|i| i.confirmed_at.is_some()));
    toy.run(1);
    let calls = toy.calls(ONE);
    toy.command("ann", Command::Ack(ONE));
    toy.run_until(60, "a remedy in vain", |b| {
        b.incidents[&ONE].remedies.iter().any(|c| c.stage == RemedyStage::Reverted)
    });
    toy.run(20);
    assert!(calls > 0);
    assert_eq!((toy.calls(ONE), toy.incident(ONE).acked_by.clone()), (calls, Some(name("ann"))));
}

#[test]
fn e3_a_confirmation_and_a_relapse_have_to_be_seen_anew() {
    let mut toy = Toy::new(policy());
    toy.fails("search", "eu-1", 0.4);
    toy.run(1);
    toy.command("ann", Command::Ack(ONE));
    confirm(&mut toy, ONE);
    assert_eq!(toy.incident(ONE).acked_by, None, "it was a suspicion that ann has seen");
    toy.settle();
    toy.run(2);
    assert!(toy.calls(ONE) > 0);
    toy.command("ann", Command::Ack(ONE));
    toy.write(vec![Event::Mitigated { incident: ONE }]);
    let plan = TrafficPlan { epoch: toy.engine.book().plan.epoch + 1, ..TrafficPlan::default() };
    toy.write(vec![Event::Relapsed { incident: ONE, why: "as told".into(), plan }]);
    assert_eq!(toy.incident(ONE).acked_by, None);
}

#[test]
fn e3_what_is_due_when_somebody_has_seen_it_stays_where_it_is() {
    let mut toy = Toy::new(policy());
    suspect(&mut toy, ONE, "replica=eu-1");
    confirm(&mut toy, ONE);
    let due = |toy: &Toy| -> Vec<Audience> {
        let told = toy.engine.book().pending.values().filter_map(|effect| match effect {
            Effect::Deliver(notice) => Some(notice.audience),
            Effect::Actuate(_) | Effect::Review | Effect::Tell(_) => None,
        });
        told.collect()
    };
    toy.now = toy.now + Duration::from_secs(2);
    for _ in 0..2 {
        let events = toy.engine.step(toy.now);
        toy.write(events);
    }
    assert_eq!(due(&toy), [Audience::Public, Audience::OnCall]);
    toy.command("ann", Command::Ack(ONE));
    assert_eq!(due(&toy), [Audience::Public], "the public still hears of it");
}

#[test]
fn what_was_not_over_is_opened_again() {
    let mut toy = Toy::new(asking());
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
    toy.run_until(15, "a proposal", |b| is_waiting(b, ONE));
    toy.command("ann", Command::Resolve(ONE));
    toy.run_until(5, "the review", reviewed);
    toy.command("bob", Command::Reopen(ONE, "the music still stops".into()));
    assert_eq!((toy.incident(ONE).state, toy.incident(ONE).resolved_at), (State::Confirmed, None));
    toy.run_until(15, "another proposal", |b| is_waiting(b, ONE) && b.incidents[&ONE].remedies.len() > 1);
    let newest = toy.incident(ONE).remedies.last().expect("proposed").remedy.id;
    toy.command("bob", Command::Approve(newest));
    toy.run(1);
    toy.is_well();
    let over = |b: &Book| b.incidents[&ONE].state == State::Reviewed && b.pending.is_empty();
    toy.run_until(120, "the second review", over);
    let words = toy.public_words(ONE);
    let ends = words.iter().filter(|stage| **stage == Stage::Resolved).count();
    assert_eq!((ends, words.last()), (2, Some(&Stage::Resolved)), "{words:?}");
    // Meanwhile the trouble had been suspected anew.
    let again = toy.incident(TWO);
    assert_eq!((again.state, again.merged_into), (State::Merged, Some(ONE)), "one outage is one incident");
}

#[test]
fn a_suspicion_that_was_dismissed_is_suspected_again() {
    let mut toy = Toy::new(policy());
    toy.fails("search", "eu-1", 0.4);
    toy.run(1);
    toy.is_well();
    let dismissed = |b: &Book| b.incidents.values().any(|i| i.state == State::Dismissed);
    toy.run_until(60, "the dismissal", dismissed);
    toy.command("ann", Command::Reopen(ONE, "users still complain".into()));
    assert_eq!(toy.incident(ONE).state, State::Suspected);
    toy.run_until(60, "the second dismissal", dismissed);
    assert_eq!(toy.public_words(ONE), vec![], "nobody was told of a suspicion");
}

/// Two replicas of two regions fail, and each has an incident.
fn two_incidents() -> Toy {
    let mut toy = Toy::new(asking());
    suspect(&mut toy, TWO, "replica=ap-2");
    confirm(&mut toy, TWO);
    toy.settle();
    let proposed = Remedy {
        id: remedy(TWO),
        kind: RemedyKind::Restart,
        answers: CauseKind::Host,
        slice: Slice::of(Dimension::Replica, name("ap-2")),
        route: Route::Away { replicas: vec![name("ap-2")], component: None },
        actuation: Some(Actuation::Restart { replica: name("ap-2") }),
        predicted: "failures end".into(),
        undo: "traffic comes back".into(),
        check_after: Duration::from_secs(5),
    };
    toy.write(vec![Event::RemedyProposed { remedy: proposed, mode: Mode::Ask }]);
    suspect(&mut toy, ONE, "replica=eu-1");
    confirm(&mut toy, ONE);
    toy.run(2);
    toy
}

#[test]
fn two_incidents_that_are_one_are_joined_and_everybody_hears_where_it_goes_on() {
    let mut toy = two_incidents();
    let (said, told) = (toy.public_words(ONE).len(), toy.incident(TWO).notices.len());
    toy.command("ann", Command::Merge(TWO, ONE));
    let (one, two) = (toy.incident(ONE), toy.incident(TWO));
    assert_eq!((two.state, two.merged_into, &one.absorbed[..]), (State::Merged, Some(ONE), &[TWO][..]));
    let farewells = &two.notices[told..];
    assert!(farewells.iter().all(|case| case.notice.body.contains("incident 1")), "{farewells:?}");
    assert_eq!(farewells.len(), 2, "the public, and whoever was paged");
    assert_eq!(toy.public_words(ONE).len(), said + 1, "its readers hear what became part of it");
    assert!(one.remedy(remedy(TWO)).is_some() && two.remedies.is_empty());
    assert!(one.findings.iter().any(|f| f.slice.to_string() == "replica=ap-2"));

    toy.fault = Box::new(|_, _, replica| (replica == "ap-2").then_some((FailureKind::Reset, 1.0)));
    toy.run(4);
    toy.command("ann", Command::Approve(remedy(TWO)));
    toy.run_until(20, "the verdict", |b| b.remedy(remedy(TWO)).is_some_and(|case| case.actuated.is_some()));
    toy.is_well();
    toy.run_until(200, "the end", reviewed);
    let book = toy.engine.book();
    assert_eq!(book.incidents.len(), 2, "what was joined is not suspected anew");
    assert!(book.plan.is_idle() && toy.incident(TWO).state == State::Merged);
    let mut auditor = Auditor::new(&toy.engine.policy().topology, &toy.engine.policy().act);
    toy.log.iter().for_each(|record| auditor.read(record));
    assert_eq!(auditor.violations(), vec![]);
}

/// Log-in and search fail at the same time, in different places.
fn one_incident_of_two() -> Toy {
    let mut toy = Toy::new(asking());
    toy.fails("search", "ap-1", 0.9);
    toy.fails("login", "eu-1", 0.9);
    toy.run_until(15, "the confirmation", |b| b.incidents.get(&ONE).is_some_and(|i| i.state == State::Confirmed));
    toy.run(3);
    assert_eq!(toy.engine.book().incidents.len(), 1, "together they began");
    toy
}

#[test]
fn a_component_with_another_trouble_gets_an_incident_of_its_own() {
    let mut toy = one_incident_of_two();
    toy.command("ann", Command::Split(ONE, name("search")));
    let two = toy.incident(TWO);
    assert_eq!((two.state, two.components().all(|c| c.as_str() == "search")), (State::Confirmed, true));
    assert_eq!(two.split_from.as_ref().map(|from| from.incident), Some(ONE));
    assert!(toy.incident(ONE).components().all(|c| c.as_str() != "search"));
    toy.run(10);
    assert!(toy.incident(ONE).components().all(|c| c.as_str() != "search"), "what comes later is apart too");
    assert_eq!(toy.public_words(TWO).first(), Some(&Stage::Investigating));
    toy.is_well();
    let over = |b: &Book| b.incidents.values().all(|i| i.state == State::Reviewed) && b.pending.is_empty();
    toy.run_until(200, "the end of both", over);
    assert_eq!(toy.engine.book().incidents.len(), 2);
}

#[test]
fn what_was_parted_can_be_joined_again() {
    let mut toy = one_incident_of_two();
    toy.command("ann", Command::Split(ONE, name("search")));
    toy.run(5);
    toy.command("ann", Command::Merge(TWO, ONE));
    toy.run(5);
    assert!(toy.incident(ONE).components().any(|c| c.as_str() == "search"));
    assert_eq!(toy.engine.book().incidents.len(), 2);
}

#[test]
fn each_refused_verb_says_why() {
    let mut toy = two_incidents();
    let nine = IncidentId(9);
    assert_eq!(toy.refused(Command::TakeOver(nine)), CommandRefused::NoIncident(nine));
    assert_eq!(toy.refused(Command::Merge(ONE, ONE)), CommandRefused::Itself(ONE));
    assert_eq!(toy.refused(Command::Merge(ONE, nine)), CommandRefused::NoIncident(nine));
    assert_eq!(toy.refused(Command::Reopen(ONE, "why".into())), CommandRefused::Open(ONE));
    let no_such = CommandRefused::NoComponent(ONE, name("lyrics"));
    assert_eq!(toy.refused(Command::Split(ONE, name("lyrics"))), no_such);
    toy.command("ann", Command::Merge(TWO, ONE));
    let merged = CommandRefused::Merged(TWO, ONE);
    for command in [Command::Ack(TWO), Command::Resolve(TWO), Command::Reopen(TWO, "why".into())] {
        assert_eq!(toy.refused(command), merged);
    }
    assert_eq!(toy.refused(Command::Merge(TWO, ONE)), merged);
    toy.command("ann", Command::Resolve(ONE));
    assert_eq!(toy.refused(Command::TakeOver(ONE)), CommandRefused::Over(ONE));
    assert_eq!(toy.refused(Command::HandBack(ONE)), CommandRefused::Over(ONE));
    assert_eq!(toy.refused(Command::Reopen(ONE, "  ".into())), CommandRefused::Text(0));
    let gone = toy.refused(Command::Undo(remedy(TWO)));
    assert_eq!(gone, CommandRefused::Stage(remedy(TWO), "proposed"), "found where it is kept");
}

#[test]
fn what_is_confirmed_does_not_become_part_of_a_suspicion() {
    let mut toy = Toy::new(asking());
    toy.fails("search", "eu-1", 0.4);
    toy.run(1);
    suspect(&mut toy, TWO, "replica=ap-2");
    confirm(&mut toy, TWO);
    assert_eq!(toy.refused(Command::Merge(TWO, ONE)), CommandRefused::Unequal { from: TWO, into: ONE });
    assert_eq!(toy.refused(Command::Post(ONE, "We look into it.".into())), CommandRefused::Unconfirmed(ONE));
}

#[test]
fn a_repeated_verb_changes_nothing() {
    let mut toy = two_incidents();
    toy.command("ann", Command::TakeOver(ONE));
    for repeat in [Command::TakeOver(ONE), Command::HandBack(TWO)] {
        let events = toy.engine.command(toy.now, &name("ann"), repeat).expect("allowed");
        assert_eq!(events, vec![]);
    }
}

fn suspect(toy: &mut Toy, incident: IncidentId, place: &str) {
    let slice: Slice = place.parse().expect("a good slice");
    let (class, measure, bits) = (SourceClass::Edge, Measure::Attempts, Bits(50.0));
    let finding = Finding {
        class,
        measure,
        slice: slice.clone(),
        since: toy.now,
        at: toy.now,
        expected: 0.001,
        observed: 0.5,
        total: 100,
        kinds: Failures::default(),
        bits,
        of: None,
    };
    let (title, bits) = (format!("Problems at {place}"), [(class, bits)].into());
    toy.write(vec![Event::Suspected { incident, title, slice, since: toy.now, findings: vec![finding], bits }]);
}

fn confirm(toy: &mut Toy, incident: IncidentId) {
    let bits = [(SourceClass::Edge, Bits(90.0))].into();
    toy.write(vec![Event::Confirmed { incident, first: SourceClass::Edge, bits, why: "as told".into() }]);
}

fn diagnose(toy: &mut Toy, incident: IncidentId, region: &str) {
    let cause = Hypothesis {
        kind: CauseKind::Network,
        slice: Slice::of(Dimension::Region, name(region)),
        change: None,
        posterior: 0.9,
        because: vec![],
        upstream: None,
    };
    toy.write(vec![Event::Diagnosed { incident, hypotheses: vec![cause] }]);
}

/// Two incidents whose findings have no part in common, until their cause is known.
fn two_with_causes(first: &str, second: &str) -> Toy {
    let mut toy = Toy::new(asking());
    suspect(&mut toy, ONE, "component=login,region=eu");
    suspect(&mut toy, TWO, "component=search,region=eu");
    confirm(&mut toy, TWO);
    diagnose(&mut toy, ONE, first);
    diagnose(&mut toy, TWO, second);
    // The public, whoever is on call, and then the two of them.
    for _ in 0..3 {
        let events = toy.engine.step(toy.now);
        toy.write(events);
    }
    toy
}

#[test]
fn incidents_of_one_cause_become_one_by_themselves_and_the_confirmed_one_survives() {
    let toy = two_with_causes("eu", "eu");
    let merged = toy.incident(ONE);
    assert_eq!((merged.state, merged.merged_into), (State::Merged, Some(TWO)));
    let said_by = |event: &Event| matches!(event, Event::Merged { by: Actor::Automation, .. });
    assert!(toy.log.iter().any(|record| said_by(&record.event)));
    assert!(toy.incident(TWO).components().any(|c| c.as_str() == "login"));
}

#[test]
fn incidents_of_different_causes_do_not() {
    let toy = two_with_causes("eu", "us");
    assert_eq!(toy.engine.book().open().count(), 2);
}

#[test]
fn what_a_person_has_parted_is_not_joined_by_itself() {
    let mut toy = one_incident_of_two();
    toy.command("ann", Command::Split(ONE, name("search")));
    toy.run(20);
    assert!(!toy.log.iter().any(|record| matches!(record.event, Event::Merged { .. })));
    let notices: Vec<NoticeId> = toy.incident(TWO).notices.iter().map(|case| case.notice.id).collect();
    assert!(notices.iter().all(|id| id.incident == TWO));
}
