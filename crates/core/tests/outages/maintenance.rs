//! Announced work: kept by the clock, and no reason to call anybody before it is over.

use super::*;
use downbeat_core::incident::{CommandRefused, Maintenance, MaintenancePhase};
use downbeat_core::model::{Appointment, MaintenanceId};

const ONE: MaintenanceId = MaintenanceId(1);
const TWO: MaintenanceId = MaintenanceId(2);

/// Work on components, from so many seconds after now on, for so many.
fn work(toy: &Toy, components: &[&str], after_s: u64, for_s: u64) -> Appointment {
    let start = toy.now + Duration::from_secs(after_s);
    let components = components.iter().map(|component| name(component)).collect();
    Appointment { title: "New database".into(), components, start, end: start + Duration::from_secs(for_s) }
}

impl Toy {
    fn schedule(&mut self, components: &[&str], after_s: u64, for_s: u64) {
        let appointment = work(self, components, after_s, for_s);
        self.command("mira", Command::Schedule(appointment, "We **move** to a new database.".into()));
    }

    fn maintenance(&self, id: MaintenanceId) -> &Maintenance {
        &self.engine.book().maintenances[&id]
    }

    fn phase(&self, id: MaintenanceId) -> MaintenancePhase {
        self.maintenance(id).phase
    }

    fn refusal(&mut self, command: Command) -> CommandRefused {
        self.engine.command(self.now, &name("mira"), command).expect_err("refused")
    }

    /// These components fail everywhere.
    fn breaks(&mut self, components: &'static [&'static str]) {
        self.fault = Box::new(|_, component, _| components.contains(&component).then_some((FailureKind::Status, 1.0)));
    }

    /// Seconds from then to each word to whoever is on call, with its stage.
    fn calls_after(&self, from: Moment) -> Vec<(u64, &'static str)> {
        let call = |record: &Record| match &record.event {
            Event::NoticeWritten { notice } if notice.audience == Audience::OnCall => {
                Some((record.at.since(from).as_secs(), notice.stage.word()))
            }
            _ => None,
        };
        self.log.iter().filter_map(call).collect()
    }
}

#[test]
fn announced_work_begins_and_ends_by_the_clock_or_is_called_off() {
    let mut toy = Toy::new(policy());
    toy.schedule(&["login"], 10, 10);
    toy.schedule(&["playback"], 3_600, 600);
    let again = work(&toy, &["playback"], 3_600, 600);
    toy.command("mira", Command::Schedule(again, "Once more, for nobody answered.".into()));
    assert_eq!(toy.engine.book().open_maintenances().len(), 2, "a repeat is none");
    toy.command("mira", Command::Cancel(TWO, "The new disks are late.".into()));
    let mut longer = toy.maintenance(ONE).appointment.clone();
    longer.components.insert(name("search"));
    toy.command("ann", Command::ChangeAppointment(ONE, longer.clone(), "Search is part of it.".into()));
    toy.run(9);
    assert_eq!((toy.phase(ONE), toy.phase(TWO)), (MaintenancePhase::Scheduled, MaintenancePhase::Cancelled));
    toy.run(1);
    assert_eq!((toy.phase(ONE), toy.maintenance(ONE).began_at), (MaintenancePhase::InProgress, Some(longer.start)));
    let under = |toy: &Toy| COMPONENTS.map(|component| toy.engine.book().is_under_maintenance(&name(component)));
    assert_eq!(under(&toy), [true, false, true]);
    toy.run(10);
    assert_eq!((toy.phase(ONE), toy.maintenance(ONE).ended_at), (MaintenancePhase::Completed, Some(longer.end)));
    assert_eq!(under(&toy), [false; 3]);
    assert_eq!((toy.maintenance(ONE).changes, toy.maintenance(ONE).words.len()), (1, 4));
    assert!(toy.engine.book().open_maintenances().is_empty());
}

#[test]
fn a_hub_that_was_away_catches_up_with_the_clock() {
    let mut toy = Toy::new(policy());
    toy.schedule(&["login"], 10, 10);
    toy.now = toy.now + Duration::from_secs(60);
    toy.settle();
    assert_eq!((toy.phase(ONE), toy.maintenance(ONE).began_at), (MaintenancePhase::Completed, Some(toy.now)));
}

#[test]
fn nobody_is_called_about_announced_work_before_it_is_over() {
    let mut toy = Toy::new(policy());
    toy.schedule(&["login"], 0, 40);
    toy.run(1);
    let begin = toy.now;
    toy.breaks(&["login"]);
    toy.run(30);
    let incident = &toy.engine.book().incidents[&IncidentId(1)];
    assert!(incident.confirmed_at.is_some(), "it is watched and believed like any other");
    assert!(incident.public_word().is_some(), "and the public reads what is known (J1)");
    assert_eq!(toy.calls_after(begin), []);
    toy.run(15);
    let calls = toy.calls_after(begin);
    assert!(matches!(calls[..], [(39..=41, "investigating")]), "the work is over and login is not back: {calls:?}");
}

