//! Which marks a line of the log reaches.

use crate::world::World;
use downbeat_core::incident::{Actor, Event, Outcome, Record, RemedyStage};
use downbeat_core::model::{IncidentId, Mode, RemedyId, Strength};

impl World {
    pub(super) fn mark_record(&mut self, record: &Record) {
        let mark = match &record.event {
            Event::RemedyProposed { remedy, mode } => {
                if *mode == Mode::Ask && self.shape.mode == Mode::Auto && !self.is_taken_over(remedy.id.incident) {
                    self.marks.reach("arming: lapsed, a remedy asks");
                }
                format!("proposed: {} {mode:?}", remedy.kind)
            }
            Event::RemedyRefused { kind, guard, .. } => {
                self.marks.reach(&format!("guard: {guard}"));
                format!("refused: {kind}")
            }
            Event::RemedyStarted { remedy, by, .. } => {
                let kind = self.kind(*remedy);
                format!("started: {kind} by {}", if *by == Actor::Automation { "automation" } else { "a person" })
            }
            Event::RemedyJudged { remedy, verdict, .. } => format!("judged: {} {verdict:?}", self.kind(*remedy)),
            Event::RampStepped { remedy, share, .. } => {
                self.marks.reach(&format!("ramp: {share}"));
                let book = self.hub.desk.as_ref().map(|desk| desk.engine().book());
                if book.is_some_and(|book| book.in_force().any(|case| case.stage == RemedyStage::Kept)) {
                    self.marks.reach("ramp: another one waits for its turn");
                }
                format!("lifted: {}", self.kind(*remedy))
            }
            Event::FeatureStepped { admitted: Strength::NONE, .. } => "feature: out again".into(),
            Event::FeatureStepped { admitted, .. } => format!("feature: {admitted}"),
            Event::FeatureSwitched { to, .. } => format!("feature: switched {to:?}"),
            Event::Diagnosed { hypotheses, .. } => {
                format!("diagnosed: {}", hypotheses.first().map_or("nothing".into(), |h| h.kind.to_string()))
            }
            Event::Confirmed { first, .. } => format!("confirmed: {} first", first.word()),
            Event::Resolved { by, .. } => {
                format!("resolved: by {}", if *by == Actor::Automation { "automation" } else { "a person" })
            }
            Event::NoticeWritten { notice } => format!("notice: {:?} {:?}", notice.audience, notice.stage),
            Event::NoticeSent { outcome, .. } => {
                let how = if *outcome == Outcome::Done { "taken" } else { "not taken" };
                format!("notice: {how}")
            }
            Event::ActuationEnded { outcome, .. } => {
                let how = if *outcome == Outcome::Done { "done" } else { "failed" };
                format!("actuation: {how}")
            }
            Event::OperatorActed { verb, .. } => format!("operator: {verb:?} is written"),
            Event::HubStarted { .. } => "event: hub started".into(),
            Event::ChannelsSet { .. } => "event: channels set".into(),
            Event::Armed { .. } => "event: armed".into(),
            Event::DrillPassed { .. } => "event: drill passed".into(),
            Event::ChangeTold { change } => format!("event: change told, {:?}", change.kind),
            Event::Suspected { .. } => "event: suspected".into(),
            Event::EvidenceGrew { .. } => "event: evidence grew".into(),
            Event::Dismissed { .. } => "event: dismissed".into(),
            Event::Mitigated { .. } => "event: mitigated".into(),
            Event::Relapsed { why, .. } => {
                if why.ends_with("of the usual traffic") {
                    self.marks.reach("ramp: a step failed");
                }
                "event: relapsed".into()
            }
            Event::Restored { .. } => "event: restored".into(),
            Event::Reviewed { .. } => "event: reviewed".into(),
            Event::Reopened { to, .. } => format!("event: reopened as {}", to.word()),
            Event::Merged { by, .. } => {
                format!("event: merged by {}", if *by == Actor::Automation { "automation" } else { "a person" })
            }
            Event::Split { .. } => "event: split".into(),
            Event::PlanFound { .. } => "event: plan found in force".into(),
            Event::PlanRenewed { .. } => "event: plan renewed".into(),
            Event::PlanRefused { .. } => "event: plan refused".into(),
            Event::MaintenanceScheduled { .. } => "event: maintenance scheduled".into(),
            Event::MaintenanceUpdated { .. } => "event: maintenance updated".into(),
            Event::MaintenanceBegan { .. } => "event: maintenance began".into(),
            Event::MaintenanceEnded { .. } => "event: maintenance ended".into(),
            Event::MaintenanceCancelled { .. } => "event: maintenance cancelled".into(),
            Event::DraftEdited { .. } => "event: draft edited".into(),
            Event::MatterBegan { matter, .. } => format!("event: matter began, {}", matter.word()),
            Event::MatterEnded { .. } => "event: matter ended".into(),
            Event::MemoSent { .. } => "event: memo sent".into(),
            Event::HistoryImported { .. } => "event: history imported".into(),
            Event::HistoryRemoved { .. } => "event: history removed".into(),
        };
        self.marks.reach(&mark);
    }

    fn is_taken_over(&self, incident: IncidentId) -> bool {
        let book = self.hub.desk.as_ref().map(|desk| desk.engine().book());
        book.and_then(|book| book.incidents.get(&incident)).is_none_or(|incident| incident.taken_by.is_some())
    }

    fn kind(&self, remedy: RemedyId) -> String {
        self.judge.remedies.get(&remedy).map_or_else(|| "?".into(), |case| case.remedy.kind.to_string())
    }
}
