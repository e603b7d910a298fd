//! An error budget that burns: believed by rule, though no sequential test finds anything unusual.

use super::*;
use downbeat_core::model::{BudgetId, Indicator, LatencyObjective, Measure, Objective, Objectives, Phase, Urgency};

fn promised(percent: f64) -> Policy {
    let objective = Objective::percent(percent).expect("a good objective");
    promising(objective.into())
}

fn promising(objectives: Objectives) -> Policy {
    let mut promised = Policy { objectives: [(name("search"), objectives)].into(), ..policy() };
    // Nothing is done about it, so that it lasts.
    promised.act.modes.clear();
    promised
}

fn budget(indicator: Indicator) -> BudgetId {
    BudgetId { component: name("search"), indicator }
}

/// One in five hundred fails: as many as health is allowed.
fn a_few_fail(toy: &mut Toy) {
    toy.extra = vec![("search", "127.31.0.0/24", 499, None), ("search", "127.31.0.0/24", 1, Some(FailureKind::Status))];
}

#[test]
fn a_small_share_of_failures_that_lasts_calls_somebody_where_more_is_promised() {
    let mut toy = Toy::new(promised(99.99));
    a_few_fail(&mut toy);
    toy.run_until(90, "the incident", |b| b.open().any(|i| i.confirmed_at.is_some()));
    let incident = toy.engine.book().open().next().expect("it is open").clone();
    let why = toy.log.iter().find_map(|record| match &record.event {
        Event::Confirmed { why, .. } => Some(why.clone()),
        _ => None,
    });
    let why = why.expect("it was confirmed");
    assert!(why.starts_with("the error budget burns"), "{why}");
    assert_eq!(incident.slice.to_string(), "component=search");
    let reading = toy.engine.board(toy.now).budgets[&budget(Indicator::Success)].clone();
    assert_eq!(reading.burning.map(|burning| burning.rule.urgency), Some(Urgency::Page));
    toy.run(60);
    assert_eq!(toy.engine.book().incidents.len(), 1, "one incident while it lasts");
    toy.extra.clear();
    // The slower of the two rules looks at half an hour.
    toy.run_until(2_400, "the review", reviewed);
    assert!(toy.engine.book().plan.is_idle());
    assert_eq!(toy.engine.book().incidents.len(), 1, "and none after it");
}

#[test]
fn the_same_failures_are_nothing_where_nothing_or_less_is_promised() {
    for policy in [policy(), promised(99.0)] {
        let mut toy = Toy::new(policy);
        a_few_fail(&mut toy);
        toy.run(120);
        assert_eq!(toy.engine.book().incidents.len(), 0);
    }
}

/// 90 % within 300 ms are promised.
fn promised_in_time() -> Policy {
    let share = Objective::percent(90.0).expect("a good objective");
    let latency = LatencyObjective::new(Duration::from_millis(300), share).expect("a good promise");
    promising(Objectives { success: None, latency: Some(latency) })
}

/// A hundred answers a second, so many of which take half a second.
fn answers(late: u64) -> Vec<ComponentRow> {
    let mut first_byte = Sketch::default();
    first_byte.count_times(20_000, 100 - late);
    first_byte.count_times(500_000, late);
    vec![ComponentRow { component: name("search"), first_byte }]
}