#[test]
fn what_came_and_went_within_announced_work_was_no_reason_to_call() {
    let mut toy = Toy::new(policy());
    toy.schedule(&["login"], 0, 300);
    toy.run(1);
    let begin = toy.now;
    toy.breaks(&["login"]);
    toy.run(10);
    toy.breaks(&[]);
    toy.run_until(250, "the end", |book| book.incidents.values().any(|it| it.state == State::Reviewed));
    toy.run_until(300, "the end of the work", |book| book.open_maintenances().is_empty());
    toy.run(5);
    assert_eq!(toy.calls_after(begin), []);
}

#[test]
fn what_else_breaks_calls_at_once() {
    let mut toy = Toy::new(policy());
    toy.schedule(&["login"], 0, 3_600);
    toy.run(1);
    let begin = toy.now;
    toy.breaks(&["login", "playback"]);
    toy.run(10);
    assert!(matches!(toy.calls_after(begin)[..], [(0..=5, _), ..]), "{:?}", toy.calls_after(begin));
}

#[test]
fn bad_appointments_are_refused_by_the_name_of_their_field() {
    let mut toy = Toy::new(policy());
    let good = work(&toy, &["login"], 60, 600);
    let at = |s: u64| Moment::from_millis(toy.now.as_millis() - 20_000 + s * 1_000);
    let long = |count: usize| "x".repeat(count);
    let table = [
        (
            Appointment { title: "  ".into(), ..good.clone() },
            "We work.",
            "title: a title has 1 to 200 characters, this one has 0",
        ),
        (
            Appointment { title: long(201), ..good.clone() },
            "We work.",
            "title: a title has 1 to 200 characters, this one has 201",
        ),
        (
            Appointment { title: "a\u{1b}[2J".into(), ..good.clone() },
            "We work.",
            "title: a title is one line without control characters",
        ),
        (Appointment { components: [].into(), ..good.clone() }, "We work.", "components: name at least one"),
        (
            Appointment { components: [name("billing")].into(), ..good.clone() },
            "We work.",
            "components: there is no component billing here",
        ),
        (Appointment { start: at(100), end: at(100), ..good.clone() }, "We work.", "end: it has to be after the start"),
        (Appointment { start: at(100), end: at(90), ..good.clone() }, "We work.", "end: it has to be after the start"),
        (
            Appointment { start: at(100), end: at(100 + 86_401), ..good.clone() },
            "We work.",
            "end: at most 24 h after the start; longer work is several maintenances",
        ),
        (Appointment { start: at(0), end: at(10), ..good.clone() }, "We work.", "end: it is over already"),
        (
            Appointment { start: Moment::from_millis(900_000), end: at(200_000), ..good.clone() },
            "We work.",
            "start: it was 2 min ago",
        ),
        (
            Appointment { start: at(40_000_000), end: at(40_000_001), ..good.clone() },
            "We work.",
            "start: at most 366 days ahead",
        ),
        (good.clone(), " \n", "text: a word has 1 to 5000 characters, this one has 0"),
        (good.clone(), &long(5_001), "text: a word has 1 to 5000 characters, this one has 5001"),
    ];
    for (appointment, text, expected) in table {
        assert_eq!(toy.refusal(Command::Schedule(appointment, text.into())).to_string(), expected);
    }
    assert!(toy.engine.book().maintenances.is_empty());
}

#[test]
fn what_does_not_fit_where_it_stands_is_refused() {
    let mut toy = Toy::new(policy());
    let good = work(&toy, &["login"], 60, 600);
    assert_eq!(toy.refusal(Command::Finish(ONE)), CommandRefused::NoMaintenance(ONE));
    toy.command("mira", Command::Schedule(good.clone(), "We work.".into()));
    assert_eq!(toy.refusal(Command::Finish(ONE)), CommandRefused::NotBegun(ONE));
    toy.run(61);
    assert_eq!(toy.refusal(Command::Cancel(ONE, "No.".into())), CommandRefused::Begun(ONE));
    let moved = work(&toy, &["login"], 60, 600);
    let change = Command::ChangeAppointment(ONE, moved, "Later.".into());
    assert_eq!(toy.refusal(change).to_string(), "start: the work has begun: when it did stays as it is");
    toy.command("mira", Command::Finish(ONE));
    let change = Command::ChangeAppointment(ONE, good, "Longer.".into());
    assert_eq!(toy.refusal(change).to_string(), "maintenance 1 is completed");
}

#[test]
fn a_hundred_may_be_scheduled() {
    let mut toy = Toy::new(policy());
    for n in 0..100 {
        toy.schedule(&["login"], 3_600 + n, 600);
    }
    let one_more = work(&toy, &["login"], 60, 600);
    let refusal = toy.refusal(Command::Schedule(one_more, "We work.".into()));
    assert_eq!(refusal, CommandRefused::Full(100));
}

#[test]
fn a_log_in_which_a_maintenance_moves_as_it_cannot_does_not_fit() {
    let mut toy = Toy::new(policy());
    let seq = toy.log.len() as u64 + 1;
    let stray = Event::MaintenanceBegan { maintenance: ONE, body: "Begun.".into() };
    let error = toy.engine.apply(&Record { seq, at: toy.now, event: stray }).expect_err("no such maintenance");
    assert_eq!(error.to_string(), format!("record {seq} cannot happen to a maintenance that is not scheduled"));
}
