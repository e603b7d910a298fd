//! Is it real? Adds the evidence of independent classes up and says how far it carries.
//!
//! Suspected: one class alone passes the suspicion mark. Confirmed: the classes that agree on a place pass the threshold
//! together and there are at least two of them; or one is overwhelming. The edge's own failed requests are when they pass the
//! threshold by a margin, or by an eighth of it when they came in three separate seconds and are of kinds that no busy
//! machine causes, for then they are no burst. Failed probes are when they pass it by the margin and two vantage points at least see
//! them fail: whom nobody asks, because all ask the others, may be dead for long before a request fails.
//!
//! Never confirmed is what was all seen in a blink; what clients of one network alone meet, while others are well
//! (`diagnose::Alone`); what users' reports and figures judged by their past say without the edge or probes, which are capped
//! (G1, G2, decision 26); and slowness
//! everywhere at once, without failures and without a surge, when the observer is as likely to be unwell as the service
//! (A4). An error budget that burns is believed by rule (`detect::burn`).

mod vantage;

use crate::model::mutation::{Mutation, is_on};
use crate::model::{Bits, ConfirmPolicy, Course, FailureKind, Finding, Measure, Slice, SourceClass};
use std::collections::BTreeMap;
use std::time::Duration;
pub use vantage::{Eye, Hearing, Panel, ProbeLine, ProbeState};

/// A class has to have this much to count as agreeing: one failed attempt at a replica that balancing keeps clients away from.
const AGREES: f64 = 6.0;
/// Share of the threshold at which a single class is worth watching. Suspicion costs nobody sleep.
const SUSPICION: f64 = 0.6;
/// What came in so many separate seconds is no burst, which has one cause:
const LASTING_SECONDS: u32 = 3;
/// such a share of the margin is overwhelming then.
const LASTING_SHARE: f64 = 1.0 / 8.0;
/// What nobody saw for longer than this may be over.
const BLINK: Duration = Duration::from_millis(200);
/// Probes alone are believed when so many vantage points see the same: one may have lost its own way.
const WITNESSES_MIN: usize = 2;

/// What else has to be known to judge.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The number of bits that health exceeds as seldom as the budget allows.
    pub threshold: Bits,
    /// Share of the replicas above which the observer is suspect (A4).
    pub panic_share: f64,
    /// Looks at the whole service; asked only where it matters, for it takes a while.
    pub whole: &'a dyn Fn() -> Whole,
    /// How many vantage points, edges with checks of their own among them, see something fail in a place now; asked only where it
    /// matters.
    pub witnesses: &'a dyn Fn(&Slice) -> usize,
    /// When something went wrong that was found, where that was counted; asked only where it matters.
    pub course: &'a dyn Fn(&Finding) -> Option<Course>,
    /// Whether a place is reported from so many autonomous systems that it is no handful of forgers (G1).
    pub reported_broadly: &'a dyn Fn(&Slice) -> bool,
    /// Whether clients of one network alone suffer, while others are well and no replica shows anything; asked only where it
    /// matters.
    pub of_one_network: &'a dyn Fn() -> bool,
    /// True while no edge has been heard for too long (A15).
    pub deaf: bool,
}

/// The service as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Whole {
    /// Share of the replicas with evidence against them, 0 to 1.
    pub spread: f64,
    /// True when clients ask for much more than usual.
    pub surging: bool,
}

/// How far the evidence carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing is known: no edge is heard.
    Unknown,
    /// Nothing worth a word.
    Healthy,
    /// Something may be wrong.
    Suspected(Evidence),
    /// It is real, and why.
    Confirmed(Evidence, String),
}

/// The evidence by class, and the findings that carry it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The strongest finding of each class that agrees with the strongest of all.
    pub bits: BTreeMap<SourceClass, Bits>,
    /// The class whose finding began first.
    pub first: SourceClass,
    /// Those findings.
    pub pillars: Vec<Finding>,
}

