//! The hub's page and summary.json from its memory, beside nginx with the very files that the hub writes.
//!
//! nginx is as Debian configures it (`sendfile`, `tcp_nopush`), with one worker and without an access log, and once more
//! with its files kept open, which is the most it can do. Both are loaded in turn, in rounds. For whoever takes gzip, as browsers
//! do, nginx has packed files beside the others (`gzip_static`).

use super::site::{Hub, Setup, Site};
use crate::load::wrk;
use crate::measure::cost::{Row, Sample};
use crate::process::{Process, free_ports};
use crate::report::{median, number, table, verdict};
use crate::subject::{system, version_of};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Components of the service: a page of usual size.
const COMPONENTS: usize = 8;
/// Clients beside each other.
const CONNECTIONS: u32 = 64;
/// Those that are compared with nginx have to reach this share of it, in requests a second and in what a request costs.
const GOAL: f64 = 0.9;
/// What is asked for.
const ASKED: [Asked; 4] = [
    Asked { path: "/", packing: Packing::Plain },
    Asked { path: "/", packing: Packing::Gzip },
    Asked { path: "/api/v2/summary.json", packing: Packing::Plain },
    Asked { path: "/api/v2/summary.json", packing: Packing::Gzip },
];

const EXPLANATION: &str = "\
nginx gives out the files that the hub writes, in the same run; one worker, `sendfile`, `tcp_nopush`, no access log. `wrk`
keeps 64 connections busy from one thread. The hub's share of nginx is judged in both: requests a second, and how much
processor time nginx needs for a request, divided by what the hub needs; medians of the rounds' shares. Packed files lie beside
the others for nginx (`gzip_static`); the hub packs a file once for each drawing.
";

/// A path, and in which form.
#[derive(Debug, Clone, Copy)]
struct Asked {
    path: &'static str,
    packing: Packing,
}

/// The form in which a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
}

impl Asked {
    /// The file behind the path.
    fn file(self) -> &'static str {
        if self.path == "/" { "index.html" } else { self.path.trim_start_matches('/') }
    }

    /// What `wrk` says besides.
    const fn script(self) -> &'static str {
        match self.packing {
            Packing::Plain => "",
            Packing::Gzip => "wrk.headers[\"Accept-Encoding\"] = \"gzip\"\n",
        }
    }
}

/// The servers in the order of the table.
const HUB: usize = 0;
const NGINX: usize = 1;

/// Measures, and gives the tables.
pub(super) fn measure(site: &Site<'_>) -> Result<String> {
    let setup = site.setup(COMPONENTS, "")?;
    setup.start().map(drop)?;
    setup.fill_days()?;
    let hub = setup.start()?;
    let mut text = EXPLANATION.to_owned();
    for asked in ASKED {
        let rows = rows(site, &setup, &hub, asked)?;
        let bytes = bytes_of(&setup.data.join("status").join(asked.file()), asked.packing)?;
        let form = if asked.packing == Packing::Gzip { " packed by gzip" } else { "" };
        text.push_str(&format!("\n`{}`, {bytes} bytes{form}:\n\n{}", asked.path, tabulate(&rows)));
    }
    Ok(text)
}

/// How long a file is; a packed one lies beside it then, for nginx.
fn bytes_of(file: &Path, packing: Packing) -> Result<u64> {
    let mut packed = file.as_os_str().to_owned();
    packed.push(".gz");
    let weighed = if packing == Packing::Gzip { Path::new(&packed) } else { file };
    Ok(fs::metadata(weighed).with_context(|| format!("weigh {}", weighed.display()))?.len())
}

/// Packs a file, and keeps it as it was.
fn pack(file: &Path) -> Result<()> {
    let status = Command::new("gzip").args(["--keep", "--force"]).arg(file).status().context("run gzip")?;
    ensure!(status.success(), "gzip {}", file.display());
    Ok(())
}

/// All rounds of everybody who serves the path.
fn rows(site: &Site<'_>, setup: &Setup, hub: &Hub, asked: Asked) -> Result<Vec<Row>> {
    let root = setup.data.join("status");
    let mut more = String::new();
    if asked.packing == Packing::Gzip {
        pack(&root.join(asked.file()))?;
        more.push_str("gzip_static on;");
    }
    let plain = Nginx::start(&site.folder.join("nginx"), &root, &more)?;
    let open = Nginx::start(&site.folder.join("nginx-open"), &root, &format!("{more} open_file_cache max=100;"))?;
    let servers = [(&hub.process, hub.status), (&plain.process, plain.port), (&open.process, open.port)];
    let mut rows = vec![
        row("hub", &version_of(site.program, "--version")?),
        row("nginx", &plain.version),
        row("nginx, files kept open", &open.version),
    ];
    for round in 0..site.rounds {
        for turn in 0..servers.len() {
            let index = (round + turn) % servers.len();
            let (process, port) = servers[index];
            let before = process.busy_ns();
            let url = format!("http://127.0.0.1:{port}{}", asked.path);
            let seen = wrk::run_as(&url, CONNECTIONS, site.each, &site.folder, asked.script())?;
            let sample = Sample { seen, busy_ns: process.busy_ns() - before, resident: process.resident() };
            rows[index].say(&sample, round, site.rounds);
            rows[index].samples.push(sample);
        }
    }
    Ok(rows)
}

