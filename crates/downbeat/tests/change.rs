//! Changes of a running edge, by real processes under load: reloads, upgrades, stops. Nobody's request fails for them.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use support::{SOON, Service, wait_for};
use tempfile::{TempDir, tempdir};

/// A long answer: so many parts, with a pause after each.
const PARTS: usize = 40;
const PART: usize = 16 * 1024;
const PAUSE: Duration = Duration::from_millis(50);
/// Clients that ask without pause.
const CLIENTS: usize = 4;

/// A replica that answers at once, and at `/long` for two seconds.
fn replica() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away ends its own thread only.
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(head) = read_head(&mut reader)? {
        if head.starts_with("GET /long") {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PARTS * PART)?;
            for _ in 0..PARTS {
                stream.write_all(&[b'x'; PART])?;
                thread::sleep(PAUSE);
            }
        } else {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound")?;
        }
    }
    Ok(())
}

/// The lines up to an empty one; `None` when the other side has closed in between.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if reader.read_line(&mut head)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) };
        }
        if &head[before..] == "\r\n" {
            return Ok(Some(head));
        }
    }
}

fn configure(folder: &Path, replica: SocketAddr, more: &str) {
    let config = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nhub = false\nthreads = 2\ndrain_within = \"20s\"\n{more}\n\
         [[component]]\nname = \"playback\"\nreplicas = [\"http://{replica}\"]\n"
    );
    std::fs::write(folder.join("downbeat.toml"), config).expect("a written file");
}

/// An edge as its clients and operators know it, whatever process serves just now.
struct Edge {
    folder: TempDir,
    service: Service,
    replica: SocketAddr,
    clients: SocketAddr,
    admin: SocketAddr,
}

impl Edge {
    fn start() -> Self {
        let (folder, replica) = (tempdir().expect("a folder"), replica());
        configure(folder.path(), replica, "");
        let mut service = Service::start(folder.path(), "edge");
        let addresses = service.addresses(2);
        let at = |what: &str| addresses[what].trim_start_matches("http://").parse().expect("an address");
        Self { clients: at("edge"), admin: at("edge admin"), folder, service, replica }
    }

    fn state(&self) -> Option<serde_json::Value> {
        let mut stream = TcpStream::connect(self.admin).ok()?;
        stream.write_all(b"GET /v1/state HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    fn figure(&self, key: &str) -> u64 {
        wait_for(key, || self.state()?[key].as_u64())
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.figure("process")).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(id, signal).expect("it is there");
    }
}

