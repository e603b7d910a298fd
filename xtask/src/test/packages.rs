//! The npm package that some tests need: put under `target/`, or loudly missed.

use crate::process;
use crate::workspace::Workspace;
use std::process::Stdio;
use std::time::Duration;

/// Mark Nottingham's tests for HTTP caches.
const PACKAGE: &str = "http-cache-tests@0.4.5";
/// Where the edge's tests look for it, below `target/`.
const FOLDER: &str = "cache-tests";
/// The package is small; a registry that is not there is not waited for.
const LIMIT: Duration = Duration::from_secs(120);

/// Installs the package where it is missing and npm is there. Its tests say themselves what they skip without it.
pub(super) fn provide(workspace: &Workspace) {
    let folder = workspace.target().join(FOLDER);
    if folder.join("node_modules").is_dir() {
        return;
    }
    let mut npm = workspace.command("npm");
    npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
    npm.arg(PACKAGE).stdin(Stdio::null()).stdout(Stdio::null());
    if !process::succeeds_within(&mut npm, LIMIT).is_ok_and(|well| well) {
        println!("SKIP: npm is missing or could not install {PACKAGE}: the public cache tests are NOT RUN");
    }
}
