//! Every figure that decides something, with its unit, its default and the reason for it, in one place.
//!
//! A configuration may change them; the demo shortens dwell and ramp times so that a restore can be watched.

use super::{Day, Language, Metric, Name, Objectives, RemedyKind, Stage, Templates, Topology};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a remedy of one kind may do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Say what would be done.
    Observe,
    /// Propose it, and do it when an operator approves.
    Ask,
    /// Do it.
    Auto,
}

/// All that the decisions depend on beside the signals: the service and the figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// The service.
    pub topology: Topology,
    /// When something is abnormal.
    pub detect: DetectPolicy,
    /// When it is believed.
    pub confirm: ConfirmPolicy,
    /// What explains it.
    pub diagnose: DiagnosePolicy,
    /// What is done.
    pub act: ActPolicy,
    /// Who is told.
    pub tell: TellPolicy,
    /// How long an incident waits for what.
    pub incident: IncidentPolicy,
    /// What is promised of components, where anything is.
    pub objectives: BTreeMap<Name, Objectives>,
    /// Services of others that ours depends on.
    pub upstreams: BTreeMap<Name, Upstream>,
    /// Metrics of others that are judged by their past.
    pub metrics: BTreeMap<Name, Metric>,
}

/// A service of somebody else that ours depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name for people: "Example Payments".
    pub title: String,
    /// What of ours needs it.
    pub components: BTreeSet<Name>,
}

/// When something is abnormal.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectPolicy {
    /// How many false incidents a month are accepted, over all series together. Turned into a threshold in
    /// bits: log2(series x seconds of a month / this).
    pub false_incidents_per_month: f64,
    /// The least share of failures that a healthy slice is allowed. 0.2 %: below it a single failed request
    /// would weigh more than it can tell.
    pub failure_floor: f64,
    /// The least share of slow answers that a healthy slice is allowed. 2 %: garbage collection, cold caches.
    pub slow_floor: f64,
    /// The share of probes that may fail by themselves. 1 %.
    pub check_floor: f64,
    /// Users' reports a minute and component that are usual.
    pub reports_per_minute: f64,
    /// Of 100,000 active sessions, so many reports a minute are usual, where sessions are known. 1: people mistype and have
    /// networks of their own; of a real fault one in a thousand tells within minutes, which is ten times as many and more.
    pub reports_of_100k: f64,
    /// How many bits one second of one series may add by failures that only the service can cause.
    pub hard_bits_per_second: f64,
    /// The same for failures that a busy machine can cause: one bad second is one observation, not hundreds.
    pub soft_bits_per_second: f64,
    /// How long counts are kept for the diagnosis.
    pub memory: Duration,
    /// How many false findings a month are accepted of the service's own figures that are judged by their past: over all
    /// components together for how many ask, and as many for how late the answers are; and of each metric of others, over all of
    /// its series together.
    pub metric_findings_per_month: f64,
    /// Days (UTC) on which the crowd is another one: nothing is learnt from them, and only what is far off is found.
    pub quiet_days: BTreeSet<Day>,
}

impl Default for DetectPolicy {
    fn default() -> Self {
        Self {
            false_incidents_per_month: 1.0,
            failure_floor: 0.001,
            slow_floor: 0.02,
            check_floor: 0.01,
            reports_per_minute: 0.2,
            reports_of_100k: 1.0,
            hard_bits_per_second: 40.0,
            soft_bits_per_second: 12.0,
            memory: Duration::from_secs(180),
            metric_findings_per_month: 1.0,
            quiet_days: BTreeSet::new(),
        }
    }
}

/// When it is believed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmPolicy {
    /// How far above its threshold one class alone must be to confirm, when it cannot be wrong about it. 20
    /// bits: a millionth of the false-alarm budget. An eighth of it for failures of three separate seconds.
    pub overwhelming: f64,
    /// The most that users' reports can add (invariants G1, G2): they make an incident suspected, never more.
    pub reports_cap: f64,
    /// The most that figures judged by their own past can add: enough to be suspected, less than half of what is believed.
    pub metrics_cap: f64,
    /// Evidence older than this is forgotten.
    pub freshness: Duration,
    /// Without a roll-up from an edge for so long, nothing is known (invariant A15).
    pub silence_after: Duration,
}

impl Default for ConfirmPolicy {
    fn default() -> Self {
        Self {
            overwhelming: 20.0,
            reports_cap: 30.0,
            metrics_cap: 24.0,
            freshness: Duration::from_secs(60),
            silence_after: Duration::from_secs(30),
        }
    }
}

