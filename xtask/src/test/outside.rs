//! The programs from outside that some tests need: found, installed where that is possible, or loudly missed.
//!
//! A test learns from the environment where its program is: `DOWNBEAT_CHROMIUM`, `DOWNBEAT_NGINX` and the others hold a
//! path, or are unset.

use crate::process;
use crate::workspace::Workspace;
use std::fmt::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

/// Searched after the path, which leaves them out for ordinary users.
const ALSO: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// How long one call of apt-get may take; a browser is some hundred megabytes.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// A program some tests need.
struct Need {
    /// The variable that tells the tests where it is.
    variable: &'static str,
    /// Its possible names, best first.
    names: &'static [&'static str],
    /// Prints something and ends with `status`, when the program works at all.
    probe: &'static str,
    status: i32,
    /// The Debian package it comes in.
    package: &'static str,
    /// What is not tested without it.
    tests: &'static str,
}

const NEEDS: [Need; 10] = [
    Need {
        variable: "DOWNBEAT_CHROMIUM",
        names: &["chromium", "chromium-browser", "google-chrome"],
        probe: "--version",
        status: 0,
        package: "chromium",
        tests: "console, status page and player in a real browser",
    },
    Need {
        variable: "DOWNBEAT_HAPROXY",
        names: &["haproxy"],
        probe: "-v",
        status: 0,
        package: "haproxy",
        tests: "that haproxy frames what the edge forwards as the edge does",
    },
    Need {
        variable: "DOWNBEAT_NGINX",
        names: &["nginx"],
        probe: "-v",
        status: 0,
        package: "nginx",
        tests: "the edge beside and in front of another server",
    },
    Need {
        variable: "DOWNBEAT_PYTHON",
        names: &["python3"],
        probe: "--version",
        status: 0,
        package: "python3",
        tests: "exchanges with clients and servers that are not ours",
    },
    Need {
        variable: "DOWNBEAT_CURL",
        names: &["curl"],
        probe: "--version",
        status: 0,
        package: "curl",
        tests: "the edge under curl, in HTTP/1.1 and HTTP/2",
    },
    Need {
        variable: "DOWNBEAT_H2LOAD",
        names: &["h2load"],
        probe: "--version",
        status: 0,
        package: "nghttp2-client",
        tests: "the edge under the load of another HTTP/2 client",
    },
    Need {
        variable: "DOWNBEAT_WRK",
        names: &["wrk"],
        probe: "-v",
        status: 1,
        package: "wrk",
        tests: "the edge under the load of another HTTP/1 client",
    },
    Need {
        variable: "DOWNBEAT_PROMETHEUS",
        names: &["prometheus"],
        probe: "--version",
        status: 0,
        package: "prometheus",
        tests: "that Prometheus reads the metrics",
    },
    Need {
        variable: "DOWNBEAT_PROMTOOL",
        names: &["promtool"],
        probe: "--version",
        status: 0,
        package: "prometheus",
        tests: "that the metrics are as Prometheus wants them",
    },
    Need {
        variable: "DOWNBEAT_OPENSSL",
        names: &["openssl"],
        probe: "version",
        status: 0,
        package: "openssl",
        tests: "certificates as others see them",
    },
];

/// Where each program is, and why the others are not there.
pub(super) struct Outside {
    found: Vec<(&'static Need, PathBuf)>,
    missing: Vec<&'static Need>,
    reason: String,
}

impl Outside {
    /// Finds the programs; installs what is missing, where that is possible.
    pub(super) fn provide(workspace: &Workspace) -> Self {
        let first = Self::look();
        if first.missing.is_empty() {
            return first;
        }
        let reason = match obstacle() {
            Some(obstacle) => obstacle,
            None => {
                install(workspace, &first.missing);
                "installing it failed, see above".to_owned()
            }
        };
        Self { reason, ..Self::look() }
    }

    fn look() -> Self {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for need in &NEEDS {
            match need.names.iter().find_map(|name| find(name, need.probe, need.status)) {
                Some(place) => found.push((need, place)),
                None => missing.push(need),
            }
        }
        Self { found, missing, reason: String::new() }
    }

