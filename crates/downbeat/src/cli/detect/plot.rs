//! One series as inline SVG: what was seen, what was expected, and where it was not as usual.

use super::{Looked, Scored, figure, stamp};
use downbeat_core::detect::series::Spell;
use std::fmt::Write;

/// The picture's size in its own units; the page scales it to the width there is.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 240.0;
const MARGIN: f64 = 6.0;
/// Columns; what falls on one column is drawn as one stroke from its least to its largest value.
const COLUMNS: usize = 900;

/// Where times and values lie.
struct Scale {
    start: f64,
    span: f64,
    low: f64,
    range: f64,
}

impl Scale {
    fn of(points: &[(f64, f64, f64)]) -> Self {
        let ends = |pick: fn(&(f64, f64, f64)) -> f64| {
            let values = points.iter().map(pick);
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let ((start, end), (low, high)) = (ends(|point| point.0), ends(|point| point.1));
        let or_one = |width: f64| if width > 0.0 { width } else { 1.0 };
        Self { start, span: or_one(end - start), low, range: or_one(high - low) }
    }

    fn x(&self, time: f64) -> f64 {
        MARGIN + (WIDTH - 2.0 * MARGIN) * ((time - self.start) / self.span).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * ((value - self.low) / self.range).clamp(0.0, 1.0)
    }
}

/// The picture; empty for a series without a usable point.
pub(super) fn draw(one: &Looked, title: &str) -> String {
    let points: Vec<(f64, f64, f64)> = one.points.iter().filter_map(drawable).collect();
    if points.is_empty() {
        return String::new();
    }
    let scale = Scale::of(&points);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title}\">"
    );
    for spell in &one.spells {
        svg += &shade(&scale, spell);
    }
    // What was expected on top: it would drown in what was seen.
    let _ = write!(svg, "<path class=\"seen\" d=\"{}\"/>", strokes(&scale, &points, |point| point.1));
    let _ = write!(svg, "<path class=\"expected\" d=\"{}\"/></svg>", strokes(&scale, &points, |point| point.2));
    svg
}

/// What the picture's edges are, in words.
pub(super) fn span(one: &Looked) -> Option<String> {
    let mut drawn = one.points.iter().filter(|point| drawable(point).is_some());
    let values = drawn.clone().filter_map(|point| point.row.value);
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let first = drawn.next()?;
    let last = drawn.next_back().unwrap_or(first);
    Some(format!(
        "From {} to {}, from {} (bottom) to {} (top). ",
        stamp(first.row.at),
        stamp(last.row.at),
        figure(low),
        figure(high)
    ))
}

fn drawable(point: &Scored) -> Option<(f64, f64, f64)> {
    let (expected, _) = point.said?;
    Some((point.row.at.as_millis() as f64, point.row.value?, expected))
}

/// A band from the start to the end of a spell, wide enough to be seen, and a mark where it was detected.
fn shade(scale: &Scale, spell: &Spell) -> String {
    let at = |moment: downbeat_core::model::Moment| scale.x(moment.as_millis() as f64);
    let (left, mark) = (at(spell.start), at(spell.detected_at));
    let right = spell.end.map_or(WIDTH - MARGIN, |(end, _)| at(end)).max(mark);
    let width = (right - left).max(2.0);
    format!(
        "<rect class=\"spell\" x=\"{left:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>\
         <path class=\"mark\" d=\"M{mark:.1} 0v{HEIGHT}\"/>"
    )
}

/// One stroke a column, so a month of seconds is as small as a day of minutes.
fn strokes(scale: &Scale, points: &[(f64, f64, f64)], value: fn(&(f64, f64, f64)) -> f64) -> String {
    let mut path = String::new();
    for column in points.chunks(points.len().div_ceil(COLUMNS)) {
        let x = scale.x(column[0].0);
        let values = column.iter().map(value);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{x:.1} {:.1}", scale.y(low));
        if high > low {
            let _ = write!(path, "V{:.1}", scale.y(high));
        }
    }
    path
}