/// Judges the findings of one place and time, strongest first.
pub fn judge(findings: &[&Finding], around: Surroundings<'_>, policy: &ConfirmPolicy) -> Verdict {
    if around.deaf {
        return Verdict::Unknown;
    }
    let Some(evidence) = gather(findings, policy) else { return Verdict::Healthy };
    match burns(findings, &evidence).or_else(|| why_confirmed(&evidence, around, policy)) {
        Some(why) if !is_elsewhere(&evidence, around) => Verdict::Confirmed(evidence, why),
        Some(_) => Verdict::Suspected(evidence),
        None if best(&evidence) >= SUSPICION * around.threshold.0 => Verdict::Suspected(evidence),
        None => Verdict::Healthy,
    }
}

fn gather(findings: &[&Finding], policy: &ConfirmPolicy) -> Option<Evidence> {
    let strongest = findings.iter().copied().max_by(|a, b| a.bits.0.total_cmp(&b.bits.0))?;
    let mut pillars: BTreeMap<SourceClass, &Finding> = BTreeMap::new();
    for finding in findings.iter().copied().filter(|f| f.slice.meets(&strongest.slice)) {
        let pillar = pillars.entry(finding.class).or_insert(finding);
        if finding.bits.0 > pillar.bits.0 {
            *pillar = finding;
        }
    }
    let first = pillars.values().min_by_key(|f| f.since).map(|f| f.class)?;
    let capped = |f: &Finding| match f.class {
        SourceClass::Report => Bits(f.bits.0.min(policy.reports_cap)),
        SourceClass::Metric => Bits(f.bits.0.min(policy.metrics_cap)),
        SourceClass::Edge | SourceClass::Probe => f.bits,
    };
    let bits = pillars.iter().map(|(class, f)| (*class, capped(f))).collect();
    Some(Evidence { bits, first, pillars: pillars.into_values().cloned().collect() })
}

/// A budget that burns is believed by rule, whatever else is found in its place: its clients wait or fail, wherever that comes
/// from. What may be done about it is asked of the other findings, and of the guards (A4).
fn burns(findings: &[&Finding], evidence: &Evidence) -> Option<String> {
    let here = |f: &&&Finding| evidence.pillars.iter().any(|pillar| pillar.slice.meets(&f.slice));
    findings.iter().filter(here).find_map(|f| {
        let times = f.observed / f.expected;
        match f.measure {
            Measure::Budget => Some(format!("the error budget burns {times:.0} times as fast as it may")),
            Measure::LatencyBudget => Some(format!("the latency budget burns {times:.0} times as fast as it may")),
            _ => None,
        }
    })
}

/// By which rule it is real: the edge's counts alone, the probes alone, or classes that agree.
fn why_confirmed(evidence: &Evidence, around: Surroundings<'_>, policy: &ConfirmPolicy) -> Option<String> {
    if observer_is_suspect(evidence, around) || is_over_in_a_blink(evidence, around) {
        return None;
    }
    edge_overwhelms(evidence, around, policy)
        .or_else(|| probes_overwhelm(evidence, around, policy))
        .or_else(|| classes_agree(evidence, around))
}

fn edge_overwhelms(evidence: &Evidence, around: Surroundings<'_>, policy: &ConfirmPolicy) -> Option<String> {
    let is_count =
        |class| class == SourceClass::Edge || class == SourceClass::Report && is_on(Mutation::BelievesReports);
    let lasts =
        |f: &Finding| is_mostly_hard(f) && (around.course)(f).is_some_and(|course| course.seconds >= LASTING_SECONDS);
    let f = evidence.pillars.iter().find(|f| is_count(f.class) && f.measure != Measure::Slowness)?;
    let margin = f.bits.0 - around.threshold.0;
    let is_overwhelming = margin >= policy.overwhelming || margin >= policy.overwhelming * LASTING_SHARE && lasts(f);
    is_overwhelming.then(|| format!("the edge's own count of {} is overwhelming ({})", f.measure.title(), f.bits))
}

