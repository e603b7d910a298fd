//! The packages of npm and Python that some tests need: put under `target/`, or loudly missed.

use crate::process;
use crate::workspace::Workspace;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The packages are small; a registry that is not there is not waited for.
const LIMIT: Duration = Duration::from_secs(120);

/// What one set of tests needs.
struct Packages {
    /// Where the tests look for it, below `target/`.
    folder: &'static str,
    /// What lies there once it is installed.
    proof: &'static [&'static str],
    /// Of npm.
    npm: &'static [&'static str],
    /// Of Python, put into `python` in the folder.
    python: &'static [&'static str],
    /// What is not tested without it.
    tests: &'static str,
}

const NEEDED: [Packages; 2] = [
    Packages {
        folder: "cache-tests",
        proof: &["node_modules"],
        // Mark Nottingham's tests for HTTP caches.
        npm: &["http-cache-tests@0.4.5"],
        python: &[],
        tests: "the public cache tests",
    },
    Packages {
        folder: "public-clients",
        proof: &[
            "node_modules/axe-core",
            "node_modules/statuspage.io",
            "python/icalendar",
            "python/aiosmtpd",
            "python/http_ece",
            "python/moto",
        ],
        npm: &["axe-core@4.14.1", "statuspage.io@3.3.8"],
        python: &[
            "aiosmtpd==1.4.6",
            "feedparser==6.0.14",
            "http-ece==1.2.1",
            "icalendar==7.3.2",
            "moto[server]==5.2.5",
            "statuspage-prometheus-exporter==2.6.0",
        ],
        tests: "the status page under public clients and axe-core",
    },
];

/// Installs what is missing, where npm and pip are there. The tests say themselves what they skip without it.
pub(super) fn provide(workspace: &Workspace) {
    for packages in &NEEDED {
        if !packages.are_there(workspace) && !packages.install(workspace) {
            println!("SKIP: npm or pip is missing, or could not install: {} are NOT RUN", packages.tests);
        }
    }
}

impl Packages {
    fn are_there(&self, workspace: &Workspace) -> bool {
        let folder = workspace.target().join(self.folder);
        self.proof.iter().all(|proof| folder.join(proof).is_dir())
    }

    /// True when all of it is there then.
    fn install(&self, workspace: &Workspace) -> bool {
        let folder = workspace.target().join(self.folder);
        let mut npm = workspace.command("npm");
        npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
        npm.args(self.npm);
        let mut pip = workspace.command("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        pip.arg(folder.join("python")).args(self.python);
        (self.npm.is_empty() || runs(npm)) && (self.python.is_empty() || runs(pip)) && self.are_there(workspace)
    }
}

fn runs(mut command: Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    process::succeeds_within(&mut command, LIMIT).is_ok_and(|well| well)
}