    /// Tells a command where the programs are.
    pub(super) fn tell(&self, command: &mut Command) {
        for (need, place) in &self.found {
            command.env(need.variable, place);
        }
        for need in &self.missing {
            command.env_remove(need.variable);
        }
    }

    /// The block that says what is not tested; empty when everything is there.
    pub(super) fn skips(&self) -> String {
        let mut text = String::new();
        if self.missing.is_empty() {
            return text;
        }
        let rule = "=".repeat(100);
        let mut packages: Vec<_> = self.missing.iter().map(|need| need.package).collect();
        packages.dedup();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{rule}\nSKIP: programs from outside are missing ({})", self.reason);
        for need in &self.missing {
            let _ = writeln!(text, "  {:<10} NOT TESTED: {}", need.package, need.tests);
        }
        let _ = writeln!(text, "hint: apt-get install {}\n{rule}", packages.join(" "));
        text
    }
}

/// The first program of this name that is there and works.
fn find(name: &str, probe: &str, status: i32) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).chain(ALSO.map(PathBuf::from)).collect();
    folders.into_iter().map(|folder| folder.join(name)).find(|place| place.is_file() && works(place, probe, status))
}

/// Some systems have a stand-in of the same name that only says how to install the program.
fn works(program: &Path, probe: &str, expected: i32) -> bool {
    let mut command = Command::new(program);
    command.arg(probe).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.code() == Some(expected))
}

/// What keeps us from installing anything.
fn obstacle() -> Option<String> {
    // Our own entry in the process table belongs to the user we run as; 0 is root.
    let root = fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0);
    if !root {
        return Some("not root, so nothing can be installed".to_owned());
    }
    find("apt-get", "--version", 0).is_none().then(|| "there is no apt-get to install them with".to_owned())
}

/// Installs each package by itself, so that one that cannot be had does not take the others along.
fn install(workspace: &Workspace, needs: &[&Need]) {
    apt_get(workspace, &["update"]);
    for need in needs {
        eprintln!("installing {}", need.package);
        apt_get(workspace, &["install", "--yes", "--no-install-recommends", need.package]);
    }
}

/// Runs apt-get with short patience; whether it worked shows when the program is looked for again.
fn apt_get(workspace: &Workspace, arguments: &[&str]) {
    let patience = ["Acquire::Retries=1", "Acquire::http::Timeout=20", "DPkg::Lock::Timeout=60"];
    let mut command = workspace.command("apt-get");
    command.args(patience.iter().flat_map(|option| ["-o", option])).args(arguments).stdin(Stdio::null());
    // We want the program alone: in run level 1, SysV init does not start the service that a package brings.
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    match process::succeeds_within(&mut command, INSTALL_LIMIT) {
        Ok(true) => {}
        Ok(false) => eprintln!("apt-get {} failed", arguments.join(" ")),
        Err(error) => eprintln!("apt-get {}: {error:#}", arguments.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_only_when_they_work() {
        assert!(find("ls", "--version", 0).is_some());
        assert!(find("false", "--version-of-nothing", 0).is_none());
        assert!(find("no-such-program", "--version", 0).is_none());
    }

    #[test]
    fn what_is_missing_is_said_loudly() {
        let all = Outside { found: Vec::new(), missing: Vec::new(), reason: String::new() };
        assert_eq!(all.skips(), "");
        let none = Outside { found: Vec::new(), missing: NEEDS.iter().collect(), reason: "not root".to_owned() };
        for said in ["SKIP", "not root", "NOT TESTED: console", "apt-get install chromium haproxy nginx python3"] {
            assert!(none.skips().contains(said), "{said}");
        }
    }

    #[test]
    fn the_tests_are_told_where_and_where_not() {
        let [chromium, _, nginx, ..] = &NEEDS;
        let outside =
            Outside { found: vec![(chromium, "/opt/chromium".into())], missing: vec![nginx], reason: String::new() };
        let mut command = Command::new("true");
        outside.tell(&mut command);
        let told: Vec<_> = command.get_envs().collect();
        assert!(told.contains(&("DOWNBEAT_CHROMIUM".as_ref(), Some("/opt/chromium".as_ref()))));
        assert!(told.contains(&("DOWNBEAT_NGINX".as_ref(), None)));
    }
}
