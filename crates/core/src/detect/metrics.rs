//! Metrics of others: each series is judged by its own past ([`super::series`]).
//!
//! A metric may have any number of series, as its labels have values, and a bug may make millions of them in an hour. So only
//! [`Metric::series_max`] are judged, the ones that were there first; the others are counted, and shown. A series that was not
//! heard for a day makes room. A metric has one budget of false findings, however many series it has.
//!
//! A new series knows nothing for days. Where it may borrow, it is judged by a copy of what the sibling knows whose usual is
//! nearest to it, if its own figure is usual for that one, until it knows itself. What does not come is unknown, and never off.
//!
//! One outage shows in many figures. Of a metric one finding is told, the strongest series, with how many more there are; and
//! when figures of most components are off at once, that has one cause, and is one finding of the service.

use super::series::{Budget, Lesson, LiveSeries, Presence, Shown, Standing};
use super::traffic::{Learnt, SeriesKey};
use crate::model::{
    Bits, ColdStart, DetectPolicy, Dimension, Failures, FigureKind, Finding, Labels, LookOutcome, Measure, Metric,
    MetricLook, Moment, Name, Slice, SourceClass,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A series that was not heard for so long makes room for others.
const FORGOTTEN: Duration = Duration::from_secs(86_400);
/// Figures of so many components at least are off when that is the service's.
const SHARED_MIN: usize = 3;

/// One series.
#[derive(Debug, Clone, PartialEq)]
struct Series {
    own: LiveSeries,
    /// What a sibling knows, while it knows nothing itself.
    borrowed: Option<LiveSeries>,
    heard_at: Moment,
}

impl Series {
    /// Who judges it.
    fn judge(&self) -> &LiveSeries {
        self.borrowed.as_ref().unwrap_or(&self.own)
    }
}

/// One metric.
#[derive(Debug, Clone, PartialEq)]
struct Watched {
    metric: Metric,
    /// What makes a finding.
    worth: Bits,
    series: BTreeMap<Labels, Series>,
    left_out: u64,
    /// When it was last looked at, and why that brought nothing, when it did not.
    looked: Option<(Moment, Option<String>)>,
}

/// How a series stands, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesReading {
    /// Its labels.
    pub labels: Labels,
    /// Its last figure; nothing before the first.
    pub shown: Option<Shown>,
    /// Whether it comes as it usually does.
    pub presence: Presence,
    /// True while a sibling's knowledge judges it.
    pub borrows: bool,
    /// When it was last found off.
    pub found_at: Option<Moment>,
}

/// How a metric stands, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricReading {
    /// Its name.
    pub name: Name,
    /// What it is about.
    pub slice: Slice,
    /// Its series, by their labels.
    pub series: Vec<SeriesReading>,
    /// Series that were there besides and are not judged.
    pub left_out: u64,
    /// Why nothing is known of it, when nothing is.
    pub unknown: Option<String>,
}

/// All metrics of others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics(BTreeMap<Name, Watched>);

impl Metrics {
    /// Knows nothing yet of these.
    pub fn new(metrics: &BTreeMap<Name, Metric>, policy: &DetectPolicy) -> Self {
        let watched = |metric: &Metric| {
            let findings = policy.metric_findings_per_month / metric.series_max.max(1) as f64;
            let budget = Budget::new(findings).unwrap_or_default();
            Watched {
                metric: metric.clone(),
                worth: budget.bits(metric.every),
                series: BTreeMap::new(),
                left_out: 0,
                looked: None,
            }
        };
        Self(metrics.iter().map(|(name, metric)| (name.clone(), watched(metric))).collect())
    }

