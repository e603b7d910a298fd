//! The words every stage speaks: time, names, slices, signals, findings, causes, remedies, plans, notices.
//!
//! Nothing here decides anything. What crosses a process boundary derives `Serialize` and is part of the
//! wire or log format; what does not, stays plain.

mod cause;
mod counts;
mod day;
mod evidence;
mod language;
mod ledger;
mod maintenance;
mod matter;
mod metric;
mod moment;
pub mod mutation;
mod name;
mod notice;
mod objective;
mod plan;
mod policy;
mod range;
mod remedy;
mod signal;
mod sketch;
mod slice;
mod tally;
mod topology;

pub use cause::{CauseKind, ChangeId, Hypothesis};
pub use counts::Counts;
pub use day::{Day, DayError};
pub use evidence::{Bits, Course, Finding, Measure, SourceClass};
pub use language::{Language, Piece, Said, Templates};
pub use ledger::{Ledger, Second};
pub use maintenance::{Appointment, MaintenanceId};
pub use matter::{Matter, MatterId, Memo, MemoId, Phase, Urgency};
pub use metric::{ColdStart, FigureKind, Labels, LookOutcome, Metric, MetricLook, Sense};
pub use moment::Moment;
pub use name::{Name, NameError};
pub use notice::{Audience, Notice, NoticeId, Stage};
pub use objective::{BudgetId, Indicator, LatencyObjective, Objective, Objectives, Promise};
pub use plan::{Feature, FeatureId, Limit, Pin, PlanFault, SHED_TTL_MS_MAX, Shed, TrafficPlan, Weight};
pub use policy::{
    ActPolicy, ConfirmPolicy, DetectPolicy, DiagnosePolicy, IncidentPolicy, Mode, Policy, PolicyFault, TellPolicy,
    Upstream,
};
pub use range::{AddressRange, RangeError};
pub use remedy::{Actuation, Remedy, RemedyId, RemedyKind, Route, Strength};
pub use signal::{
    Answer, Change, ChangeKind, ClientRow, ComponentRow, Heard, LookupRow, ProbeKind, ProbeOutcome, ProbeResult,
    ReplicaRow, Report, RollUp, SessionRow, Signal, UpstreamHealth, UpstreamRow, UpstreamWord, Works,
};
pub use sketch::{Sketch, SketchError};
pub use slice::{Dimension, Shape, Slice, SliceError};
pub use tally::{FailureKind, Failures, Tally};
pub use topology::{Component, Priority, Replica, Topology};

/// Names an incident for its whole life: 1, 2, 3, … in the order in which they were first suspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl std::fmt::Display for IncidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}
