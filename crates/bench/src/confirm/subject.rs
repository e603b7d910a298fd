//! Who watches the replicas.

use crate::process::Process;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// One kind of watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Downbeat,
    Prometheus,
    Blackbox,
    Vigil,
}

impl Subject {
    pub(super) const ALL: [Self; 4] = [Self::Downbeat, Self::Prometheus, Self::Blackbox, Self::Vigil];

    /// What it is called in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Downbeat => "Downbeat",
            Self::Prometheus => "Prometheus, 1 s",
            Self::Blackbox => "blackbox exporter, 1 s",
            Self::Vigil => "Vigil",
        }
    }

    /// Where its webhook goes.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Downbeat => "/downbeat",
            Self::Prometheus => "/prometheus",
            Self::Blackbox => "/blackbox",
            Self::Vigil => "/vigil",
        }
    }
}

/// A watcher that runs.
pub(super) struct Watcher {
    pub(super) subject: Subject,
    pub(super) version: String,
    /// They end with this.
    pub(super) _processes: Vec<Process>,
}

/// What a configuration is made of.
pub(super) struct Site<'a> {
    pub(super) folder: &'a Path,
    pub(super) replicas: &'a [u16],
    pub(super) receiver: u16,
}

impl Site<'_> {
    /// The address of a watcher's webhook.
    pub(super) fn webhook(&self, subject: Subject) -> String {
        format!("http://127.0.0.1:{}{}", self.receiver, subject.path())
    }

    /// Something for each replica, with commas between.
    pub(super) fn list(&self, item: impl Fn(u16) -> String) -> String {
        self.replicas.iter().map(|port| item(*port)).collect::<Vec<_>>().join(", ")
    }

    /// Writes a configuration, and says where it is.
    pub(super) fn write(&self, file: &str, text: &str) -> Result<String> {
        let path = self.folder.join(file);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// An empty folder: what an earlier run has learnt must not help this one.
    pub(super) fn fresh(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        // A folder that is not there is as good as removed.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// Starts a program, and waits until it listens.
    pub(super) fn launch(&self, program: &Path, words: &[&str], name: &str, port: u16) -> Result<Process> {
        let log = self.folder.join(format!("{name}.log"));
        let mut process = Process::start(Command::new(program).args(words), &log)?;
        process.listens(port, &log).with_context(|| format!("start {name}"))?;
        Ok(process)
    }
}
