//! Who looks: Downbeat as a vantage point, or Prometheus by way of the blackbox exporter.

use super::target::Targets;
use crate::process::{Process, free_ports};
use crate::subject::version_of;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Files that a process may have open: each look is a connection.
const FILES: u32 = 16_384;
/// The processor that all programs of a watcher share.
const PROCESSOR: &str = "0";
/// How long a look may take, unless that is longer than it is to the next.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Downbeat,
    Prometheus,
}

/// What is looked at, how often, and by what.
pub(super) struct Setup<'a> {
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) every: Duration,
    pub(super) targets: &'a Targets,
}

/// One that looks.
pub(super) struct Watcher {
    pub(super) version: String,
    programs: Vec<(&'static str, Process)>,
}

impl Watcher {
    /// Nanoseconds on a processor so far, by program.
    pub(super) fn busy(&self) -> Vec<(&'static str, u64)> {
        self.programs.iter().map(|(name, process)| (*name, process.busy_ns())).collect()
    }

    /// Bytes in memory, all programs together.
    pub(super) fn resident(&self) -> u64 {
        self.programs.iter().map(|(_, process)| process.resident()).sum()
    }
}

impl Subject {
    pub(super) const ALL: [Self; 2] = [Self::Downbeat, Self::Prometheus];

    /// What it is called in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Downbeat => "Downbeat",
            Self::Prometheus => "Prometheus and blackbox exporter",
        }
    }

    /// The longest that it plans between two looks.
    pub(super) fn planned(self, every: Duration) -> Duration {
        match self {
            Self::Downbeat => every.mul_f64(1.1),
            Self::Prometheus => every,
        }
    }

    /// Starts it, pinned to one processor.
    pub(super) fn start(self, setup: &Setup<'_>) -> Result<Watcher> {
        match self {
            Self::Downbeat => setup.downbeat(),
            Self::Prometheus => setup.prometheus(),
        }
    }
}

impl Setup<'_> {
    fn timeout(&self) -> String {
        format!("{}s", self.every.min(TIMEOUT).as_secs())
    }

    fn downbeat(&self) -> Result<Watcher> {
        let ports = free_ports(5)?;
        let probes: String = (0..self.targets.count)
            .map(|number| {
                format!(
                    "[[probe]]\nname = \"t-{number}\"\nkind = \"http\"\nurl = \"{}\"\nbody = \"ready\"\nevery = \"{}s\"\n\
                     timeout = \"{}\"\n",
                    self.targets.url(number),
                    self.every.as_secs(),
                    self.timeout()
                )
            })
            .collect();
        let config = format!(
            "[edge]\nlisten = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\n[hub]\nconsole = \"127.0.0.1:{}\"\n\
             status = \"127.0.0.1:{}\"\n[[component]]\nname = \"bench\"\nreplicas = [\"http://127.0.0.1:{}\"]\n{probes}",
            ports[0], ports[1], ports[2], ports[3], ports[4]
        );
        let (config, hub) = (self.write("downbeat.toml", &config)?, format!("http://127.0.0.1:{}", self.targets.port));
        let words = ["probe", "--config", &config, "--hub", &hub, "--from", "bench"];
        let process = Process::start(&mut pinned(self.program, &words), &self.folder.join("downbeat.log"))?;
        Ok(Watcher { version: version_of(self.program, "--version")?, programs: vec![("downbeat", process)] })
    }

    fn prometheus(&self) -> Result<Watcher> {
        let [prometheus, blackbox] = ["prometheus", "prometheus-blackbox-exporter"].map(Path::new);
        let version = version_of(prometheus, "--version")?;
        let version = format!("{version}, {}", version_of(blackbox, "--version")?);
        let ports = free_ports(2)?;
        let modules = format!(
            "modules:\n  look: {{prober: http, timeout: {}, http: {{fail_if_body_not_matches_regexp: [ready]}}}}\n",
            self.timeout()
        );
        let (modules, address) = (self.write("blackbox.yml", &modules)?, format!("127.0.0.1:{}", ports[1]));
        let words = ["--config.file", &modules, "--web.listen-address", &address];
        let exporter = self.launch(blackbox, &words, "blackbox", ports[1])?;
        let scrapes = self.write("prometheus.yml", &self.scrapes(ports[1]))?;
        let (data, address) = (self.folder.join("prometheus-data"), format!("127.0.0.1:{}", ports[0]));
        // A folder that is not there is as good as removed.
        let _ = fs::remove_dir_all(&data);
        let data = data.display().to_string();
        let words = ["--config.file", &scrapes, "--storage.tsdb.path", &data, "--web.listen-address", &address];
        let scraper = self.launch(prometheus, &words, "prometheus", ports[0])?;
        Ok(Watcher { version, programs: vec![("prometheus", scraper), ("blackbox exporter", exporter)] })
    }

    fn scrapes(&self, blackbox: u16) -> String {
        let targets: Vec<String> =
            (0..self.targets.count).map(|number| format!("'{}'", self.targets.url(number))).collect();
        format!(
            "global: {{scrape_interval: {every}s, scrape_timeout: {timeout}}}\nscrape_configs:\n- job_name: looks\n  \
             metrics_path: /probe\n  params: {{module: [look]}}\n  static_configs: [{{targets: [{targets}]}}]\n  \
             relabel_configs:\n  - {{source_labels: [__address__], target_label: __param_target}}\n  \
             - {{source_labels: [__param_target], target_label: instance}}\n  \
             - {{target_label: __address__, replacement: '127.0.0.1:{blackbox}'}}\n",
            every = self.every.as_secs(),
            timeout = self.timeout(),
            targets = targets.join(", ")
        )
    }

    fn write(&self, file: &str, text: &str) -> Result<String> {
        let path = self.folder.join(file);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    fn launch(&self, program: &Path, words: &[&str], name: &str, port: u16) -> Result<Process> {
        let log = self.folder.join(format!("{name}.log"));
        let mut process = Process::start(&mut pinned(program, words), &log)?;
        process.listens(port, &log).with_context(|| format!("start {name}"))?;
        Ok(process)
    }
}

/// The command on one processor, with as many files as it may need.
fn pinned(program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {FILES}; exec taskset -c {PROCESSOR} \"$@\""), "sh"])
        .arg(program)
        .args(words);
    command
}
