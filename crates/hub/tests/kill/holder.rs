//! A process that has begun to write to a log and does not end: this test binary, started anew.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const DATA: &str = "DOWNBEAT_HOLD_DATA";
/// What it says once it has the lock.
const READY: &str = "has the lock";

/// The process.
pub(crate) struct Holder(Child);

impl Holder {
    pub(crate) fn start(data: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "holder", "--nocapture"]).env(DATA, data).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().expect("a process"))
    }

    /// Waits until it has the lock. Blocks.
    pub(crate) fn ready(&mut self) {
        let lines = BufReader::new(self.0.stdout.as_mut().expect("piped")).lines();
        let has_it = lines.map_while(Result::ok).any(|line| line.contains(READY));
        assert!(has_it, "it ended without the lock");
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().expect("there is a kill");
        assert!(sent.success(), "it is there");
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("gone");
    }
}

/// Takes the lock and keeps it until killed, in the process that was started for it; does nothing in the test itself.
pub(crate) fn hold_if_asked() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let connection = rusqlite::Connection::open(Path::new(&data).join("hub.db")).expect("opens");
    connection.busy_timeout(Duration::from_secs(30)).expect("waits");
    connection.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let mut out = std::io::stdout();
    writeln!(out, "{READY}").and_then(|()| out.flush()).expect("the test listens");
    // Until the test's end, which closes this side too.
    std::io::stdin().lines().for_each(drop);
}
