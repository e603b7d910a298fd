//! The last two minutes as lines: one strip for the traffic, one for the trouble, each on its own scale.
//!
//! A strip is drawn in units of seconds by percent of its scale and stretched by the page, so that labels stay
//! text of the page's own size on any screen. Seconds without a count are gaps, never zeros; trouble is drawn only
//! where there is some, so that a quiet time looks quiet.

use crate::faces::tone::count;
use downbeat_core::incident::Pulse;
use downbeat_core::model::Moment;
use std::fmt::Write;

/// How much time is drawn, in seconds.
const SECONDS: f64 = 120.0;
/// Two counts further apart than this are not joined.
const GAP_S: f64 = 2.5;
/// The least top of a scale: one failed attempt must not look like a wall.
const TOP_MIN: u64 = 10;
/// The height of a strip, in its own units.
const HEIGHT: f64 = 100.0;

/// Two strips under one description.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// What happened, for who cannot see the lines.
    pub(super) description: String,
    /// Traffic, then trouble.
    pub(super) strips: Vec<Strip>,
}

/// Lines on one scale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Strip {
    /// What is counted.
    pub(super) title: &'static str,
    /// The largest value of its scale.
    pub(super) top: u64,
    /// Its lines.
    pub(super) lines: Vec<Line>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// In class names.
    pub(super) class: &'static str,
    /// For people.
    pub(super) label: &'static str,
    /// The newest value, when there is one.
    pub(super) newest: Option<u64>,
    /// The line as an SVG path.
    pub(super) path: String,
    /// The area below it as an SVG path.
    pub(super) area: String,
}

type Count = fn(&Pulse) -> u64;

/// Class, label, and what is counted.
type Kind = (&'static str, &'static str, Count);

impl Chart {
    /// Draws the pulses as seen at `now`.
    pub(super) fn of(pulses: &[Pulse], now: Moment) -> Self {
        let traffic: [Kind; 1] = [("requests", "requests", |p| p.requests)];
        let trouble: [Kind; 3] = [
            ("masked", "failed attempts, masked by the edge", masked),
            ("failed", "failed for clients", |p| p.failed),
            ("reports", "users' reports", |p| p.reports),
        ];
        let strips = vec![
            Strip::of("Requests a second", pulses, now, Zeros::Drawn, &traffic),
            Strip::of("Trouble a second", pulses, now, Zeros::LeftOut, &trouble),
        ];
        Self { description: description(pulses), strips }
    }

    /// True when there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.strips.iter().flat_map(|strip| &strip.lines).all(|line| line.path.is_empty())
    }
}

/// Failed attempts that no client noticed.
fn masked(pulse: &Pulse) -> u64 {
    pulse.failed_attempts.saturating_sub(pulse.failed)
}

fn description(pulses: &[Pulse]) -> String {
    let sum = |part: Count| count(pulses.iter().map(part).fold(0_u64, u64::saturating_add));
    format!(
        "{} requests in the last two minutes; {} failed for clients, {} failed attempts were masked by the edge, \
         {} reports of users.",
        sum(|p| p.requests),
        sum(|p| p.failed),
        sum(masked),
        sum(|p| p.reports)
    )
}

impl Strip {
    fn of(title: &'static str, pulses: &[Pulse], now: Moment, zeros: Zeros, lines: &[Kind]) -> Self {
        let highest = lines.iter().flat_map(|(.., count)| pulses.iter().map(count)).max().unwrap_or(0);
        let top = round_up(highest.max(TOP_MIN));
        let line = |&(class, label, count): &Kind| {
            let counts: Vec<(Moment, u64)> = pulses.iter().map(|pulse| (pulse.at, count(pulse))).collect();
            let points = points(&zeros.applied(&counts), now, top);
            Line { class, label, newest: pulses.last().map(count), path: path(&points), area: area(&points) }
        };
        Self { title, top, lines: lines.iter().map(line).collect() }
    }
}

/// What becomes of seconds in which nothing was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zeros {
    /// They are part of the line.
    Drawn,
    /// They are left out but for those beside a count, from which the line rises and falls.
    LeftOut,
}

impl Zeros {
    fn applied(self, counts: &[(Moment, u64)]) -> Vec<(Moment, u64)> {
        let speaks = |i: usize| counts.get(i).is_some_and(|(_, n)| *n > 0);
        let kept = |i: usize| self == Self::Drawn || speaks(i) || speaks(i + 1) || i > 0 && speaks(i - 1);
        counts.iter().enumerate().filter(|(i, _)| kept(*i)).map(|(_, pair)| *pair).collect()
    }
}