/// What explains it.
#[derive(Debug, Clone, PartialEq)]
pub struct DiagnosePolicy {
    /// How long before the onset a change is still a suspect.
    pub change_window: Duration,
    /// The probability above which the first hypothesis is acted upon and named in public.
    pub certain: f64,
    /// Demand so many times the usual is a surge.
    pub surge: f64,
}

impl Default for DiagnosePolicy {
    fn default() -> Self {
        Self { change_window: Duration::from_secs(30 * 60), certain: 0.6, surge: 1.8 }
    }
}

/// What is done, and what is never done. The names in brackets are invariants.
#[derive(Debug, Clone, PartialEq)]
pub struct ActPolicy {
    /// What each kind may do by itself; `ask` where nothing is said.
    pub modes: BTreeMap<RemedyKind, Mode>,
    /// (A13) What may act by itself asks instead when no drill of it has passed for so long. 30 days: whoever is on call
    /// changes, and so does what restarts replicas.
    pub armed_for: Duration,
    /// True when somebody outside restarts replicas and takes changes back at our request.
    pub can_actuate: bool,
    /// (A1) Highest projected load of what remains, as a share of its proven capacity.
    pub load_max: f64,
    /// (A2) Largest share of a component's replicas that automation holds out of the traffic.
    pub removed_max: f64,
    /// (A2) Largest share removed within [`ActPolicy::removal_window`], or one failure domain if that is
    /// more: a service of three regions could else never leave one.
    pub removed_within_window: f64,
    /// (A2) See above.
    pub removal_window: Duration,
    /// (A4) When more than this share of the replicas looks bad, the observer is suspect.
    pub panic_share: f64,
    /// (A5) How long the evidence must have lasted: three probe periods.
    pub sustained: Duration,
    /// (A11) Most actions within [`ActPolicy::budget_window`].
    pub budget: usize,
    /// (A11) See above.
    pub budget_window: Duration,
    /// (A10) Most removals of one replica within ten minutes and within an hour.
    pub flaps: (usize, usize),
    /// (A9) Most restarts of one replica an hour.
    pub restarts_per_hour: usize,
    /// (A12) How long after its start a remedy's effect is judged.
    pub check_after: Duration,
    /// (A15) After a start the hub only watches for so long.
    pub warm_up: Duration,
    /// (B1) Shares on the way back.
    pub ramp: Vec<super::Strength>,
    /// (B1) Least time on each step.
    pub ramp_dwell: Duration,
    /// (B1) Least number of requests and checks seen within the objective on each step.
    pub ramp_requests: u64,
    /// (B1) Time without a failure before the first step; doubled by each relapse.
    pub ramp_after: Duration,
    /// How long a shed lives without renewal (A9).
    pub shed_ttl: Duration,
}

impl Default for ActPolicy {
    fn default() -> Self {
        Self {
            modes: BTreeMap::new(),
            armed_for: Duration::from_secs(30 * 86_400),
            can_actuate: false,
            load_max: 0.85,
            removed_max: 0.5,
            removed_within_window: 0.25,
            removal_window: Duration::from_secs(300),
            panic_share: 0.5,
            sustained: Duration::from_secs(3),
            budget: 3,
            budget_window: Duration::from_secs(600),
            flaps: (2, 6),
            restarts_per_hour: 3,
            check_after: Duration::from_secs(10),
            warm_up: Duration::from_secs(60),
            ramp: [1, 5, 10, 25, 50, 100].map(super::Strength::percent).to_vec(),
            ramp_dwell: Duration::from_secs(30),
            ramp_requests: 1_000,
            ramp_after: Duration::from_secs(300),
            shed_ttl: Duration::from_secs(60),
        }
    }
}

impl ActPolicy {
    /// What a kind may do by itself.
    pub fn mode(&self, kind: RemedyKind) -> Mode {
        self.modes.get(&kind).copied().unwrap_or(Mode::Ask)
    }
}