    /// Takes a look in; `None` when no such metric is configured, else what was learnt.
    pub fn hear(&mut self, now: Moment, look: &MetricLook, lesson: impl Fn(&Slice) -> Lesson) -> Option<Vec<Learnt>> {
        let watched = self.0.get_mut(&look.metric)?;
        let (figures, left_out) = match &look.outcome {
            LookOutcome::Read { figures, left_out } => (figures, *left_out),
            LookOutcome::Unknown { why } => {
                watched.looked = Some((now, Some(why.clone())));
                return Some(vec![]);
            }
        };
        watched.looked = Some((now, figures.is_empty().then(|| "no such series is there".to_owned())));
        watched.left_out = left_out;
        let lesson = lesson(&watched.metric.slice);
        let step = watched.metric.every;
        let learnt = figures.iter().filter_map(|(labels, value)| {
            let value = watched.see(now, labels, *value, lesson)?;
            Some(Learnt { series: SeriesKey::Metric(look.metric.clone(), labels.clone()), step, at: now, value })
        });
        Some(learnt.collect())
    }

    /// Takes in what was learnt before this process was there, each series in the order of its time.
    pub fn recall(&mut self, learnt: &Learnt) {
        let SeriesKey::Metric(name, labels) = &learnt.series else { return };
        let Some(watched) = self.0.get_mut(name).filter(|watched| watched.metric.every == learnt.step) else { return };
        if let Some(series) = watched.series_of(learnt.at, labels) {
            series.own.recall(learnt.at, learnt.value);
            series.heard_at = learnt.at;
        }
    }

    /// What was found has been dealt with.
    pub fn dealt_with(&mut self) {
        for series in self.0.values_mut().flat_map(|watched| watched.series.values_mut()) {
            series.own.dealt_with();
            if let Some(borrowed) = &mut series.borrowed {
                borrowed.dealt_with();
            }
        }
    }

    /// What is abnormal: one finding a metric, or one of the service.
    pub fn findings(&self, now: Moment) -> Vec<Finding> {
        let found: Vec<Finding> = self.0.iter().filter_map(|(name, watched)| watched.found(name, now)).collect();
        let component = |slice: &Slice| slice.get(Dimension::Component).cloned();
        let off: BTreeSet<Name> = found.iter().filter_map(|it| component(&it.slice)).collect();
        let judging = self.0.values().filter(|watched| watched.is_judging());
        let judged: BTreeSet<Name> = judging.filter_map(|watched| component(&watched.metric.slice)).collect();
        if off.len() >= SHARED_MIN && 2 * off.len() > judged.len() { vec![shared(&found, &judged)] } else { found }
    }

    /// How each stands, by name.
    pub fn readings(&self, now: Moment) -> Vec<MetricReading> {
        self.0.iter().map(|(name, watched)| watched.reading(name, now)).collect()
    }
}

impl Watched {
    /// The series of these labels; none when there are too many already.
    fn series_of(&mut self, now: Moment, labels: &Labels) -> Option<&mut Series> {
        if !self.series.contains_key(labels) {
            if self.series.len() >= self.metric.series_max {
                self.series.retain(|_, series| now.since(series.heard_at) < FORGOTTEN);
            }
            if self.series.len() >= self.metric.series_max {
                return None;
            }
            let Metric { kind, sense, every, .. } = self.metric;
            let own = match kind {
                FigureKind::Count => LiveSeries::of_counts(every, self.worth, sense),
                FigureKind::Ratio | FigureKind::Latency | FigureKind::Gauge => {
                    LiveSeries::of_figures(kind, every, self.worth, sense)
                }
            };
            self.series.insert(labels.clone(), Series { own, borrowed: None, heard_at: now });
        }
        self.series.get_mut(labels)
    }

    /// Takes a figure in; what was learnt, if anything.
    fn see(&mut self, now: Moment, labels: &Labels, value: f64, lesson: Lesson) -> Option<f64> {
        if self.series_of(now, labels).is_none() {
            self.left_out += 1;
            return None;
        }
        let likest = self.likest(now, labels, value);
        let series = self.series_of(now, labels)?;
        let is_figure = series.own.add(now, value, lesson);
        if !is_figure {
            return None;
        }
        series.heard_at = now;
        if let Some(borrowed) = &mut series.borrowed {
            borrowed.add(now, value, lesson);
        } else {
            series.borrowed = likest;
        }
        if series.own.shown().is_some_and(|shown| shown.standing == Standing::Judging) {
            series.borrowed = None;
        }
        (lesson == Lesson::Learnt).then_some(value)
    }

