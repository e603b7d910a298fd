//! What a server tells Prometheus: answers by status, and how long they took, as its client libraries do.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Upper bounds of the buckets, in seconds.
const BOUNDS: [f64; 6] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Answers so far.
#[derive(Default)]
pub(super) struct Metrics {
    counts: RefCell<Counts>,
}

#[derive(Default)]
struct Counts {
    by_status: BTreeMap<u16, u64>,
    /// Answers within each bound.
    within: [u64; BOUNDS.len()],
    all: u64,
    /// Seconds of all answers together.
    sum: f64,
}

impl Metrics {
    /// Counts an answer.
    pub(super) fn count(&self, status: u16, took: Duration) {
        let (mut counts, seconds) = (self.counts.borrow_mut(), took.as_secs_f64());
        *counts.by_status.entry(status).or_default() += 1;
        for (within, bound) in counts.within.iter_mut().zip(BOUNDS) {
            *within += u64::from(seconds <= bound);
        }
        counts.all += 1;
        counts.sum += seconds;
    }

    /// All of it in the text format of Prometheus. Both statuses are always there, for a rate begins with a zero.
    pub(super) fn text(&self) -> String {
        let counts = self.counts.borrow();
        let mut text = String::from("# TYPE http_requests_total counter\n");
        for status in [200, 500] {
            let count = counts.by_status.get(&status).copied().unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "http_requests_total{{code=\"{status}\"}} {count}");
        }
        text.push_str("# TYPE http_request_duration_seconds histogram\n");
        for (bound, count) in BOUNDS.iter().zip(counts.within) {
            let _ = writeln!(text, "http_request_duration_seconds_bucket{{le=\"{bound}\"}} {count}");
        }
        let Counts { all, sum, .. } = &*counts;
        let _ = writeln!(text, "http_request_duration_seconds_bucket{{le=\"+Inf\"}} {all}");
        let _ = write!(text, "http_request_duration_seconds_sum {sum}\nhttp_request_duration_seconds_count {all}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_by_status_and_time() {
        let metrics = Metrics::default();
        metrics.count(200, Duration::from_millis(20));
        metrics.count(500, Duration::from_millis(800));
        let text = metrics.text();
        for line in [
            "http_requests_total{code=\"200\"} 1",
            "http_requests_total{code=\"500\"} 1",
            "http_request_duration_seconds_bucket{le=\"0.01\"} 0",
            "http_request_duration_seconds_bucket{le=\"0.5\"} 1",
            "http_request_duration_seconds_bucket{le=\"1\"} 2",
            "http_request_duration_seconds_bucket{le=\"+Inf\"} 2",
            "http_request_duration_seconds_count 2",
        ] {
            assert!(text.lines().any(|said| said == line), "{line} in {text}");
        }
    }
}