/// Who is told.
#[derive(Debug, Clone, PartialEq)]
pub struct TellPolicy {
    /// The public hears of a confirmed incident after so long; until then the word is a draft.
    pub first_word_after: Duration,
    /// The same of a cause that is known and dealt with.
    pub identified_after: Duration,
    /// The same of users who are served again.
    pub monitoring_after: Duration,
    /// The same of the end.
    pub resolved_after: Duration,
    /// The public should have heard of a confirmed incident within so long: the team is reminded.
    pub first_word_within: Duration,
    /// The next update is promised for so long after each public word.
    pub next_update: Duration,
    /// The team is reminded so long before a word is due, and when it is.
    pub remind_before: Duration,
    /// The language of the public words, and of what operators write.
    pub language: Language,
    /// Into which others public words are put, where the hub makes them itself.
    pub translations: Vec<Language>,
    /// What stands in the place of the templates built in.
    pub templates: Templates,
}

impl TellPolicy {
    /// All languages of the public page, its own first.
    pub fn languages(&self) -> Vec<Language> {
        std::iter::once(self.language).chain(self.translations.iter().copied()).collect()
    }
}

impl Default for TellPolicy {
    fn default() -> Self {
        Self {
            first_word_after: Duration::ZERO,
            identified_after: Duration::ZERO,
            monitoring_after: Duration::ZERO,
            resolved_after: Duration::ZERO,
            first_word_within: Duration::from_secs(10 * 60),
            next_update: Duration::from_secs(30 * 60),
            remind_before: Duration::from_secs(5 * 60),
            language: Language::En,
            translations: vec![],
            templates: Templates::new(),
        }
    }
}

impl TellPolicy {
    /// How long a word of a stage is a draft before it goes by itself.
    pub fn delay(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Investigating => self.first_word_after,
            Stage::Identified => self.identified_after,
            Stage::Monitoring => self.monitoring_after,
            Stage::Resolved => self.resolved_after,
        }
    }
}

/// How long an incident waits for what.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentPolicy {
    /// A suspicion without fresh evidence for so long is dismissed.
    pub dismiss_after: Duration,
    /// Everything restored and quiet for so long is resolved.
    pub quiet_for: Duration,
    /// Findings that start so soon after another join its incident even when no part of the service is
    /// common to both: one outage is one incident.
    pub merge_within: Duration,
}

impl Default for IncidentPolicy {
    fn default() -> Self {
        Self {
            dismiss_after: Duration::from_secs(60),
            quiet_for: Duration::from_secs(300),
            merge_within: Duration::from_secs(30),
        }
    }
}

/// Why a policy makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyFault {
    /// A share outside 0 to 1.
    #[error("{0} is a share from 0 to 1, not {1}")]
    Share(&'static str, f64),
    /// A figure that has to be above zero.
    #[error("{0} must be above zero")]
    Positive(&'static str),
    /// A ramp that does not rise to all.
    #[error("the ramp must rise from step to step and end at 100 %")]
    Ramp,
}

impl Policy {
    /// Finds everything in the figures that makes no sense.
    pub fn faults(&self) -> Vec<PolicyFault> {
        let shares = [
            ("failure_floor", self.detect.failure_floor),
            ("slow_floor", self.detect.slow_floor),
            ("check_floor", self.detect.check_floor),
            ("load_max", self.act.load_max),
            ("removed_max", self.act.removed_max),
            ("removed_within_window", self.act.removed_within_window),
            ("panic_share", self.act.panic_share),
            ("certain", self.diagnose.certain),
        ];
        let mut faults: Vec<PolicyFault> = shares
            .into_iter()
            .filter(|(_, v)| !(0.0..=1.0).contains(v))
            .map(|(n, v)| PolicyFault::Share(n, v))
            .collect();
        if self.detect.false_incidents_per_month.is_nan() || self.detect.false_incidents_per_month <= 0.0 {
            faults.push(PolicyFault::Positive("false_incidents_per_month"));
        }
        if self.detect.metric_findings_per_month.is_nan() || self.detect.metric_findings_per_month <= 0.0 {
            faults.push(PolicyFault::Positive("metric_findings_per_month"));
        }
        let ramp = &self.act.ramp;
        if ramp.last() != Some(&super::Strength::FULL) || ramp.windows(2).any(|w| w[0] >= w[1]) {
            faults.push(PolicyFault::Ramp);
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_sense_and_nonsense_is_named() {
        assert_eq!(Policy::default().faults(), vec![]);
        let mut policy = Policy::default();
        policy.act.load_max = 1.5;
        policy.act.ramp.pop();
        policy.detect.false_incidents_per_month = f64::NAN;
        assert_eq!(policy.faults().len(), 3);
    }

    #[test]
    fn nothing_is_automatic_unless_somebody_says_so() {
        assert_eq!(ActPolicy::default().mode(RemedyKind::Divert), Mode::Ask);
    }
}