    /// What the sibling knows, with this figure, whose usual is nearest to it; none where the figure is not usual for that one.
    fn likest(&self, now: Moment, labels: &Labels, value: f64) -> Option<LiveSeries> {
        let mine = self.series.get(labels)?;
        let knows = mine.own.shown().is_some_and(|shown| shown.standing == Standing::Judging);
        if self.metric.cold_start == ColdStart::Alone || mine.borrowed.is_some() || knows {
            return None;
        }
        let siblings = self.series.iter().filter(|(other, _)| *other != labels).filter_map(|(_, series)| {
            let shown = series.own.shown().filter(|it| it.standing == Standing::Judging && it.since.is_none())?;
            Some(((shown.expected - value).abs(), &series.own))
        });
        let (_, nearest) = siblings.min_by(|a, b| a.0.total_cmp(&b.0))?;
        nearest.lent(now, value)
    }

    fn is_judging(&self) -> bool {
        let judges = |series: &Series| series.judge().shown().is_some_and(|it| it.standing == Standing::Judging);
        self.series.values().any(judges)
    }

    fn found(&self, name: &Name, now: Moment) -> Option<Finding> {
        let off = self.series.iter().filter_map(|(labels, series)| Some((labels, series.judge().found(now)?)));
        let off: Vec<(&Labels, Shown)> = off.collect();
        let (labels, shown) = off.iter().max_by(|a, b| a.1.bits.0.total_cmp(&b.1.bits.0))?;
        let more = if off.len() > 1 { format!(" and {} more", off.len() - 1) } else { String::new() };
        Some(Finding {
            class: SourceClass::Metric,
            measure: Measure::Figure,
            slice: self.metric.slice.clone(),
            since: shown.since.unwrap_or(shown.at),
            at: shown.at,
            expected: shown.expected,
            observed: shown.value,
            total: off.len() as u64,
            kinds: Failures::default(),
            bits: shown.bits,
            of: Some(format!("{name}{labels}{more}")),
        })
    }

    fn reading(&self, name: &Name, now: Moment) -> MetricReading {
        let series = |(labels, series): (&Labels, &Series)| {
            let judge = series.judge();
            SeriesReading {
                labels: labels.clone(),
                shown: judge.shown(),
                presence: judge.presence(now),
                borrows: series.borrowed.is_some(),
                found_at: judge.found_at(),
            }
        };
        let unknown = match &self.looked {
            None => Some("it was not looked at yet".to_owned()),
            Some((_, why)) => why.clone(),
        };
        MetricReading {
            name: name.clone(),
            slice: self.metric.slice.clone(),
            series: self.series.iter().map(series).collect(),
            left_out: self.left_out,
            unknown,
        }
    }
}