fn row(proxy: &str, version: &str) -> Row {
    Row { proxy: proxy.to_owned(), version: version.to_owned(), samples: Vec::new() }
}

/// nginx with a folder of its own.
struct Nginx {
    process: Process,
    port: u16,
    version: String,
}

impl Nginx {
    fn start(folder: &Path, root: &Path, more: &str) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let port = free_ports(1)?[0];
        let place = folder.display();
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("  {name}_temp_path {place}/{name};\n"))
            .concat();
        // Files below a folder of ours can be read by a worker only when it stays who we are.
        let config = format!(
            "daemon off;\nuser root;\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid {place}/pid;\n\
             error_log {place}/error.log warn;\nevents {{ worker_connections 9900; }}\nhttp {{\n  access_log off;\n{paths}  \
             types {{ text/html html; application/json json; }}\n  sendfile on;\n  tcp_nopush on;\n  \
             keepalive_requests 100000000;\n  {more}\n  server {{ listen 127.0.0.1:{port}; root {root}; }}\n}}\n",
            root = root.display()
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, config).with_context(|| format!("write {}", path.display()))?;
        let (program, log) = (system("nginx"), folder.join("log"));
        let version = version_of(&program, "-v")?;
        let mut process = Process::start(Command::new(&program).arg("-c").arg(&path).arg("-p").arg(folder), &log)?;
        process.listens(port, &log).context("start nginx")?;
        Ok(Self { process, port, version })
    }
}

fn tabulate(rows: &[Row]) -> String {
    let head = [
        "server",
        "requests/s",
        "hub ÷ it",
        "goal",
        "",
        "CPU-µs a request",
        "it ÷ hub",
        "goal",
        "",
        "p99 ms",
        "errors",
    ];
    let lines: Vec<Vec<String>> = rows.iter().enumerate().map(|(index, row)| line(rows, index, row)).collect();
    table(&head, &lines)
}

fn line(rows: &[Row], index: usize, row: &Row) -> Vec<String> {
    let rate = |sample: &Sample| sample.seen.requests as f64 / sample.seen.seconds;
    let middle = |figure: &dyn Fn(&Sample) -> f64| {
        median(&row.samples.iter().map(figure).collect::<Vec<_>>()).map_or("-".into(), number)
    };
    // The two of a round had the same neighbours.
    let share = |figure: &dyn Fn(&Sample, &Sample) -> f64| {
        let pairs = rows[HUB].samples.iter().zip(&row.samples);
        median(&pairs.map(|(hub, other)| figure(hub, other)).collect::<Vec<_>>()).filter(|_| index != HUB)
    };
    let judged = |share: Option<f64>| {
        let goal = share.filter(|_| index == NGINX);
        [
            share.map_or(String::new(), number),
            goal.map_or(String::new(), |_| format!("≥ {GOAL}")),
            goal.map_or("", |share| verdict(share >= GOAL)).to_owned(),
        ]
    };
    let p99: Vec<f64> = row.samples.iter().filter_map(|sample| sample.seen.p99_ms).collect();
    let mut cells = vec![format!("{} {}", row.proxy, row.version), middle(&rate)];
    cells.extend(judged(share(&|hub, other| rate(hub) / rate(other))));
    cells.push(middle(&Sample::micros));
    cells.extend(judged(share(&|hub, other| other.micros() / hub.micros())));
    cells.push(median(&p99).map_or("-".into(), number));
    cells.push(row.samples.iter().map(|sample| sample.seen.errors).sum::<u64>().to_string());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::wrk::Seen;

    fn rows(hub: (u64, u64), nginx: (u64, u64)) -> Vec<Row> {
        let sample = |(requests, busy_us): (u64, u64)| Sample {
            seen: Seen { requests, errors: 0, seconds: 1.0, p50_ms: None, p99_ms: None },
            busy_ns: busy_us * 1_000,
            resident: 0,
        };
        let of = |name: &str, figures| Row { samples: vec![sample(figures)], ..row(name, "1") };
        vec![of("hub", hub), of("nginx", nginx)]
    }

    #[test]
    fn the_hub_is_judged_by_its_share_of_nginx() {
        let same = tabulate(&rows((1000, 10_000), (1000, 10_000)));
        assert!(same.contains("| nginx 1 | 1000 | 1.00 | ≥ 0.9 | met | 10.0 | 1.00 | ≥ 0.9 | met |"), "{same}");
        let worse = tabulate(&rows((800, 16_000), (1000, 10_000)));
        assert!(worse.contains("| 0.80 | ≥ 0.9 | **missed** | 10.0 | 0.50 | ≥ 0.9 | **missed** |"), "{worse}");
    }
}
