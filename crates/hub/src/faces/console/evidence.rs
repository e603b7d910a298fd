//! How real an incident is: bits by class against the threshold, and the findings that they come from.

use crate::faces::stamp::{Stamp, short_span};
use crate::faces::tone::{percent, rate};
use downbeat_core::detect::threshold;
use downbeat_core::incident::Incident;
use downbeat_core::model::{Dimension, Finding, Measure, Policy, SourceClass};

/// Bars and lines.
#[derive(Debug)]
pub(super) struct Evidence {
    /// The threshold in bits.
    pub(super) threshold: String,
    /// Where the threshold lies on the bars, 0 to 100.
    pub(super) threshold_percent: f64,
    /// One bar a class, and one for all together when there are several.
    pub(super) bars: Vec<Bar>,
    /// Strongest first.
    pub(super) findings: Vec<Line>,
}

/// Bits of one class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) class: &'static str,
    pub(super) title: &'static str,
    pub(super) bits: String,
    /// 0 to 100 of the longest bar.
    pub(super) percent: f64,
}

/// One finding.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) class: &'static str,
    pub(super) what: String,
    pub(super) place: String,
    pub(super) expected: String,
    pub(super) observed: String,
    pub(super) since: Stamp,
    pub(super) bits: String,
}

impl Evidence {
    pub(super) fn of(incident: &Incident, policy: &Policy) -> Self {
        let threshold = threshold(&policy.detect, &policy.topology).0;
        let mut heights: Vec<(&str, &str, f64)> =
            incident.bits.iter().map(|(class, bits)| (class.word(), title(*class), bits.0)).collect();
        if heights.len() > 1 {
            heights.push(("sum", "Together", heights.iter().map(|(.., bits)| bits).sum()));
        }
        let longest = heights.iter().map(|(.., bits)| *bits).fold(threshold * 1.25, f64::max);
        let of_longest = |bits: f64| (100.0 * bits / longest).clamp(0.0, 100.0);
        Self {
            threshold: format!("{threshold:.0}"),
            threshold_percent: of_longest(threshold),
            bars: heights
                .into_iter()
                .map(|(class, title, bits)| Bar { class, title, bits: format!("{bits:.0}"), percent: of_longest(bits) })
                .collect(),
            findings: incident.findings.iter().map(|finding| Line::of(finding, policy)).collect(),
        }
    }
}

const fn title(class: SourceClass) -> &'static str {
    match class {
        SourceClass::Edge => "Edge traffic",
        SourceClass::Probe => "Probes",
        SourceClass::Report => "Users' reports",
        SourceClass::Metric => "Figures",
    }
}

impl Line {
    fn of(finding: &Finding, policy: &Policy) -> Self {
        let figure = |value: f64| match finding.measure {
            Measure::Reports => rate(value),
            Measure::Traffic | Measure::Figure => finding.measure.figure(value),
            _ => percent(value),
        };
        Self {
            class: finding.class.word(),
            what: what(finding, policy),
            place: finding.slice.to_string(),
            expected: figure(finding.expected),
            observed: format!("{} of {}", figure(finding.observed), finding.total),
            since: Stamp(finding.since),
            bits: format!("{:.0}", finding.bits.0),
        }
    }
}

/// What is counted; of a latency budget also from where on, for times are told in buckets.
fn what(finding: &Finding, policy: &Policy) -> String {
    let title = finding.title();
    let component = finding.slice.get(Dimension::Component).filter(|_| finding.measure == Measure::LatencyBudget);
    match component.and_then(|component| policy.objectives.get(component)?.latency) {
        Some(latency) => {
            let (below, late_from) = (short_span(latency.below()), short_span(latency.late_from()));
            format!("{title}: within {below} is promised, late is counted from {late_from} on")
        }
        None => title,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::story;
    use super::*;
    use downbeat_core::incident::State;

    #[test]
    fn classes_stand_against_the_threshold_and_add_up() {
        let snapshot = story::in_state(State::Confirmed);
        let incident = &snapshot.book.incidents[&story::INCIDENT];
        let evidence = Evidence::of(incident, &snapshot.settings.policy);
        let bars: Vec<(&str, &str)> = evidence.bars.iter().map(|bar| (bar.class, bar.bits.as_str())).collect();
        assert_eq!(bars, [("edge", "58"), ("probe", "26"), ("report", "8"), ("sum", "92")]);
        assert_eq!(evidence.bars[3].percent, 100.0);
        assert!(evidence.threshold_percent < evidence.bars[0].percent, "the edge alone is past it");
        assert_eq!(evidence.findings[0].observed, "48.6 % of 212");
    }
}
