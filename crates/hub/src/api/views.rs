//! Incidents as JSON: a line for lists, and everything that belongs to one.

use downbeat_core::incident::{Actor, Board, Draft, Incident, NoticeCase, Outcome, Record, RemedyCase, WordClock};
use downbeat_core::model::{
    Actuation, Audience, Bits, CauseKind, Finding, Hypothesis, IncidentId, Mode, Moment, Name, RemedyKind, Route,
    Slice, SourceClass, Topology,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An incident in a list.
#[derive(Debug, Serialize)]
pub(super) struct IncidentLine {
    id: u64,
    title: String,
    slice: Slice,
    state: &'static str,
    /// The most likely cause.
    cause: Option<CauseView>,
    acked_by: Option<Name>,
    /// Who has taken it over: automation only proposes then.
    taken_by: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found_on: Option<Name>,
    /// The incident that it became part of.
    merged_into: Option<IncidentId>,
    relapses: u32,
    #[serde(flatten)]
    times: Times,
}

/// When what happened; `null` when it did not.
#[derive(Debug, Serialize)]
pub(super) struct Times {
    /// Estimated start of the outage.
    since_ms: Moment,
    state_since_ms: Moment,
    suspected_at_ms: Moment,
    confirmed_at_ms: Option<Moment>,
    /// When the first public notice stood on the status page.
    public_word_at_ms: Option<Moment>,
    diagnosed_at_ms: Option<Moment>,
    mitigated_at_ms: Option<Moment>,
    restored_at_ms: Option<Moment>,
    resolved_at_ms: Option<Moment>,
}

#[derive(Debug, Serialize)]
struct CauseView {
    kind: CauseKind,
    /// For people.
    title: &'static str,
    slice: Slice,
    /// 0 to 1.
    posterior: f64,
}

/// Everything that belongs to an incident.
#[derive(Debug, Serialize)]
pub(super) struct IncidentView {
    #[serde(flatten)]
    line: IncidentLine,
    /// Incidents that became part of it.
    absorbed: Vec<IncidentId>,
    /// The incident that it was once a part of.
    split_from: Option<IncidentId>,
    /// Components that left it, and the incidents they have now.
    left: BTreeMap<Name, IncidentId>,
    /// The class that saw it first.
    first_class: Option<SourceClass>,
    /// The evidence by class at its height.
    bits: BTreeMap<SourceClass, Bits>,
    findings: Vec<Finding>,
    hypotheses: Vec<Hypothesis>,
    remedies: Vec<RemedyView>,
    refusals: Vec<RefusalView>,
    notices: Vec<NoticeView>,
    /// The public word that waits to be said.
    draft: Option<DraftView>,
    /// Until when the public has to hear something; `null` when it need not.
    word_clock: Option<ClockView>,
    /// The review's file in the data directory.
    review: Option<String>,
    timeline: Vec<TimelineLine>,
}

#[derive(Debug, Serialize)]
struct DraftView {
    stage: &'static str,
    title: String,
    body: String,
    since_ms: Moment,
    /// When it goes out by itself; `null` while it is held back.
    goes_at_ms: Option<Moment>,
    /// Who changed it or holds it back.
    by: Option<Name>,
}

#[derive(Debug, Serialize)]
struct ClockView {
    /// So many public words were said.
    said: u32,
    /// When the last one was; before the first one, when the incident was confirmed.
    since_ms: Moment,
    due_ms: Moment,
}

#[derive(Debug, Serialize)]
struct RemedyView {
    id: String,
    kind: RemedyKind,
    answers: CauseKind,
    slice: Slice,
    route: Route,
    /// The components whose traffic the route changes.
    components: BTreeSet<Name>,
    actuation: Option<Actuation>,
    predicted: String,
    undo: String,
    check_after_ms: u64,
    mode: Mode,
    stage: &'static str,
    /// Share of the usual traffic that its targets get now, 0 to 1.
    share: f64,
    since_ms: Moment,
    started_at_ms: Option<Moment>,
    by: Option<Actor>,
    actuated: Option<Outcome>,
    actuated_at_ms: Option<Moment>,
    observed: Option<String>,
}

#[derive(Debug, Serialize)]
struct RefusalView {
    kind: RemedyKind,
    slice: Slice,
    guard: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct NoticeView {
    id: String,
    audience: Audience,
    stage: &'static str,
    title: String,
    body: String,
    at_ms: Moment,
    sent: BTreeMap<Name, SentView>,
}

#[derive(Debug, Serialize)]
struct SentView {
    at_ms: Moment,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A line of the log with its words for people.
#[derive(Debug, Serialize)]
struct TimelineLine {
    headline: String,
    #[serde(flatten)]
    record: Record,
}

impl IncidentLine {
    pub(super) fn of(incident: &Incident) -> Self {
        Self {
            id: incident.id.0,
            title: incident.title.clone(),
            slice: incident.slice.clone(),
            state: incident.state.word(),
            cause: incident.cause().map(CauseView::of),
            acked_by: incident.acked_by.clone(),
            taken_by: incident.taken_by.clone(),
            found_on: incident.found_on.clone(),
            merged_into: incident.merged_into,
            relapses: incident.relapses,
            times: Times::of(incident),
        }
    }
}

impl Times {
    fn of(incident: &Incident) -> Self {
        Self {
            since_ms: incident.since,
            state_since_ms: incident.state_since,
            suspected_at_ms: incident.suspected_at,
            confirmed_at_ms: incident.confirmed_at,
            public_word_at_ms: first_public_word(incident),
            diagnosed_at_ms: incident.diagnosed_at,
            mitigated_at_ms: incident.mitigated_at,
            restored_at_ms: incident.restored_at,
            resolved_at_ms: incident.resolved_at,
        }
    }
}

fn first_public_word(incident: &Incident) -> Option<Moment> {
    let public = incident.notices.iter().filter(|case| case.notice.audience == Audience::Public);
    public.filter_map(|case| case.sent.get(crate::outbox::STATUS_PAGE)).map(|(at, _)| *at).min()
}

impl CauseView {
    fn of(cause: &Hypothesis) -> Self {
        let Hypothesis { kind, slice, posterior, .. } = cause;
        Self { kind: *kind, title: kind.title(), slice: slice.clone(), posterior: *posterior }
    }
}

impl IncidentView {
    pub(super) fn of(incident: &Incident, topology: &Topology, board: &Board) -> Self {
        let refusal = |(kind, slice, guard, why): &(RemedyKind, Slice, String, String)| RefusalView {
            kind: *kind,
            slice: slice.clone(),
            guard: guard.clone(),
            why: why.clone(),
        };
        Self {
            line: IncidentLine::of(incident),
            absorbed: incident.absorbed.clone(),
            split_from: incident.split_from.as_ref().map(|from| from.incident),
            left: incident.left.clone(),
            first_class: incident.first_class,
            bits: incident.bits.clone(),
            findings: incident.findings.clone(),
            hypotheses: incident.hypotheses.clone(),
            remedies: incident.remedies.iter().map(|case| RemedyView::of(case, topology)).collect(),
            refusals: incident.refusals.iter().map(refusal).collect(),
            notices: incident.notices.iter().map(NoticeView::of).collect(),
            draft: board.drafts.get(&incident.id).map(DraftView::of),
            word_clock: board.word_clocks.get(&incident.id).map(ClockView::of),
            review: incident.review.clone(),
            timeline: incident.timeline.iter().map(TimelineLine::of).collect(),
        }
    }
}

impl DraftView {
    fn of(draft: &Draft) -> Self {
        Self {
            stage: draft.stage.word(),
            title: draft.title.clone(),
            body: draft.body.clone(),
            since_ms: draft.since,
            goes_at_ms: draft.goes_at,
            by: draft.by.clone(),
        }
    }
}

impl ClockView {
    fn of(clock: &WordClock) -> Self {
        Self { said: clock.said, since_ms: clock.since, due_ms: clock.due }
    }
}

impl RemedyView {
    fn of(case: &RemedyCase, topology: &Topology) -> Self {
        let remedy = case.remedy.clone();
        Self {
            id: remedy.id.to_string(),
            kind: remedy.kind,
            answers: remedy.answers,
            slice: remedy.slice,
            components: remedy.route.components(topology),
            route: remedy.route,
            actuation: remedy.actuation,
            predicted: remedy.predicted,
            undo: remedy.undo,
            check_after_ms: u64::try_from(remedy.check_after.as_millis()).unwrap_or(u64::MAX),
            mode: case.mode,
            stage: case.stage.word(),
            share: case.share.as_ratio(),
            since_ms: case.since,
            started_at_ms: case.started_at,
            by: case.by.clone(),
            actuated: case.actuated.clone(),
            actuated_at_ms: case.actuated_at,
            observed: case.observed.clone(),
        }
    }
}

impl NoticeView {
    fn of(case: &NoticeCase) -> Self {
        let sent = |(channel, (at, outcome)): (&Name, &(Moment, Outcome))| {
            (channel.clone(), SentView { at_ms: *at, outcome: outcome.clone() })
        };
        Self {
            id: case.notice.id.to_string(),
            audience: case.notice.audience,
            stage: case.notice.stage.word(),
            title: case.notice.title.clone(),
            body: case.notice.body.clone(),
            at_ms: case.at,
            sent: case.sent.iter().map(sent).collect(),
        }
    }
}

impl TimelineLine {
    fn of(record: &Record) -> Self {
        Self { headline: record.event.headline(), record: record.clone() }
    }
}
