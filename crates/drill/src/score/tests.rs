//! Facts in, scorecard out: a golden card, and a table of what is not as expected.

use super::*;
use crate::hub::RemedyLine;
use crate::listener::playhead::Heard;
use downbeat_core::incident::{Event, Record};
use downbeat_core::model::{IncidentId, Indicator, Name, RemedyKind};
use serde_json::json;

const FAULT: u64 = 1_000_000;

fn at(ms: u64) -> Moment {
    Moment::from_millis(FAULT + ms)
}

fn hypothesis(kind: CauseKind, place: &str) -> Hypothesis {
    let slice = place.parse().expect("a good slice");
    Hypothesis { kind, slice, change: None, posterior: 0.9, because: vec![], upstream: None }
}

fn account(silence_ms: u64, wrong: u64) -> Account {
    let heard = Heard { silence: Duration::from_millis(silence_ms), ..Heard::default() };
    Account { heard, wrong, ..Account::default() }
}

fn case() -> Case {
    let ranking = |ms, hypotheses| {
        let event = Event::Diagnosed { incident: IncidentId(1), hypotheses };
        crate::hub::TimelineLine { headline: String::new(), record: Record { seq: 1, at: at(ms), event } }
    };
    let wrong = hypothesis(CauseKind::Host, "replica=eu-2");
    let right = hypothesis(CauseKind::BadDeploy, "version=1.5.0");
    let notice = |audience, stage: &str| {
        serde_json::from_value(
            json!({ "audience": audience, "stage": stage, "sent": { "log": { "outcome": "done" } } }),
        )
        .expect("a good notice")
    };
    Case {
        id: 1,
        state: "reviewed".to_owned(),
        suspected_at_ms: at(900),
        confirmed_at_ms: Some(at(1_604)),
        public_word_at_ms: Some(at(1_700)),
        mitigated_at_ms: Some(at(2_400)),
        restored_at_ms: Some(at(41_000)),
        resolved_at_ms: Some(at(52_000)),
        hypotheses: vec![right.clone(), wrong.clone()],
        remedies: vec![RemedyLine {
            kind: RemedyKind::RollBack,
            components: [Name::new("login").expect("a good name")].into(),
            stage: "lifted".to_owned(),
            started_at_ms: Some(at(1_900)),
        }],
        notices: vec![
            notice("public", "investigating"),
            notice("on_call", "investigating"),
            notice("on_call", "resolved"),
        ],
        review: Some("reviews/2026-11-22-playback.md".to_owned()),
        timeline: vec![ranking(1_650, vec![wrong]), ranking(1_800, vec![right])],
    }
}

/// What happens when the bad deploy goes as it should.
fn facts(story: &Story) -> Facts<'_> {
    Facts {
        story,
        expect: &story.expect,
        mode: "live",
        without: None,
        seed: 1,
        fault: at(0),
        duration: Duration::from_secs(75),
        listeners: vec![(account(500, 0), account(500, 0)); 30],
        tally: Tally { total: 41_210, failed: 12, ..Tally::default() },
        retried: 31,
        resumed: 4,
        cases: vec![case()],
        violations: Ok(vec![]),
        orders: 1,
        budgets: vec![BudgetScore {
            component: Name::new("login").expect("a good name"),
            indicator: Indicator::Success,
            objective: 90.0,
            burn: Some(0.25),
            alert: None,
        }],
    }
}

/// The bad deploy with limits of our own, so that the card's tests stay when the story's limits move.
fn story() -> Story {
    let mut story = crate::story::find("bad-deploy").expect("it comes with the program");
    story.expect.confirmed_s = Some(2.0);
    story.expect.public_word_s = Some(5.0);
    story.expect.saves = Some(0.5);
    story
}

#[test]
fn a_golden_card() {
    let story = story();
    let card = serde_json::to_string(&score(&facts(&story))).expect("a card is JSON");
    let golden = concat!(
        r#"{"drill":"bad-deploy","mode":"live","seed":1,"listeners":30,"duration_s":75.0,"#,
        r#""silence_s":{"total":0.0,"max":0.0,"listeners":0},"#,
        r#""requests":{"total":41210,"failed":12,"retried":31,"resumed":4},"#,
        r#""suspected_s":0.9,"confirmed_s":1.6,"public_word_s":1.7,"cause_s":1.8,"mitigated_s":2.4,"#,
        r#""restored_s":41.0,"resolved_s":52.0,"#,
        r#""cause":{"kind":"bad_deploy","where":"version=1.5.0","rank":1,"#,
        r#""expected":{"kind":"bad_deploy","where":"version=1.5.0"}},"#,
        r#""incidents":1,"false_incidents":0,"pages":1,"#,
        r#""remedies":[{"kind":"roll_back","helped":true,"components":["login"]}],"guards_violated":0,"#,
        r#""budgets":[{"component":"login","indicator":"success","objective":90.0,"burn":0.25,"alert":null}],"#,
        r#""review":"reviews/2026-11-22-playback.md","passed":true,"failed_expectations":[]}"#
    );
    assert_eq!(card, golden);
}

/// One thing that goes otherwise.
type Change<'a> = &'a dyn Fn(&mut Facts<'_>);

#[test]
fn each_difference_is_said() {
    let story = story();
    let said = |change: Change<'_>| {
        let mut facts = facts(&story);
        change(&mut facts);
        score(&facts).failed_expectations.join("; ")
    };
    let nothing = |failed| {
        let requests = Requests { total: 40_000, failed, retried: 0, resumed: 0 };
        Some(Nothing { silence_s: silence([].into_iter()), requests })
    };
    let table: [(Change<'_>, &str); 11] = [
        (&|f| f.without = nothing(20), "users lost 12, and 20 with nothing done: at least 50 % saved expected"),
        (&|f| f.listeners[3].1 = account(1_700, 0), "1.2 s of silence, at most 0 s expected"),
        (&|f| f.listeners[3].1 = account(500, 2), "2 songs came with wrong bytes"),
        (&|f| f.cases[0].confirmed_at_ms = Some(at(2_500)), "confirmed after 2.5 s, within 2 s expected"),
        (&|f| f.cases[0].public_word_at_ms = None, "first public word never, within 5 s expected"),
        (&|f| f.cases[0].hypotheses.swap(0, 1), "cause host at replica=eu-2, bad_deploy at version=1.5.0 expected"),
        (&|f| f.cases.push(case()), "2 incidents confirmed, 1 expected"),
        (&|f| f.cases[0].remedies[0].stage = "reverted".to_owned(), "no remedy of kind roll_back that helped"),
        (&|f| f.orders = 2, "2 orders to the supervisor, 1 expected"),
        (&|f| f.violations = Ok(vec!["A1".to_owned()]), "1 guards violated: A1"),
        (&|f| f.violations = Err("404".to_owned()), "the hub's audit could not be had: 404"),
    ];
    for (change, expected) in table {
        assert_eq!(said(change), expected);
    }
}

#[test]
fn nothing_happened() {
    let story = story();
    let card = score(&Facts { cases: vec![], orders: 0, ..facts(&story) });
    assert_eq!((card.confirmed_s, card.cause, card.review, card.passed), (None, None, None, false));
    assert_eq!(card.failed_expectations.len(), 8, "{:?}", card.failed_expectations);
}

#[test]
fn an_incident_before_the_fault_is_false() {
    let story = story();
    let mut early = case();
    early.suspected_at_ms = Moment::from_millis(FAULT - 5_000);
    let card = score(&Facts { cases: vec![early, case()], ..facts(&story) });
    assert_eq!((card.incidents, card.false_incidents, card.suspected_s), (2, 1, Some(0.9)));
}
