//! Figures that are judged by their own past, as they may stand.

use super::{HOSTILE, healthy, name, slice};
use crate::view::Snapshot;
use downbeat_core::detect::series::{Presence, Shown, Standing};
use downbeat_core::detect::{MetricReading, SeriesReading, TrafficReading};
use downbeat_core::model::{Bits, Labels};
use std::sync::Arc;
use std::time::Duration;

/// Log-in misses its crowd, a queue grows, a metric is not heard.
pub(crate) fn counted() -> Snapshot {
    let mut snapshot = healthy();
    let now = snapshot.now;
    let shown = |value, expected, bits, standing| Shown {
        at: now,
        value,
        expected,
        bits: Bits(bits),
        since: (bits > 0.0).then(|| now.before(Duration::from_secs(130))),
        standing,
    };
    let traffic = |component, shown, presence, late_ms| TrafficReading {
        component: name(component),
        requests: shown,
        presence,
        late_ms,
        late_bits: Bits(0.4),
    };
    let (judging, heard) = (Standing::Judging, Presence::Heard);
    let silent = Presence::Unknown(now.before(Duration::from_secs(900)));
    let series = |labels: &str, shown, borrows| SeriesReading {
        labels: Labels::new(labels),
        shown: Some(shown),
        presence: heard,
        borrows,
        found_at: None,
    };
    let metric = |text, series, left_out, unknown: Option<&str>| MetricReading {
        name: name(text),
        slice: slice("component=playlists"),
        series,
        left_out,
        unknown: unknown.map(str::to_owned),
    };
    let queues = vec![
        series(&format!("{{queue=\"{HOSTILE}\"}}"), shown(2_412.0, 51.3, 31.0, judging), false),
        series("{queue=\"push\"}", shown(7.25, 6.9, 0.0, judging), true),
    ];
    let board = Arc::make_mut(&mut snapshot.board);
    board.traffic = vec![
        traffic("login", Some(shown(4.0, 196.0, 44.0, judging)), heard, Some(180.0)),
        traffic("playback", Some(shown(23_140.0, 22_871.0, 0.0, judging)), heard, Some(412.0)),
        traffic("playlists", Some(shown(1_302.0, 0.0, 0.0, Standing::Learning)), heard, None),
        traffic("search", None, silent, None),
    ];
    board.metrics = vec![
        metric("queue-length", queues, 1_204, None),
        metric("sign-ups", vec![], 0, Some("it answered 503 Service Unavailable")),
    ];
    snapshot
}