impl Drop for Edge {
    /// A successor is nobody's child any more.
    fn drop(&mut self) {
        if let Some(id) = self.state().and_then(|s| Pid::from_raw(i32::try_from(s["process"].as_u64()?).ok()?)) {
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

/// Asks once over a connection, which is a new one when there is none.
fn ask(to: SocketAddr, kept: &mut Option<BufReader<TcpStream>>) -> std::io::Result<()> {
    let mut reader = match kept.take() {
        Some(reader) => reader,
        None => BufReader::new(TcpStream::connect(to)?),
    };
    reader.get_mut().set_read_timeout(Some(SOON))?;
    reader.get_mut().write_all(b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n")?;
    let head = read_head(&mut reader)?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let mut body = [0; 5];
    reader.read_exact(&mut body)?;
    if !head.starts_with("HTTP/1.1 200") || &body != b"sound" {
        return Err(std::io::Error::other(head));
    }
    if !head.contains("Connection: close") {
        *kept = Some(reader);
    }
    Ok(())
}

/// Clients that ask without pause; half of them over a new connection each time.
struct Load {
    over: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    clients: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Load {
    fn on(edge: SocketAddr) -> Self {
        let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |number: usize| {
            let (over, asked) = (over.clone(), asked.clone());
            thread::spawn(move || {
                let (mut failures, mut kept) = (Vec::new(), None);
                while !over.load(Ordering::Acquire) {
                    if let Err(error) = ask(edge, &mut kept) {
                        failures.push(format!("client {number}: {error}"));
                    }
                    asked.fetch_add(1, Ordering::AcqRel);
                    kept = kept.filter(|_| number.is_multiple_of(2));
                }
                failures
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { over, asked, clients }
    }

    /// Waits until so many more were asked.
    fn flows(&self) {
        let before = self.asked.load(Ordering::Acquire);
        wait_for("some requests", || (self.asked.load(Ordering::Acquire) > before + 200).then_some(()));
    }

    fn end(self) -> (u64, Vec<String>) {
        self.over.store(true, Ordering::Release);
        let failures = self.clients.into_iter().flat_map(|c| c.join().expect("no client panics")).collect();
        (self.asked.load(Ordering::Acquire), failures)
    }
}

fn begin_long_download(to: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(to).expect("the edge listens");
    stream.write_all(b"GET /long HTTP/1.1\r\nHost: test\r\n\r\n").expect("the edge reads");
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader).expect("readable").expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    reader
}

fn end_long_download(mut reader: BufReader<TcpStream>) {
    let mut body = vec![0; PARTS * PART];
    reader.read_exact(&mut body).expect("the body is whole");
    assert!(body.iter().all(|b| *b == b'x'));
}

#[test]
fn a_stop_lets_a_long_download_end() {
    let mut edge = Edge::start();
    let download = begin_long_download(edge.clients);
    edge.signal(Signal::TERM);
    wait_for("a closed door", || TcpStream::connect(edge.clients).is_err().then_some(()));
    assert!(edge.service.process.ended().is_none(), "it waits for the download");
    end_long_download(download);
    let status = wait_for("the end of the edge", || edge.service.process.ended());
    assert_eq!(status.code(), Some(0), "{}", edge.service.log());
}

#[test]
fn no_request_fails_over_upgrades_and_reloads() {
    let mut edge = Edge::start();
    let load = Load::on(edge.clients);
    let download = begin_long_download(edge.clients);
    for round in 1..=3_u64 {
        let (process, generation) = (edge.figure("process"), edge.figure("generation"));
        load.flows();
        configure(edge.folder.path(), edge.replica, &format!("retries = {round}"));
        edge.signal(Signal::HUP);
        wait_for("the next generation", || (edge.state()?["generation"] == generation + 1).then_some(()));
        load.flows();
        edge.signal(Signal::USR2);
        wait_for("the next process", || (edge.state()?["process"] != process).then_some(()));
        load.flows();
        assert_eq!(edge.figure("generation"), generation + 1, "the same configuration has the same number");
    }
    let (asked, failures) = load.end();
    assert!(failures.is_empty(), "{} of {asked}: {failures:?}", failures.len());
    end_long_download(download);
    let status = wait_for("the end of the first process", || edge.service.process.ended());
    assert_eq!(status.code(), Some(0), "{}", edge.service.log());
    println!("{asked} requests, 3 reloads, 3 upgrades, no failure");
}

#[test]
fn a_successor_that_does_not_start_changes_nothing() {
    let edge = Edge::start();
    let process = edge.figure("process");
    configure(edge.folder.path(), edge.replica, "retries = \"many\"\nsurprise = 1");
    edge.signal(Signal::HUP);
    wait_for("a refusal", || edge.service.log().contains("configuration refused").then_some(()));
    edge.signal(Signal::USR2);
    wait_for("a refusal", || edge.service.log().contains("not handed over").then_some(()));
    ask(edge.clients, &mut None).expect("served as before");
    assert_eq!((edge.figure("process"), edge.figure("generation")), (process, 1));
    let refusal = edge.service.log();
    assert!(refusal.contains("surprise") && refusal.contains("retries"), "every fault is told: {refusal}");
}

#[test]
fn top_shows_a_running_edge() {
    let edge = Edge::start();
    let load = Load::on(edge.clients);
    load.flows();
    let admin = format!("http://{}", edge.admin);
    let top = |more: &[&str]| {
        let output = support::run(edge.folder.path(), &[&["top", "--edge", &admin, "--once"], more].concat());
        assert!(output.status.success(), "{}", support::text(&output.stderr));
        support::text(&output.stdout)
    };
    // The edge gathers once a second, so the first second may be an empty one.
    let figures = wait_for("a second with requests", || {
        let figures: serde_json::Value = serde_json::from_str(&top(&["--json"])).expect("JSON");
        (figures["components"][0]["requests_per_second"].as_f64()? > 0.0).then_some(figures)
    });
    assert_eq!(figures["components"][0]["failed_per_second"], 0.0);
    assert!(figures["replicas"][0]["first_byte_ms"]["p99"].as_f64().is_some_and(|ms| ms > 0.0), "{figures:#}");
    let screen = top(&[]);
    assert!(screen.contains("playback") && screen.contains("fit") && !screen.contains('\u{1b}'), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    let (asked, failures) = load.end();
    assert!(failures.is_empty(), "{} of {asked}: {failures:?}", failures.len());
}
