//! What is said while a drill or the demo runs: lines on stderr with the seconds since the start, and since the
//! fault once there is one.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::time::Instant;

/// Where progress is told.
#[derive(Debug)]
pub struct Progress {
    start: Instant,
    fault: OnceLock<Instant>,
    voice: Voice,
}

/// Whether it is told, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    Silent,
    Plain,
    Coloured,
}

impl Progress {
    /// Tells on stderr, or nobody.
    pub fn new(aloud: bool) -> Self {
        let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let voice = match (aloud, coloured) {
            (false, _) => Voice::Silent,
            (true, false) => Voice::Plain,
            (true, true) => Voice::Coloured,
        };
        Self { start: Instant::now(), fault: OnceLock::new(), voice }
    }

    /// From now on, seconds count from the fault.
    pub fn fault_now(&self) {
        let _ = self.fault.set(Instant::now());
    }

    /// Something was done or seen.
    pub fn say(&self, what: &str) {
        self.line("", what);
    }

    /// Something is not as it should be.
    pub fn warn(&self, what: &str) {
        self.line("! ", what);
    }

    fn line(&self, mark: &str, what: &str) {
        let stamp = self.stamp();
        let line = match self.voice {
            Voice::Silent => return,
            Voice::Plain => format!("{stamp}  {mark}{what}\n"),
            Voice::Coloured if mark.is_empty() => format!("\x1b[2m{stamp}\x1b[0m  {what}\n"),
            Voice::Coloured => format!("\x1b[2m{stamp}\x1b[0m  \x1b[33m{mark}{what}\x1b[0m\n"),
        };
        // Nobody may be reading any more; the drill goes on.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn stamp(&self) -> String {
        match self.fault.get() {
            Some(fault) => format!("fault +{:>6.1} s", seconds(fault.elapsed())),
            None => format!("      {:>7.1} s", seconds(self.start.elapsed())),
        }
    }
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}
