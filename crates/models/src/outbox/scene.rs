//! The log with which the outbox' world begins: an incident is confirmed, and a restart has been started.

use downbeat_core::incident::{Actor, Channel, Engine, Event, Record};
use downbeat_core::model::{
    Actuation, Audience, CauseKind, Dimension, IncidentId, Mode, Moment, Name, Policy, Remedy, RemedyId, RemedyKind,
    Route, Slice, SourceClass, TrafficPlan,
};
use std::time::Duration;

/// When everything happens.
pub(super) const NOW: Moment = Moment::from_millis(1_000_000);
/// The incident.
pub(super) const INCIDENT: IncidentId = IncidentId(1);
/// Its remedy.
pub(super) const REMEDY: RemedyId = RemedyId { incident: INCIDENT, count: 1 };
/// The channels to whoever is on call.
pub(super) const PAGERS: [&str; 2] = ["pager-a", "pager-b"];

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a constant good name")
}

/// An engine that has taken in a log.
pub(super) fn engine(log: &[Record]) -> Engine {
    let channels = PAGERS.map(|pager| Channel { name: name(pager), audience: Audience::OnCall });
    let mut engine = Engine::new(Policy::default(), channels.to_vec());
    log.iter().for_each(|record| engine.apply(record).expect("the log was written by the same engine"));
    engine
}

/// The log so far.
pub(super) fn beginning() -> Vec<Record> {
    let slice = Slice::of(Dimension::Replica, name("eu-1"));
    let remedy = Remedy {
        id: REMEDY,
        kind: RemedyKind::Restart,
        answers: CauseKind::Host,
        slice: slice.clone(),
        route: Route::Away { replicas: vec![name("eu-1")], component: None },
        actuation: Some(Actuation::Restart { replica: name("eu-1") }),
        predicted: String::new(),
        undo: String::new(),
        // Nobody judges it within the model.
        check_after: Duration::from_secs(86_400),
    };
    let (bits, findings) = (Default::default(), vec![]);
    let plan = TrafficPlan { epoch: 1, ..TrafficPlan::default() };
    let events = [
        Event::Suspected { incident: INCIDENT, title: "Trouble".into(), slice, since: NOW, findings, bits },
        Event::Confirmed { incident: INCIDENT, first: SourceClass::Edge, bits: Default::default(), why: String::new() },
        Event::Diagnosed { incident: INCIDENT, hypotheses: vec![] },
        Event::RemedyProposed { remedy, mode: Mode::Auto },
        Event::RemedyStarted { remedy: REMEDY, by: Actor::Automation, plan },
    ];
    (1..).zip(events).map(|(seq, event)| Record { seq, at: NOW, event }).collect()
}
