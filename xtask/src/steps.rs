//! Progress: numbered steps with their durations, on stderr, so that results alone are on stdout.

use std::time::{Duration, Instant};

/// Numbers the steps of one verb.
pub(crate) struct Steps {
    done: usize,
    total: usize,
}

impl Steps {
    pub(crate) fn new(total: usize) -> Self {
        Self { done: 0, total }
    }

    /// Does one step between the lines `[2/5] building …` and `[2/5] building … 41 s`.
    pub(crate) fn step<T>(&mut self, what: &str, work: impl FnOnce() -> T) -> T {
        self.done += 1;
        let label = format!("[{}/{}] {what} …", self.done, self.total);
        eprintln!("{label}");
        let start = Instant::now();
        let result = work();
        eprintln!("{label} {}", spoken(start.elapsed()));
        result
    }
}

/// A duration as one says it: `0.4 s`, `41 s`, `3 min 5 s`.
fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_spoken() {
        for (milliseconds, said) in [(0, "0.0 s"), (420, "0.4 s"), (41_300, "41 s"), (185_000, "3 min 5 s")] {
            assert_eq!(spoken(Duration::from_millis(milliseconds)), said);
        }
    }

    #[test]
    fn a_step_returns_what_its_work_returned() {
        let mut steps = Steps::new(2);
        assert_eq!(steps.step("counting", || 7), 7);
        assert_eq!(steps.done, 1);
    }
}
