//! A13: what nobody has tried for too long asks, and says why.

use super::*;

const ONE: IncidentId = IncidentId(1);

/// What is armed lapses before anything happens: the toy is well for its first twenty seconds.
fn lapsing() -> Policy {
    let mut lapsing = policy();
    lapsing.act.armed_for = Duration::from_secs(15);
    lapsing
}

fn drill(components: &[&str]) -> Command {
    let tried = components.iter().map(|component| (name(component), RemedyKind::ALL.into()));
    Command::PassDrill(name("host"), tried.collect())
}

fn broken(toy: &mut Toy) {
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
}

fn last_page(toy: &Toy) -> String {
    let on_call = |case: &&downbeat_core::incident::NoticeCase| case.notice.audience == Audience::OnCall;
    let notices = &toy.engine.book().incidents[&ONE].notices;
    notices.iter().rev().find(on_call).map(|case| case.notice.body.clone()).expect("somebody was paged")
}

#[test]
fn what_was_not_tried_in_time_asks_and_says_why() {
    let mut toy = Toy::new(lapsing());
    toy.command("ann", drill(&["login", "playback"]));
    broken(&mut toy);
    toy.run(20);
    let case = &toy.engine.book().incidents[&ONE].remedies[0];
    assert_eq!((case.stage, case.mode), (RemedyStage::Proposed, Mode::Ask));
    let page = last_page(&toy);
    assert!(page.contains("waits for your approval: no drill of restart on search has passed within 15"), "{page}");
    let id = case.remedy.id;
    toy.command("ann", Command::Approve(id));
    assert_eq!(toy.engine.book().remedy(id).map(|case| case.stage), Some(RemedyStage::Started));
}

#[test]
fn what_was_tried_in_time_acts_by_itself() {
    let mut toy = Toy::new(lapsing());
    toy.command("ann", drill(&COMPONENTS));
    broken(&mut toy);
    toy.run_until(10, "a start", |book| book.in_force().next().is_some());
}

#[test]
fn a_drill_of_nothing_or_of_another_service_is_refused() {
    let mut toy = Toy::new(policy());
    let mut refused = |command| toy.engine.command(toy.now, &name("ann"), command).expect_err("refused").to_string();
    assert_eq!(refused(drill(&["billing"])), "there is no component billing here");
    assert_eq!(refused(drill(&[])), "drill host has tried nothing");
}