/// The next of 1, 2, 5, 10, 20, 50, … that is not below.
fn round_up(highest: u64) -> u64 {
    let mut decade = 1_u64;
    loop {
        for step in [1, 2, 5] {
            let top = decade.saturating_mul(step);
            if top >= highest {
                return top;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

/// Stretches of neighbouring points: seconds from the left, units from the top.
fn points(counts: &[(Moment, u64)], now: Moment, top: u64) -> Vec<Vec<(f64, f64)>> {
    let mut stretches: Vec<Vec<(f64, f64)>> = Vec::new();
    for (at, count) in counts {
        let x = SECONDS - now.since(*at).as_secs_f64();
        if x < 0.0 {
            continue;
        }
        // The cast loses digits only beyond 2^53.
        let y = HEIGHT - HEIGHT * (*count as f64 / top as f64);
        match stretches.last_mut() {
            Some(stretch) if stretch.last().is_some_and(|(last, _)| x - last <= GAP_S) => stretch.push((x, y)),
            _ => stretches.push(vec![(x, y)]),
        }
    }
    stretches
}

fn path(stretches: &[Vec<(f64, f64)>]) -> String {
    let mut path = String::new();
    for stretch in stretches {
        for (i, (x, y)) in stretch.iter().enumerate() {
            let verb = if i == 0 { 'M' } else { 'L' };
            // Writing to a string does not fail.
            let _ = write!(path, "{verb}{x:.1} {y:.1}");
        }
    }
    path
}

fn area(stretches: &[Vec<(f64, f64)>]) -> String {
    let mut area = String::new();
    for stretch in stretches {
        let (Some((first, _)), Some((last, _))) = (stretch.first(), stretch.last()) else { continue };
        let _ = write!(area, "M{first:.1} {HEIGHT}");
        for (x, y) in stretch {
            let _ = write!(area, "L{x:.1} {y:.1}");
        }
        let _ = write!(area, "L{last:.1} {HEIGHT}Z");
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(second: u64, requests: u64) -> Pulse {
        Pulse { at: Moment::from_millis(second * 1_000), requests, ..Pulse::default() }
    }

    #[test]
    fn scales_are_round() {
        let table = [(0, 1), (1, 1), (3, 5), (6, 10), (11, 20), (201, 500), (500, 500)];
        for (highest, top) in table {
            assert_eq!(round_up(highest), top, "{highest}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_gap_is_not_a_zero() {
        let pulses = [pulse(100, 5), pulse(101, 10), pulse(110, 10), pulse(111, 0)];
        let chart = Chart::of(&pulses, Moment::from_millis(111_000));
        let line = &chart.strips[0].lines[0];
        assert_eq!(line.path, "M109.0 50.0L110.0 0.0M119.0 0.0L120.0 100.0");
        assert_eq!(line.area, "M109.0 100L109.0 50.0L110.0 0.0L110.0 100ZM119.0 100L119.0 0.0L120.0 100.0L120.0 100Z");
        assert_eq!(line.newest, Some(0));
    }

    #[test]
    fn a_quiet_time_looks_quiet() {
        let trouble =
            |second: u64, failed| Pulse { at: Moment::from_millis(second * 1_000), failed, ..Pulse::default() };
        let pulses = [trouble(115, 0), trouble(116, 0), trouble(117, 10), trouble(118, 0), trouble(119, 0)];
        let chart = Chart::of(&pulses, Moment::from_millis(120_000));
        assert_eq!(chart.strips[1].lines[1].path, "M116.0 100.0L117.0 0.0L118.0 100.0");
    }

    #[test]
    fn what_is_older_than_two_minutes_is_left_out() {
        assert!(Chart::of(&[pulse(1, 5)], Moment::from_millis(500_000)).is_empty());
        assert!(Chart::of(&[], Moment::from_millis(0)).is_empty());
    }

    #[test]
    fn only_failures_that_clients_did_not_notice_count_as_masked() {
        let pulse = Pulse { failed: 3, failed_attempts: 10, ..Pulse::default() };
        assert_eq!(masked(&pulse), 7);
        assert_eq!(masked(&Pulse { failed: 3, failed_attempts: 0, ..Pulse::default() }), 0);
    }
}