/// Figures of most components are off: the mean of the e-values of all components, those where nothing is off among them, which
/// holds however they depend on each other.
fn shared(found: &[Finding], judged: &BTreeSet<Name>) -> Finding {
    let strongest = found.iter().max_by(|a, b| a.bits.0.total_cmp(&b.bits.0)).expect("several are off");
    let most = strongest.bits.0;
    let sum: f64 = found.iter().map(|it| (it.bits.0 - most).exp2()).sum();
    let of = strongest.of.as_ref().map(|of| format!("{of}, with figures of {} metrics", found.len()));
    Finding {
        slice: Slice::everywhere(),
        since: found.iter().map(|it| it.since).min().unwrap_or(strongest.since),
        bits: Bits((most + (sum / judged.len().max(found.len()) as f64).log2()).max(0.0)),
        of,
        ..strongest.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::series::testing::Dice;
    use super::*;
    use crate::model::Sense;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: u64 = 60;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn minute(n: u64) -> Moment {
        Moment::from_millis(n * 60_000)
    }

    fn queue(component: &str) -> Metric {
        Metric {
            slice: Slice::of(Dimension::Component, name(component)),
            kind: FigureKind::Gauge,
            sense: Sense::Up,
            every: MINUTE,
            series_max: 4,
            cold_start: ColdStart::FromSiblings,
        }
    }

    /// The length of a queue for each of some components.
    fn metrics(components: &[&str]) -> Metrics {
        let of = |text: &&str| (name(&format!("{text}-queue")), queue(text));
        Metrics::new(&components.iter().map(of).collect(), &DetectPolicy::default())
    }

    fn look(metric: &str, figures: &[(&str, f64)]) -> MetricLook {
        let figures = figures.iter().map(|(labels, value)| (Labels::new(labels), *value)).collect();
        MetricLook { metric: name(metric), outcome: LookOutcome::Read { figures, left_out: 0 } }
    }

    fn hear(metrics: &mut Metrics, n: u64, look: &MetricLook) -> Vec<Learnt> {
        metrics.hear(minute(n), look, |_| Lesson::Learnt).expect("configured")
    }

    /// A metric with two series that have learnt for a day, one about 50 and one about 5,000.
    fn taught() -> (Metrics, Dice) {
        let (mut metrics, mut dice) = (metrics(&["mail"]), Dice::new(5));
        for n in 0..24 * HOUR {
            hear(&mut metrics, n, &look("mail-queue", &figures(&mut dice)));
        }
        (metrics, dice)
    }

    fn figures(dice: &mut Dice) -> [(&'static str, f64); 2] {
        [("{q=\"a\"}", 50.0 + f64::from(dice.normal())), ("{q=\"b\"}", 5_000.0 + 100.0 * f64::from(dice.normal()))]
    }

    fn told(metrics: &Metrics, n: u64) -> Vec<(String, String)> {
        let findings = metrics.findings(minute(n));
        findings.into_iter().map(|f| (f.slice.to_string(), f.of.unwrap_or_default())).collect()
    }

    #[test]
    fn a_figure_that_is_off_is_named() {
        let (mut metrics, mut dice) = taught();
        let n = 24 * HOUR;
        assert_eq!(told(&metrics, n - 1), []);
        let [a, b] = figures(&mut dice);
        hear(&mut metrics, n, &look("mail-queue", &[(a.0, 90.0), b]));
        let mail = || "component=mail".to_owned();
        assert_eq!(told(&metrics, n), [(mail(), "mail-queue{q=\"a\"}".to_owned())]);
        hear(&mut metrics, n + 1, &look("mail-queue", &[(a.0, 90.0), (b.0, 9_000.0)]));
        assert_eq!(told(&metrics, n + 1).len(), 1, "one finding a metric");
        assert!(told(&metrics, n + 1)[0].1.ends_with(" and 1 more"));
        assert_eq!(told(&metrics, n + 8), [], "what is not heard any more says nothing");
    }

    #[test]
    fn what_does_not_come_is_unknown_and_never_off() {
        let (mut metrics, _) = taught();
        let n = 24 * HOUR;
        for unknown in [
            MetricLook { metric: name("mail-queue"), outcome: LookOutcome::Unknown { why: "refused".into() } },
            look("mail-queue", &[]),
        ] {
            assert_eq!(hear(&mut metrics, n, &unknown), vec![]);
            let reading = &metrics.readings(minute(n + 10))[0];
            assert!(reading.unknown.is_some() && metrics.findings(minute(n)).is_empty());
            assert!(reading.series.iter().all(|it| matches!(it.presence, Presence::Unknown(_))));
        }
        assert_eq!(metrics.hear(minute(n), &look("else", &[]), |_| Lesson::Learnt), None);
        hear(&mut metrics, n, &look("mail-queue", &[("", f64::NAN)]));
        assert_eq!(metrics.findings(minute(n)), vec![]);
    }

    #[test]
    fn an_explosion_of_series_is_bounded_and_counted() {
        let (mut metrics, _) = taught();
        let n = 24 * HOUR;
        let many: Vec<(String, f64)> = (0..100_000).map(|k| (format!("{{user=\"{k}\"}}"), 1.0)).collect();
        let many: Vec<(&str, f64)> = many.iter().map(|(labels, value)| (labels.as_str(), *value)).collect();
        hear(&mut metrics, n, &look("mail-queue", &many));
        let reading = &metrics.readings(minute(n))[0];
        assert_eq!((reading.series.len(), reading.left_out), (4, 99_998));
        assert!(reading.series[0].labels.as_str().contains("q="), "who was there first stays");
        hear(&mut metrics, n + 24 * HOUR, &look("mail-queue", &[("{q=\"c\"}", 1.0)]));
        let reading = &metrics.readings(minute(n + 24 * HOUR))[0];
        assert_eq!((reading.series.len(), reading.left_out), (1, 0), "who is gone for a day makes room");
    }

    #[test]
    fn a_new_series_borrows_what_the_sibling_knows_that_it_resembles() {
        let (metrics, mut dice) = taught();
        let n = 24 * HOUR;
        let stands = |metrics: &Metrics| {
            let reading = metrics.readings(minute(n)).remove(0);
            let new = reading.series.into_iter().find(|it| it.labels.as_str().contains("new")).expect("there");
            (new.borrows, new.shown.expect("a figure").standing)
        };
        let mut see = |metrics: &mut Metrics, n: u64, value: f64| {
            let [a, b] = figures(&mut dice);
            hear(metrics, n, &look("mail-queue", &[a, b, ("{q=\"new\"}", value)]));
        };
        let mut alike = metrics.clone();
        see(&mut alike, n, 50.5);
        assert_eq!(stands(&alike), (true, Standing::Judging));
        see(&mut alike, n + 1, 90.0);
        assert_eq!(told(&alike, n + 1)[0].1, "mail-queue{q=\"new\"}");
        let mut other = metrics.clone();
        see(&mut other, n, 700.0);
        assert_eq!(stands(&other), (false, Standing::Learning), "it is like none of them");
        for k in 1..200 {
            see(&mut alike, n + 1 + k, 50.0 + (k % 3) as f64);
        }
        assert_eq!(stands(&alike), (false, Standing::Judging), "by now it knows itself");
        let mut alone = metrics;
        alone.0.values_mut().for_each(|it| it.metric.cold_start = ColdStart::Alone);
        see(&mut alone, n, 50.5);
        assert_eq!(stands(&alone), (false, Standing::Learning));
    }

    #[test]
    fn what_is_off_everywhere_has_one_cause() {
        let components = ["login", "mail", "playback", "search"];
        let (mut metrics, mut dice) = (metrics(&components), Dice::new(8));
        let mut see = |metrics: &mut Metrics, n: u64, off: &[&str]| {
            for component in components {
                let value = if off.contains(&component) { 90.0 } else { 50.0 + f64::from(dice.normal()) };
                hear(metrics, n, &look(&format!("{component}-queue"), &[("", value)]));
            }
        };
        (0..24 * HOUR).for_each(|n| see(&mut metrics, n, &[]));
        let n = 24 * HOUR;
        let mut two = metrics.clone();
        see(&mut two, n, &components[..2]);
        assert_eq!(told(&two, n).len(), 2);
        see(&mut metrics, n, &components[..3]);
        let one = told(&metrics, n);
        assert_eq!(one.len(), 1, "{one:?}");
        assert_eq!(one[0].0, Slice::everywhere().to_string());
        assert!(one[0].1.ends_with("with figures of 3 metrics"), "{one:?}");
    }

    #[test]
    fn what_was_learnt_is_known_after_a_restart() {
        let (mut before, mut after) = (metrics(&["mail"]), metrics(&["mail"]));
        let mut dice = Dice::new(5);
        for n in 0..24 * HOUR {
            for learnt in hear(&mut before, n, &look("mail-queue", &figures(&mut dice))) {
                assert_eq!(learnt.series.to_string().parse().as_ref(), Ok(&learnt.series));
                after.recall(&learnt);
            }
        }
        let n = 24 * HOUR;
        for metrics in [&mut before, &mut after] {
            hear(metrics, n, &look("mail-queue", &[("{q=\"a\"}", 90.0)]));
        }
        assert_eq!(told(&after, n), told(&before, n));
        assert_eq!(told(&after, n).len(), 1);
    }
}
