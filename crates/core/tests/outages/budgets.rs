//! An error budget that burns: believed by rule, though no sequential test finds anything unusual.

use super::*;
use downbeat_core::detect::Urgency;
use downbeat_core::model::Objective;

fn promised(percent: f64) -> Policy {
    let objective = Objective::percent(percent).expect("a good objective");
    let mut promised = Policy { objectives: [(name("search"), objective)].into(), ..policy() };
    // Nothing is done about it, so that it lasts.
    promised.act.modes.clear();
    promised
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
    let reading = toy.engine.board(toy.now).budgets[&name("search")].clone();
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
