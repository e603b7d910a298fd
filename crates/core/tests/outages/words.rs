//! Public words before they are said, and the clock on them.

use super::*;
use downbeat_core::incident::CommandRefused;
use downbeat_core::model::{Phase, Stage};

/// A toy in which eu-1 dies and nothing is done about it, so that it lasts.
fn lasting(change: impl Fn(&mut Policy)) -> Toy {
    let mut policy = policy();
    policy.act.modes.clear();
    change(&mut policy);
    let mut toy = Toy::new(policy);
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
    toy.run_until(30, "confirmation", |b| b.open().any(|i| i.confirmed_at.is_some()));
    toy
}

const ONE: IncidentId = IncidentId(1);

/// When each public word was said, counted from the confirmation.
fn said(toy: &Toy) -> Vec<(Stage, u64)> {
    let confirmed = toy.engine.book().incidents[&ONE].confirmed_at.expect("it is");
    let public = |record: &Record| match &record.event {
        Event::NoticeWritten { notice } if notice.audience == Audience::Public => {
            Some((notice.stage, record.at.since(confirmed).as_secs()))
        }
        _ => None,
    };
    toy.log.iter().filter_map(public).collect()
}

/// What the team was reminded of, counted from the confirmation: of which kind.
fn reminded(toy: &Toy) -> Vec<(&'static str, u64)> {
    let confirmed = toy.engine.book().incidents[&ONE].confirmed_at.expect("it is");
    let memo = |record: &Record| match &record.event {
        Event::MemoSent { memo, channel, .. } => {
            assert_eq!(
                (memo.phase, channel.as_str()),
                (Phase::Begun, "chat"),
                "nobody is called, and the end is known"
            );
            let case = &toy.engine.book().matters[&memo.matter];
            Some((case.matter.word(), record.at.since(confirmed).as_secs()))
        }
        _ => None,
    };
    toy.log.iter().filter_map(memo).collect()
}

#[test]
fn a_word_is_a_draft_for_as_long_as_its_stage_says() {
    let mut toy = lasting(|policy| {
        policy.tell.first_word_after = Duration::from_secs(20);
        policy.tell.resolved_after = Duration::from_secs(10);
    });
    let board = toy.engine.board(toy.now);
    let draft = &board.drafts[&ONE];
    let confirmed = toy.engine.book().incidents[&ONE].confirmed_at.expect("it is");
    assert_eq!((draft.stage, draft.goes_at), (Stage::Investigating, Some(confirmed + Duration::from_secs(20))));
    assert!(draft.body.starts_with("We see problems"), "{}", draft.body);
    toy.run(15);
    assert_eq!(said(&toy), []);
    toy.run(10);
    assert_eq!(said(&toy), [(Stage::Investigating, 20)]);
    assert!(toy.engine.board(toy.now).drafts.is_empty());
    toy.fault = Box::new(|_, _, _| None);
    toy.command("anna", Command::Resolve(ONE));
    let over = toy.engine.book().incidents[&ONE].resolved_at.expect("it is").since(confirmed).as_secs();
    toy.run(15);
    assert_eq!(said(&toy)[1..], [(Stage::Resolved, over + 10)], "also of what is over");
}

#[test]
fn what_is_held_back_waits_for_a_person_and_says_what_they_made_of_it() {
    let mut toy = lasting(|policy| policy.tell.first_word_after = Duration::from_secs(20));
    toy.command("anna", Command::ChangeDraft(ONE, "Some of you hear nothing.".into()));
    toy.command("anna", Command::HoldDraft(ONE));
    toy.run(60);
    assert_eq!(said(&toy), []);
    let mut again = Engine::new(toy.engine.policy().clone(), channels());
    toy.log.iter().for_each(|record| again.apply(record).expect("its own log"));
    assert_eq!(again.book(), toy.engine.book());
    let draft = again.board(toy.now).drafts[&ONE].clone();
    assert_eq!((draft.body.as_str(), draft.goes_at, draft.by), ("Some of you hear nothing.", None, Some(name("anna"))));
    assert_eq!(again.command(toy.now, &name("ben"), Command::HoldDraft(ONE)), Ok(vec![]), "it is held already");
    toy.command("ben", Command::SendDraft(ONE));
    toy.run(1);
    let word = toy.engine.book().incidents[&ONE].public_word().expect("said").notice.clone();
    assert_eq!((word.body.as_str(), word.stage), ("Some of you hear nothing.", Stage::Investigating));
    assert_eq!(said(&toy).len(), 1);
    let refused = toy.engine.command(toy.now, &name("ben"), Command::SendDraft(ONE));
    assert_eq!(refused, Err(CommandRefused::NoDraft(ONE)));
    assert_eq!(toy.engine.book().incidents[&ONE].draft, None);
}

#[test]
fn a_person_who_holds_one_stage_back_holds_no_other() {
    let mut toy = lasting(|policy| policy.tell.first_word_after = Duration::from_secs(20));
    toy.command("anna", Command::SendDraft(ONE));
    toy.run(1);
    toy.engine.command(toy.now, &name("anna"), Command::HoldDraft(ONE)).expect_err("nothing waits");
    toy.fault = Box::new(|_, _, _| None);
    toy.command("anna", Command::Resolve(ONE));
    toy.run(2);
    assert_eq!(said(&toy).last().map(|(stage, _)| *stage), Some(Stage::Resolved));
}

#[test]
fn the_team_is_reminded_of_the_first_word_and_of_each_promise_once() {
    let mut toy = lasting(|policy| policy.tell.first_word_after = Duration::from_secs(3_600));
    toy.command("anna", Command::HoldDraft(ONE));
    toy.run(290);
    assert_eq!(reminded(&toy), []);
    toy.run(420);
    assert_eq!(reminded(&toy), [("word_due", 300), ("word_overdue", 600)]);
    let mut again = Engine::new(toy.engine.policy().clone(), channels());
    toy.log.iter().for_each(|record| again.apply(record).expect("its own log"));
    toy.engine = again;
    toy.write(vec![Event::HubStarted { version: "next".into() }]);
    toy.run(60);
    assert_eq!(reminded(&toy).len(), 2, "a hub that starts again repeats nothing");
    toy.command("anna", Command::SendDraft(ONE));
    toy.run(1);
    assert_eq!(toy.engine.book().open_matters().count(), 0, "it was said");
    let said_at = said(&toy)[0].1;
    toy.run(31 * 60);
    let reminders = reminded(&toy);
    assert_eq!(reminders[2..], [("word_due", said_at + 25 * 60), ("word_overdue", said_at + 30 * 60)]);
    toy.command("anna", Command::Post(ONE, "We are still at it.".into()));
    toy.run(1);
    assert_eq!(toy.engine.book().open_matters().count(), 0);
    toy.fault = Box::new(|_, _, _| None);
    toy.command("anna", Command::Resolve(ONE));
    toy.run(40 * 60);
    assert_eq!(reminded(&toy).len(), 4, "what is over is waited for by nobody");
}

#[test]
fn nobody_is_reminded_of_what_goes_by_itself() {
    let mut toy = lasting(|policy| policy.tell.first_word_after = Duration::from_secs(400));
    toy.run(500);
    assert_eq!((reminded(&toy), said(&toy)), (vec![], vec![(Stage::Investigating, 400)]));
}