fn probes_overwhelm(evidence: &Evidence, around: Surroundings<'_>, policy: &ConfirmPolicy) -> Option<String> {
    let f = evidence.pillars.iter().find(|f| f.class == SourceClass::Probe && f.measure == Measure::Checks)?;
    if f.bits.0 < around.threshold.0 + policy.overwhelming {
        return None;
    }
    let witnesses = (around.witnesses)(&f.slice);
    (witnesses >= WITNESSES_MIN)
        .then(|| format!("{} are overwhelming, from {witnesses} vantage points ({})", f.measure.title(), f.bits))
}

fn classes_agree(evidence: &Evidence, around: Surroundings<'_>) -> Option<String> {
    let threshold = around.threshold.0;
    let agreeing = agreeing(evidence, around);
    let seen = agreeing.iter().filter(|(class, _)| class.sees_itself()).count();
    let sum: f64 = agreeing.iter().map(|(_, bits)| bits.0).sum();
    (agreeing.len() >= 2 && seen >= 1 && sum >= threshold && has_seen_weight(evidence, threshold)).then(|| {
        let parts: Vec<String> = agreeing.iter().map(|(class, bits)| format!("{} {bits}", class.word())).collect();
        format!("{} agree, {sum:.0} bits against {threshold:.0}", parts.join(" and "))
    })
}

/// What clients of one network alone meet, and no probe, is a trouble of that network: worth watching, and nobody's call.
fn is_elsewhere(evidence: &Evidence, around: Surroundings<'_>) -> bool {
    let is_probed = evidence.bits.get(&SourceClass::Probe).is_some_and(|bits| bits.0 >= AGREES);
    !is_probed && (around.of_one_network)()
}

/// The classes that have a say: not reports of a handful of forgers (G1), and not how late the edge's requests were beside how
/// many of them failed, for those are the same requests.
fn agreeing(evidence: &Evidence, around: Surroundings<'_>) -> Vec<(SourceClass, Bits)> {
    let bits = |class| evidence.bits.get(&class).map_or(0.0, |bits| bits.0);
    let has_a_say = |f: &Finding| match f.class {
        SourceClass::Report => (around.reported_broadly)(&f.slice),
        SourceClass::Metric => f.measure != Measure::Lateness || bits(SourceClass::Edge) < AGREES,
        SourceClass::Edge | SourceClass::Probe => true,
    };
    let heard = evidence.pillars.iter().filter(|f| bits(f.class) >= AGREES && has_a_say(f));
    heard.map(|f| (f.class, Bits(bits(f.class)))).collect()
}

/// Reports and figures may tip the scales but never be most of the weight: half of the threshold has to be seen failing.
fn has_seen_weight(evidence: &Evidence, threshold: f64) -> bool {
    let seen: f64 = evidence.bits.iter().filter(|(class, _)| class.sees_itself()).map(|(_, bits)| bits.0).sum();
    seen >= threshold / 2.0
}

/// What a busy machine can cause goes on for as long as it is busy: that it lasts proves nothing.
fn is_mostly_hard(finding: &Finding) -> bool {
    let hard: u64 = finding.kinds.iter().filter(|(kind, _)| !kind.is_soft()).map(|(_, count)| count).sum();
    2 * hard > finding.kinds.sum()
}

/// A replica that restarts refuses for a moment, which an edge that looks closely counts many times: what was seen within so
/// short a time, by whomever, may be over.
fn is_over_in_a_blink(evidence: &Evidence, around: Surroundings<'_>) -> bool {
    let courses: Vec<Course> = evidence.pillars.iter().filter_map(around.course).collect();
    let (from, to) = (courses.iter().map(|c| c.from).min(), courses.iter().map(|c| c.to).max());
    from.zip(to).is_some_and(|(from, to)| to.since(from) < BLINK)
}

fn observer_is_suspect(evidence: &Evidence, around: Surroundings<'_>) -> bool {
    let soft =
        evidence.pillars.iter().filter(|f| f.class.sees_itself()).all(|f| {
            f.measure == Measure::Slowness || (!f.kinds.is_empty() && f.kinds.kinds().all(FailureKind::is_soft))
        });
    soft && {
        let whole = (around.whole)();
        !whole.surging && whole.spread > around.panic_share
    }
}

