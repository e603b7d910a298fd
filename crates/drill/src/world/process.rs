//! One child process: started, listened to, signalled, ended; never left behind.

use super::logs::Log;
use super::nursery::Nursery;
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long a process may take to end after it was asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Why a process does not run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It cannot be started.
    #[error("start {name} ({})", exe.display())]
    Start {
        /// Which process.
        name: String,
        /// The program.
        exe: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{name} ended at its start ({how}); its last words:\n{words}")]
    Ended {
        /// Which process.
        name: String,
        /// How it ended.
        how: String,
        /// The end of its log.
        words: String,
    },
    /// It was not ready in time.
    #[error("{name} was not ready within {patience:?}; its last words:\n{words}")]
    Late {
        /// Which process.
        name: String,
        /// How long it had.
        patience: Duration,
        /// The end of its log.
        words: String,
    },
}

/// What to run.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) exe: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) log: Arc<Log>,
}

/// A process that was started.
#[derive(Debug)]
pub(super) struct Process {
    program: Program,
    pid: Pid,
    ended: watch::Receiver<Option<ExitStatus>>,
    address: watch::Receiver<Option<SocketAddr>>,
    to_end: AtomicBool,
}

impl Process {
    /// Starts it; it need not be ready yet.
    pub(super) async fn start(nursery: &Nursery, program: Program) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Start { name: program.name.clone(), exe: program.exe.clone(), source };
        let mut child = nursery.start(command(&program)).await.map_err(failed)?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| failed(io::Error::other("it has no process id")))?;
        let (found, address) = watch::channel(None);
        let found = Arc::new(found);
        listen_to(child.stdout.take(), &program.log, &found);
        listen_to(child.stderr.take(), &program.log, &found);
        Ok(Self { program, pid, ended: wait_for(child), address, to_end: AtomicBool::new(false) })
    }

    /// Its number in the system.
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// True until it has ended.
    pub(super) fn runs(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// Waits for its end.
    pub(super) async fn end(&self) -> Option<ExitStatus> {
        let mut ended = self.ended.clone();
        ended.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Waits for the address that it says it listens on.
    pub(super) async fn listening(&self, patience: Duration) -> Result<SocketAddr, ProcessError> {
        let mut address = self.address.clone();
        let named = async { address.wait_for(Option::is_some).await.ok().and_then(|address| *address) };
        tokio::select! {
            Some(address) = named => Ok(address),
            status = self.end() => Err(self.ended_early(status)),
            () = tokio::time::sleep(patience) => Err(self.late(patience)),
        }
    }

    /// The error for one that ended before it was ready.
    pub(super) fn ended_early(&self, status: Option<ExitStatus>) -> ProcessError {
        let how = status.map_or("nobody knows how".to_owned(), |status| status.to_string());
        ProcessError::Ended { name: self.program.name.clone(), how, words: self.program.log.tail() }
    }

    /// The error for one that was not ready in time.
    pub(super) fn late(&self, patience: Duration) -> ProcessError {
        ProcessError::Late { name: self.program.name.clone(), patience, words: self.program.log.tail() }
    }

    /// From now on its end is our doing.
    pub(super) fn expect_end(&self) {
        self.to_end.store(true, Ordering::SeqCst);
    }

    /// True when its end is our doing.
    pub(super) fn was_to_end(&self) -> bool {
        self.to_end.load(Ordering::SeqCst)
    }

    /// What to say of one that died without our doing.
    pub(super) fn obituary(&self, status: Option<ExitStatus>) -> String {
        let how = status.map_or("nobody knows how".to_owned(), |status| status.to_string());
        format!("{} died without our doing ({how}); its log: {}", self.program.name, self.program.log.path().display())
    }

    /// Sends it a signal, unless it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        if self.runs() {
            // It may end at this very moment; then there is nothing to signal.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Asks it to end, insists after a while, and waits until it has.
    pub(super) async fn stop(&self) {
        self.signal(Signal::CONT);
        self.signal(Signal::TERM);
        if tokio::time::timeout(STOP_PATIENCE, self.end()).await.is_err() {
            self.kill().await;
        }
    }

    /// Ends it at once and waits until it has.
    pub(super) async fn kill(&self) {
        self.signal(Signal::KILL);
        self.end().await;
    }
}

/// Children are in a group of their own, so that a Ctrl-C at the terminal reaches only us, and we end them.
fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.exe);
    command.args(&program.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("DOWNBEAT_EXIT_WITH_PARENT", "1").env("ENCORE_EXIT_WITH_PARENT", "1").env_remove("RUST_LOG");
    command.env("NO_COLOR", "1").process_group(0).kill_on_drop(true);
    command
}

fn wait_for(mut child: Child) -> watch::Receiver<Option<ExitStatus>> {
    let (tell, ended) = watch::channel(None);
    tokio::spawn(async move {
        let status = child.wait().await;
        // Without a status it is over nevertheless: dropping the sender tells so.
        tell.send_replace(status.ok());
    });
    ended
}

fn listen_to<R: AsyncRead + Unpin + Send + 'static>(
    pipe: Option<R>,
    log: &Arc<Log>,
    found: &Arc<watch::Sender<Option<SocketAddr>>>,
) {
    let Some(pipe) = pipe else { return };
    let (log, found) = (Arc::clone(log), Arc::clone(found));
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            log.keep(&line);
            if found.borrow().is_none() {
                found.send_if_modified(|known| {
                    *known = address_in(&line);
                    known.is_some()
                });
            }
        }
    });
}

/// The address in a log line that says `"event":"listening"`.
fn address_in(line: &str) -> Option<SocketAddr> {
    if !line.contains("listening") {
        return None;
    }
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line["event"] == "listening").then(|| line["address"].as_str())??.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_right_line_only() {
        let good = r#"{"level":"INFO","event":"listening","address":"127.0.0.1:41001","replica":"eu-1"}"#;
        assert_eq!(address_in(good), "127.0.0.1:41001".parse().ok());
        for line in ["listening on 127.0.0.1:1", r#"{"event":"request","path":"/listening","address":"127.0.0.1:1"}"#] {
            assert_eq!(address_in(line), None, "{line}");
        }
    }
}
