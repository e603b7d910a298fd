//! Hub and edge: started, watched, and started again when they die without our doing.

use super::logs::Log;
use super::nursery::Nursery;
use super::process::{Process, ProcessError, Program};
use crate::http::{Ask, Caller};
use crate::progress::Progress;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Hub and edge have to answer within so long.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// One that died without our doing is started again after so long.
const RESTART_AFTER: Duration = Duration::from_secs(2);

/// Hub or edge.
#[derive(Debug)]
pub struct Service {
    program: Program,
    health: SocketAddr,
    nursery: Nursery,
    progress: Arc<Progress>,
    process: Mutex<Option<Arc<Process>>>,
}

impl Service {
    pub(super) fn new(program: Program, health: SocketAddr, nursery: Nursery, progress: Arc<Progress>) -> Arc<Self> {
        Arc::new(Self { program, health, nursery, progress, process: Mutex::default() })
    }

    /// Starts it, and answers when it answers. Whoever runs already stays.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn start(self: &Arc<Self>) -> Result<(), ProcessError> {
        if self.runs() {
            return Ok(());
        }
        let process = self.launch().await?;
        tokio::spawn(Arc::clone(self).keep(process));
        Ok(())
    }

    /// Ends it at once; it stays away until it is started.
    pub async fn kill(&self) {
        if let Some(process) = self.process() {
            process.expect_end();
            process.kill().await;
        }
    }

    /// Asks it to end and waits until it has.
    pub(super) async fn stop(&self) {
        if let Some(process) = self.process() {
            process.expect_end();
            process.stop().await;
        }
    }

    /// True while it runs.
    pub fn runs(&self) -> bool {
        self.process().is_some_and(|process| process.runs())
    }

    /// Its number in the system.
    pub fn pid(&self) -> Option<i32> {
        self.process().filter(|process| process.runs()).map(|process| process.pid())
    }

    /// Warnings and errors in its log since the last time that this was asked.
    pub fn take_warnings(&self) -> Vec<String> {
        self.program.log.take_warnings()
    }

    fn process(&self) -> Option<Arc<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ready(&self, process: &Process) -> Result<(), ProcessError> {
        tokio::select! {
            () = answers(self.health) => Ok(()),
            status = process.end() => Err(process.ended_early(status)),
            () = tokio::time::sleep(READY_WITHIN) => Err(process.late(READY_WITHIN)),
        }
    }

    async fn launch(&self) -> Result<Arc<Process>, ProcessError> {
        let process = Arc::new(Process::start(&self.nursery, self.program.clone()).await?);
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&process));
        self.ready(&process).await?;
        Ok(process)
    }

    async fn keep(self: Arc<Self>, mut process: Arc<Process>) {
        loop {
            let status = process.end().await;
            if process.was_to_end() {
                return;
            }
            self.progress.warn(&format!("{}; it is started again", process.obituary(status)));
            tokio::time::sleep(RESTART_AFTER).await;
            if process.was_to_end() {
                return;
            }
            match self.launch().await {
                Ok(next) => process = next,
                Err(error) => return self.progress.warn(&format!("{error}")),
            }
        }
    }
}

/// The program of a service with this configuration.
pub(super) fn program(name: &str, exe: PathBuf, config: &Path, log: Arc<Log>) -> Program {
    let args = vec![name.to_owned(), "-c".to_owned(), config.display().to_string()];
    Program { name: name.to_owned(), exe, args, log }
}

/// Waits until somebody at this address says that they are well.
async fn answers(address: SocketAddr) {
    let ask = Ask::get("/healthz");
    loop {
        let answer = Caller::new(address, Duration::from_secs(2)).ask(&ask).await;
        if answer.is_ok_and(|answer| answer.status.is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