fn best(evidence: &Evidence) -> f64 {
    evidence.bits.values().fold(0.0, |best, bits| best.max(bits.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failures, Moment};

    const CALM: Surroundings<'_> = Surroundings {
        threshold: Bits(28.0),
        panic_share: 0.5,
        deaf: false,
        whole: &|| Whole { spread: 0.2, surging: false },
        witnesses: &|_| 1,
        course: &|f| Some(Course { from: f.since, to: f.at, seconds: 1 }),
        reported_broadly: &|_| true,
        of_one_network: &|| false,
    };
    const LASTING: Surroundings<'_> =
        Surroundings { course: &|f| Some(Course { from: f.since, to: f.at, seconds: 3 }), ..CALM };
    const BRIEF: Surroundings<'_> =
        Surroundings { course: &|f| Some(Course { from: f.since, to: f.since, seconds: 1 }), ..CALM };

    fn finding(class: SourceClass, measure: Measure, kind: FailureKind, slice: &str, bits: f64) -> Finding {
        Finding {
            class,
            measure,
            slice: slice.parse::<Slice>().expect("a good slice"),
            since: Moment::from_millis(1_000),
            at: Moment::from_millis(2_000),
            expected: 0.0,
            observed: 1.0,
            total: 10,
            kinds: [(kind, 5)].into(),
            bits: Bits(bits),
            of: None,
        }
    }

    fn edge(slice: &str, bits: f64) -> Finding {
        finding(SourceClass::Edge, Measure::Attempts, FailureKind::Reset, slice, bits)
    }

    fn hanging(slice: &str, bits: f64) -> Finding {
        finding(SourceClass::Edge, Measure::Attempts, FailureKind::Late, slice, bits)
    }

    fn probe(slice: &str, bits: f64) -> Finding {
        finding(SourceClass::Probe, Measure::Checks, FailureKind::Reset, slice, bits)
    }

    fn reports(bits: f64) -> Finding {
        finding(SourceClass::Report, Measure::Reports, FailureKind::Wrong, "component=login", bits)
    }

    fn said(findings: &[Finding], around: Surroundings<'_>) -> &'static str {
        match judge(&findings.iter().collect::<Vec<_>>(), around, &ConfirmPolicy::default()) {
            Verdict::Unknown => "unknown",
            Verdict::Healthy => "healthy",
            Verdict::Suspected(_) => "suspected",
            Verdict::Confirmed(..) => "confirmed",
        }
    }

    #[test]
    fn how_far_evidence_carries() {
        let slow = |class, bits| finding(class, Measure::Checks, FailureKind::Late, "region=eu", bits);
        let table = [
            (vec![], CALM, "healthy"),
            (vec![edge("region=eu", 10.0)], CALM, "healthy"),
            (vec![edge("region=eu", 30.0)], CALM, "suspected"),
            (vec![edge("region=eu", 50.0)], CALM, "confirmed"),
            (vec![edge("region=eu", 31.0)], CALM, "suspected"),
            (vec![edge("region=eu", 31.0)], LASTING, "confirmed"),
            (vec![edge("region=eu", 30.0)], LASTING, "suspected"),
            (vec![hanging("region=eu", 45.0)], LASTING, "suspected"),
            (vec![hanging("region=eu", 50.0)], LASTING, "confirmed"),
            (vec![edge("region=eu", 60.0), probe("region=eu", 20.0)], BRIEF, "suspected"),
            (vec![probe("region=eu", 80.0)], CALM, "suspected"),
            (vec![probe("region=eu", 80.0)], Surroundings { witnesses: &|_| 2, ..CALM }, "confirmed"),
            (vec![probe("region=eu", 40.0)], Surroundings { witnesses: &|_| 2, ..CALM }, "suspected"),
            (vec![edge("replica=eu-1", 20.0), probe("region=eu", 13.0)], CALM, "confirmed"),
            (vec![edge("region=us", 20.0), probe("region=eu", 13.0)], CALM, "suspected"),
            (vec![edge("region=eu", 21.0), probe("region=eu", 6.5)], CALM, "suspected"),
            (vec![edge("region=eu", 21.0), probe("region=eu", 7.0)], CALM, "confirmed"),
            (vec![edge("region=eu", 50.0)], Surroundings { deaf: true, ..CALM }, "unknown"),
            (
                vec![slow(SourceClass::Edge, 60.0), slow(SourceClass::Probe, 40.0)],
                Surroundings { whole: &|| Whole { spread: 1.0, surging: false }, ..CALM },
                "suspected",
            ),
            (
                vec![slow(SourceClass::Edge, 60.0), slow(SourceClass::Probe, 40.0)],
                Surroundings { whole: &|| Whole { spread: 1.0, surging: true }, ..CALM },
                "confirmed",
            ),
        ];
        for (findings, around, expected) in table {
            assert_eq!(said(&findings, around), expected, "{findings:#?}");
        }
    }

    /// G1, G2: any number of reports alone opens a suspicion, never more.
    #[test]
    fn g2_reports_alone_never_confirm() {
        for bits in [18.0, 60.0, 1e9] {
            assert_eq!(said(&[reports(bits)], CALM), "suspected");
            assert_ne!(said(&[reports(bits), probe("component=login", 8.5)], CALM), "confirmed");
        }
        assert_eq!(said(&[reports(20.0), edge("component=login", 16.0)], CALM), "confirmed");
    }

    /// G1: reports out of a handful of autonomous systems tip no scales.
    #[test]
    fn g1_reports_of_few_systems_tip_nothing() {
        let narrow = Surroundings { reported_broadly: &|_| false, ..CALM };
        let findings = [reports(24.0), edge("component=login", 16.0)];
        assert_eq!((said(&findings, narrow), said(&findings, CALM)), ("suspected", "confirmed"));
        assert_eq!(said(&[reports(24.0), edge("component=login", 50.0)], narrow), "confirmed", "by what is measured");
    }

    /// Figures judged by their past tip the scales of what is seen failing; alone, or with reports alone, they believe nothing.
    #[test]
    fn metrics_tip_the_scales_and_never_confirm_alone() {
        let missing = |bits| Finding {
            kinds: Failures::default(),
            ..finding(SourceClass::Metric, Measure::Traffic, FailureKind::Wrong, "component=login", bits)
        };
        let edge = |bits| edge("component=login", bits);
        for bits in [24.0, 60.0, 1e9] {
            assert_eq!(said(&[missing(bits)], CALM), "suspected");
            assert_eq!(said(&[missing(bits), reports(1e9)], CALM), "suspected", "both can be forged");
            assert_ne!(said(&[missing(bits), reports(1e9), probe("component=login", 8.5)], CALM), "confirmed");
            assert_eq!(said(&[missing(bits), edge(13.0)], CALM), "suspected", "most of the weight");
        }
        assert_eq!(said(&[missing(14.0), edge(16.0)], CALM), "confirmed");
        assert_eq!(said(&[missing(14.0), edge(13.0)], CALM), "healthy");
        let late = Finding { measure: Measure::Lateness, ..missing(24.0) };
        assert_eq!(said(&[late.clone(), edge(17.0)], CALM), "suspected", "they are the same requests");
        assert_eq!(said(&[late, probe("component=login", 14.0)], CALM), "confirmed");
        let everywhere = Surroundings { whole: &|| Whole { spread: 1.0, surging: false }, ..CALM };
        let slow = finding(SourceClass::Edge, Measure::Slowness, FailureKind::Late, "component=login", 20.0);
        assert_eq!(said(&[slow, missing(24.0)], everywhere), "suspected", "a figure makes no observer sound");
    }

    #[test]
    fn the_class_that_saw_it_first_is_remembered() {
        let mut early = probe("region=eu", 20.0);
        early.since = Moment::from_millis(1);
        let Verdict::Confirmed(evidence, _) =
            judge(&[&edge("region=eu", 30.0), &early], CALM, &ConfirmPolicy::default())
        else {
            panic!("confirmed")
        };
        assert_eq!(evidence.first, SourceClass::Probe);
    }
}