#[test]
fn answers_that_are_late_for_too_long_call_somebody_though_nothing_fails() {
    let mut toy = Toy::new(promised_in_time());
    toy.answers = answers(80);
    toy.run_until(90, "the incident", |b| b.open().count() == 1);
    let why = toy.log.iter().find_map(|record| match &record.event {
        Event::Confirmed { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(why.as_deref(), Some("the latency budget burns 8 times as fast as it may"));
    let incident = toy.engine.book().open().next().expect("it is open");
    let finding = &incident.findings[0];
    assert_eq!((finding.measure, incident.slice.to_string().as_str()), (Measure::LatencyBudget, "component=search"));
    assert!((finding.observed - 0.8).abs() < 0.02 && (finding.expected - 0.1).abs() < 1e-9, "{finding:?}");
    let burning = toy.engine.board(toy.now).budgets[&budget(Indicator::Latency)].burning.expect("it burns");
    assert_eq!((burning.rule.urgency, burning.rule.long.as_secs()), (Urgency::Page, 6 * 3_600));
    toy.answers = answers(0);
    toy.run_until(2_400, "the review", reviewed);
    assert_eq!(toy.engine.book().incidents.len(), 1);
}

#[test]
fn a_few_late_answers_are_what_is_allowed() {
    let mut toy = Toy::new(promised_in_time());
    toy.answers = answers(9);
    toy.run(300);
    assert_eq!(toy.engine.book().incidents.len(), 0);
    let reading = toy.engine.board(toy.now).budgets[&budget(Indicator::Latency)].clone();
    assert!(reading.burning.is_none() && (0.05..0.2).contains(&reading.left), "{reading:?}");
}

/// What went to the team, in the order in which their channel took it.
fn told_the_team(toy: &Toy) -> Vec<(Phase, String)> {
    let memo = |record: &Record| match &record.event {
        Event::MemoSent { memo, channel, .. } => {
            assert_eq!(channel.as_str(), "chat", "a ticket calls nobody, and the public hears nothing of it");
            Some((memo.phase, toy.engine.book().matters[&memo.matter].title.clone()))
        }
        _ => None,
    };
    toy.log.iter().filter_map(memo).collect()
}

/// One in five thousand fails: twice what 99.99 % allow, and less than anything else here finds.
fn hardly_any_fail(toy: &mut Toy) {
    toy.extra =
        vec![("search", "127.31.0.0/24", 4_999, None), ("search", "127.31.0.0/24", 1, Some(FailureKind::Status))];
}

#[test]
fn a_budget_that_burns_slowly_is_a_ticket_once_and_a_word_when_it_is_over() {
    let mut toy = Toy::new(promised(99.99));
    hardly_any_fail(&mut toy);
    toy.run(300);
    assert_eq!(toy.engine.book().incidents.len(), 0, "it opens nothing");
    let title = "search uses up its error budget".to_owned();
    assert_eq!(told_the_team(&toy), [(Phase::Begun, title.clone())], "once while it burns");
    let case = toy.engine.book().open_matters().next().expect("it is open").clone();
    assert_eq!((case.urgency, case.told.len()), (Urgency::Ticket, 1));
    assert!(case.body.contains("Over 3 days it was used up 1.9 times as fast"), "{}", case.body);
    // So many are served well that the share is as promised, over six hours and over three days.
    toy.extra = vec![("search", "127.31.0.0/24", 1_000_000, None)];
    toy.run(3_500);
    assert_eq!(told_the_team(&toy).len(), 1, "it might come back");
    toy.run(300);
    assert_eq!(told_the_team(&toy)[1..], [(Phase::Over, title)], "an hour later nobody doubts it");
    assert!(!toy.engine.book().matters[&case.id].is_open() && toy.engine.book().pending.is_empty());
    toy.expect_a_clean_log();
}

#[test]
fn a_hub_that_starts_again_repeats_no_ticket() {
    let mut toy = Toy::new(promised(99.99));
    hardly_any_fail(&mut toy);
    toy.run(60);
    let mut again = Engine::new(toy.engine.policy().clone(), channels());
    toy.log.iter().for_each(|record| again.apply(record).expect("its own log"));
    assert_eq!(again.book(), toy.engine.book());
    toy.engine = again;
    toy.write(vec![Event::HubStarted { version: "next".into() }]);
    toy.run(120);
    assert_eq!(told_the_team(&toy).len(), 1);
    assert_eq!(toy.engine.book().open_matters().count(), 1, "it still burns");
}
