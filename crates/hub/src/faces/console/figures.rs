//! `/figures`: what is judged by its own past: how many ask, how late they are answered, and the metrics of others.

use super::Console;
use super::shell::Shell;
use crate::faces::answer;
use crate::faces::desk::Desk;
use crate::faces::stamp::Stamp;
use crate::faces::tone::{Tone, count};
use crate::view::Snapshot;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use downbeat_core::detect::series::{Presence, Shown, Standing};
use downbeat_core::detect::{MetricReading, SeriesReading, TrafficReading};
use downbeat_core::model::Day;

#[derive(Template)]
#[template(path = "console/figures.html")]
struct FiguresPage {
    shell: Shell,
    /// Today nothing is learnt, by configuration.
    is_quiet_day: bool,
    traffic: Vec<TrafficLine>,
    metrics: Vec<MetricCard>,
}

/// How a figure stands.
#[derive(Debug, PartialEq)]
struct Face {
    tone: Tone,
    word: &'static str,
    now: String,
    usual: String,
    bits: String,
    /// Since when it is off.
    since: Option<Stamp>,
}

/// One component's own traffic.
struct TrafficLine {
    title: String,
    requests: Face,
    /// What is late, and how sure it is that more is.
    late: Option<(String, String)>,
}

/// One metric of others.
struct MetricCard {
    name: String,
    place: String,
    series: Vec<SeriesLine>,
    left_out: String,
    unknown: Option<String>,
}

/// One series of it.
struct SeriesLine {
    labels: String,
    face: Face,
    borrows: bool,
}

pub(super) async fn page<D: Desk>(State(console): State<Console<D>>) -> Response {
    answer::page(StatusCode::OK, &FiguresPage::of(&console.snapshot()))
}

impl FiguresPage {
    fn of(snapshot: &Snapshot) -> Self {
        let policy = &snapshot.settings.policy;
        let title = |it: &TrafficReading| {
            policy.topology.components.get(&it.component).map_or_else(|| it.component.to_string(), |c| c.title.clone())
        };
        Self {
            shell: Shell::of(snapshot),
            is_quiet_day: policy.detect.quiet_days.contains(&Day::of(snapshot.now)),
            traffic: snapshot.board.traffic.iter().map(|it| TrafficLine::of(title(it), it)).collect(),
            metrics: snapshot.board.metrics.iter().map(MetricCard::of).collect(),
        }
    }
}

impl TrafficLine {
    fn of(title: String, reading: &TrafficReading) -> Self {
        let late = reading.late_ms.map(|ms| (format!("{ms:.0} ms"), format!("{:.0}", reading.late_bits.0)));
        Self { title, requests: Face::of(reading.requests, reading.presence, "Fewer than usual"), late }
    }
}

impl MetricCard {
    fn of(reading: &MetricReading) -> Self {
        Self {
            name: reading.name.to_string(),
            place: reading.slice.to_string(),
            series: reading.series.iter().map(SeriesLine::of).collect(),
            left_out: count(reading.left_out),
            unknown: reading.unknown.clone(),
        }
    }
}

impl SeriesLine {
    fn of(reading: &SeriesReading) -> Self {
        Self {
            labels: reading.labels.to_string(),
            face: Face::of(reading.shown, reading.presence, "Off its usual"),
            borrows: reading.borrows,
        }
    }
}

impl Face {
    fn of(shown: Option<Shown>, presence: Presence, off: &'static str) -> Self {
        let Some(shown) = shown else {
            let nothing = || "none yet".to_owned();
            let (now, usual, bits) = (nothing(), nothing(), "0".into());
            return Self { tone: Tone::Unknown, word: "Unknown", now, usual, bits, since: None };
        };
        let is_learning = shown.standing == Standing::Learning;
        let (tone, word) = match (presence, shown.since) {
            (Presence::Unknown(_), _) => (Tone::Unknown, "Unknown"),
            _ if is_learning => (Tone::Unknown, "Learning"),
            (Presence::Heard, Some(_)) => (Tone::Warn, off),
            (Presence::Heard, None) => (Tone::Good, "As usual"),
        };
        Self {
            tone,
            word,
            now: figure(shown.value),
            usual: if is_learning { "not known yet".into() } else { figure(shown.expected) },
            bits: format!("{:.0}", shown.bits.0),
            since: shown.since.map(Stamp),
        }
    }
}

/// A figure with as many digits as it deserves.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        it if !(1e-3..1e9).contains(&it) => format!("{value:.1e}"),
        it if it >= 100.0 => format!("{}{}", if value < 0.0 { "\u{2212}" } else { "" }, count(it.round() as u64)),
        it if it >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::story;
    use super::*;

    #[test]
    fn figures_keep_the_digits_that_tell() {
        let figures = [0.0, 0.25, 12.34, 1_234.6, -1_234.6, 7e12, 2e-5].map(figure);
        assert_eq!(figures, ["0", "0.250", "12.3", "1,235", "\u{2212}1,235", "7.0e12", "2.0e-5"]);
    }

    #[test]
    fn each_figure_says_how_it_stands() {
        let page = FiguresPage::of(&story::counted());
        let words: Vec<(&str, &str)> = page.traffic.iter().map(|it| (it.title.as_str(), it.requests.word)).collect();
        assert_eq!(
            words,
            [
                ("Log-in", "Fewer than usual"),
                ("Playback", "As usual"),
                ("Playlists", "Learning"),
                ("Search", "Unknown")
            ]
        );
        let queue = &page.metrics[0];
        let words: Vec<&str> = queue.series.iter().map(|it| it.face.word).collect();
        assert_eq!((words.as_slice(), queue.left_out.as_str()), (["Off its usual", "As usual"].as_slice(), "1,204"));
        assert!(queue.series[1].borrows && page.metrics[1].unknown.is_some());
    }
}
