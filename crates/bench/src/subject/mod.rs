//! The proxies that are compared: where each is, which version it is, and how it is started.

mod certificate;
mod envoy;
mod haproxy;
mod nginx;
mod ours;

use crate::process::{Process, free_ports};
use anyhow::{Context, Result};
pub(crate) use certificate::Certificate;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Edge,
    /// Another build of the edge, to compare with.
    Baseline,
    Haproxy,
    HaproxySplice,
    Nginx,
    Envoy,
}

impl Kind {
    /// The proxies that everything is measured on.
    pub(crate) const PEERS: [Self; 3] = [Self::Haproxy, Self::Nginx, Self::Envoy];

    /// What it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Baseline => "edge, baseline",
            Self::Haproxy => "HAProxy",
            Self::HaproxySplice => "HAProxy, splice forced",
            Self::Nginx => "nginx",
            Self::Envoy => "Envoy",
        }
    }
}

/// Where the programs are, as the command line says.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) edge: PathBuf,
    pub(crate) baseline: Option<PathBuf>,
    pub(crate) envoy: PathBuf,
}

/// A proxy that is there.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) version: String,
    program: PathBuf,
    /// What the proxy itself is started by, when it is not started alone.
    wrapper: Vec<String>,
}

/// What the configuration is made of.
struct Site<'a> {
    folder: &'a Path,
    port: u16,
    upstreams: &'a [u16],
    /// Clients come over TLS, and may speak HTTP/2.
    tls: Option<&'a Certificate>,
}

/// What a proxy is started with: a configuration to write, and the processes to run.
struct Plan {
    config: (&'static str, String),
    /// The command of the proxy itself.
    main: Vec<String>,
    /// Of a helper that is not weighed, and the port it listens on.
    helper: Option<(Vec<String>, u16)>,
}

impl Subject {
    /// Looks for a proxy; says why when it is not there.
    pub(crate) fn find(kind: Kind, programs: &Programs) -> Result<Self> {
        let (program, version_flag) = match kind {
            Kind::Edge => (programs.edge.clone(), "--version"),
            Kind::Baseline => (programs.baseline.clone().context("no baseline was given")?, "--version"),
            Kind::Haproxy | Kind::HaproxySplice => (system("haproxy"), "-v"),
            Kind::Nginx => (system("nginx"), "-v"),
            Kind::Envoy => (programs.envoy.clone(), "--version"),
        };
        let version = version_of(&program, version_flag)?;
        Ok(Self { kind, version, program, wrapper: Vec::new() })
    }

    /// The same, started by another program that watches it.
    pub(crate) fn under(self, wrapper: &[String]) -> Self {
        Self { wrapper: wrapper.to_vec(), ..self }
    }

    /// Starts it in front of upstreams, with a folder of its own.
    pub(crate) fn start(&self, folder: &Path, upstreams: &[u16], tls: Option<&Certificate>) -> Result<Running> {
        let folder = folder.join(self.kind.name().replace([' ', ','], "-"));
        // What an earlier run has learnt must not help this one; a folder that is not there is as good as removed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let port = free_ports(1)?[0];
        let site = Site { folder: &folder, port, upstreams, tls };
        let plan = self.plan(&site)?;
        let path = folder.join(plan.config.0);
        fs::write(&path, &plan.config.1).with_context(|| format!("write {}", path.display()))?;
        let program = [self.program.display().to_string()];
        let helper = plan.helper.map(|(arguments, port)| {
            self.launch([&program[..], &arguments].concat(), &folder.join("helper.log"), port)
        });
        let helper = helper.transpose()?;
        let process = self.launch([&self.wrapper[..], &program, &plan.main].concat(), &folder.join("log"), port)?;
        Ok(Running { port, process, _helper: helper })
    }

    fn launch(&self, words: Vec<String>, log: &Path, port: u16) -> Result<Process> {
        let mut process = Process::start(Command::new(&words[0]).args(&words[1..]), log)?;
        process.listens(port, log).with_context(|| format!("start {}", self.kind.name()))?;
        Ok(process)
    }

    fn plan(&self, site: &Site<'_>) -> Result<Plan> {
        Ok(match self.kind {
            Kind::Edge | Kind::Baseline => ours::plan(site)?,
            Kind::Haproxy => haproxy::plan(site, haproxy::Splice::Auto),
            Kind::HaproxySplice => haproxy::plan(site, haproxy::Splice::Forced),
            Kind::Nginx => nginx::plan(site),
            Kind::Envoy => envoy::plan(site),
        })
    }
}

impl Site<'_> {
    fn place(&self, file: &str) -> String {
        self.folder.join(file).display().to_string()
    }

    /// One line for each upstream.
    fn each(&self, line: impl Fn(u16) -> String) -> String {
        self.upstreams.iter().map(|port| line(*port)).collect()
    }
}

/// A proxy that runs.
pub(crate) struct Running {
    pub(crate) port: u16,
    pub(crate) process: Process,
    _helper: Option<Process>,
}

/// Debian puts servers where the path of ordinary users does not look.
pub(crate) fn system(name: &str) -> PathBuf {
    let beside = Path::new("/usr/sbin").join(name);
    if beside.is_file() { beside } else { PathBuf::from(name) }
}

/// Which version a program says it is.
pub(crate) fn version_of(program: &Path, flag: &str) -> Result<String> {
    let output = Command::new(program).arg(flag).output().with_context(|| format!("run {}", program.display()))?;
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Ok(version_number(&said))
}

/// The first thing with a digit and a dot in what a program says of its version.
fn version_number(said: &str) -> String {
    let words = said.split(|c: char| c.is_whitespace() || c == '/');
    let mut numbers = words.filter(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()));
    numbers.next().unwrap_or("of unknown version").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found() {
        for (said, version) in [
            ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/", "2.6.12-1+deb12u4"),
            ("nginx version: nginx/1.22.1", "1.22.1"),
            ("envoy  version: 9eb12c4b/1.40.0/Clean/RELEASE/BoringSSL", "1.40.0"),
            ("downbeat 0.1.0", "0.1.0"),
            ("?", "of unknown version"),
        ] {
            assert_eq!(version_number(said), version);
        }
    }
}
