//! A running service under load: an edge, with a hub in its process or without, whatever process serves just now.

use crate::support::{SOON, Service, downbeat_at, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use tempfile::{TempDir, tempdir};

/// A long answer: so many parts, with a pause after each.
pub(crate) const PARTS: usize = 40;
pub(crate) const PART: usize = 16 * 1024;
const PAUSE: Duration = Duration::from_millis(50);
/// Clients that ask without pause.
const CLIENTS: usize = 4;

/// A replica that answers at once, and at `/long` for two seconds.
pub(crate) fn replica() -> SocketAddr {
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
pub(crate) fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
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

/// What runs, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `downbeat edge`.
    Edge,
    /// `downbeat edge`, with TLS for the names `a.example` and `b.example`.
    SecureEdge,
    /// `downbeat run`: the hub is in the same process.
    Run,
}

impl Kind {
    const fn verb(self) -> &'static str {
        match self {
            Self::Edge | Self::SecureEdge => "edge",
            Self::Run => "run",
        }
    }

    /// How many addresses it says that it listens at.
    const fn addresses(self) -> usize {
        match self {
            Self::Edge => 2,
            Self::SecureEdge => 3,
            Self::Run => 4,
        }
    }
}

/// Makes a certificate for a name and writes it beside the configuration.
pub(crate) fn certify(folder: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a good name");
    std::fs::write(folder.join(format!("{name}.key")), made.signing_key.serialize_pem()).expect("written");
    std::fs::write(folder.join(format!("{name}.pem")), made.cert.pem()).expect("written");
}

/// What is running, as its clients and operators know it.
pub(crate) struct Running {
    pub(crate) folder: TempDir,
    pub(crate) service: Service,
    pub(crate) kind: Kind,
    pub(crate) replica: SocketAddr,
    pub(crate) clients: SocketAddr,
    /// Where clients come in over TLS.
    pub(crate) secure: Option<SocketAddr>,
    pub(crate) admin: SocketAddr,
    /// Of the hub in the same process.
    pub(crate) console: Option<SocketAddr>,
}

impl Running {
    pub(crate) fn start(kind: Kind) -> Self {
        Self::with(kind, Path::new(env!("CARGO_BIN_EXE_downbeat")), "")
    }

    /// Starts a program with more keys for `[edge]`.
    pub(crate) fn with(kind: Kind, program: &Path, more: &str) -> Self {
        let (folder, replica) = (tempdir().expect("a folder"), replica());
        if kind == Kind::SecureEdge {
            ["a.example", "b.example"].iter().for_each(|name| certify(folder.path(), name));
        }
        configure(folder.path(), kind, replica, more);
        let mut service = Service::spawn(&mut downbeat_at(program), folder.path(), kind.verb());
        let addresses = service.addresses(kind.addresses());
        let at = |what: &str| {
            let url = addresses.get(what)?;
            url.split_once("://").map(|(_, address)| address.parse().expect("an address"))
        };
        let (clients, admin) = (at("edge").expect("it serves"), at("edge admin").expect("it can be asked"));
        let (secure, console) = (at("edge tls"), at("console"));
        Self { folder, service, kind, replica, clients, secure, admin, console }
    }

    /// Writes another configuration.
    pub(crate) fn write(&self, more: &str) {
        configure(self.folder.path(), self.kind, self.replica, more);
    }

    /// The process is gone: starts it once more, with what is in its folder.
    pub(crate) fn start_again(&mut self) {
        self.service = Service::start(self.folder.path(), self.kind.verb());
        let addresses = self.service.addresses(self.kind.addresses());
        let at = |what: &str| addresses[what].trim_start_matches("http://").parse().expect("an address");
        (self.clients, self.admin) = (at("edge"), at("edge admin"));
    }

    pub(crate) fn state(&self) -> Option<serde_json::Value> {
        let mut stream = TcpStream::connect(self.admin).ok()?;
        stream.write_all(b"GET /v1/state HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    pub(crate) fn figure(&self, key: &str) -> u64 {
        wait_for(key, || self.state()?[key].as_u64())
    }

    /// Waits until the state is as wanted.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        wait_for(what, || self.state().filter(&wanted))
    }

    /// Waits until the configuration in force has passed its trial.
    pub(crate) fn passed(&self) {
        self.until("a passed trial", |state| state["configuration"]["footing"] == "proven");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.figure("process")).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(id, signal).expect("it is there");
    }

    /// What an operator's verb says about it.
    pub(crate) fn operator(&self, words: &[&str]) -> std::process::Output {
        let admin = format!("http://{}", self.admin);
        crate::support::run(self.folder.path(), &[words, &["--edge", &admin]].concat())
    }
}

fn configure(folder: &Path, kind: Kind, replica: SocketAddr, more: &str) {
    let hub = match kind {
        Kind::Edge | Kind::SecureEdge => "hub = false",
        Kind::Run => "",
    };
    let (listen, certificates) = match kind {
        Kind::SecureEdge => (
            "listen_tls = \"127.0.0.1:0\"",
            "[[edge.certificate]]\ncert = \"a.example.pem\"\nkey = \"a.example.key\"\n\
             [[edge.certificate]]\ncert = \"b.example.pem\"\nkey = \"b.example.key\"",
        ),
        Kind::Edge | Kind::Run => ("", ""),
    };
    let config = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nthreads = 2\ndrain_within = \"20s\"\n{hub}\n{listen}\n\
         {more}\n{certificates}\n[hub]\nconsole = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n\
         [[component]]\nname = \"playback\"\nreplicas = [\"http://{replica}\"]\n"
    );
    std::fs::write(folder.join("downbeat.toml"), config).expect("a written file");
}

impl Drop for Running {
    /// A successor is nobody's child any more.
    fn drop(&mut self) {
        if let Some(id) = self.state().and_then(|s| Pid::from_raw(i32::try_from(s["process"].as_u64()?).ok()?)) {
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

/// Asks once over a connection, which is a new one when there is none.
pub(crate) fn ask(to: SocketAddr, kept: &mut Option<BufReader<TcpStream>>) -> std::io::Result<()> {
    let mut reader = match kept.take() {
        Some(reader) => reader,
        None => BufReader::new(TcpStream::connect(to)?),
    };
    reader.get_mut().set_read_timeout(Some(SOON))?;
    reader.get_mut().write_all(b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n")?;
    let head = read_head(&mut reader)?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(std::io::Error::other(head));
    }
    let mut body = [0; 5];
    reader.read_exact(&mut body)?;
    if &body != b"sound" {
        return Err(std::io::Error::other(format!("{body:?}")));
    }
    if !head.contains("Connection: close") {
        *kept = Some(reader);
    }
    Ok(())
}

/// A client of one name that trusts only the certificate that lies beside the configuration for it.
pub(crate) fn tls_client(running: &Running, name: &str) -> reqwest::ClientBuilder {
    let pem = std::fs::read(running.folder.path().join(format!("{name}.pem"))).expect("a certificate");
    let pem = reqwest::Certificate::from_pem(&pem).expect("a certificate");
    let address = running.secure.expect("it listens for TLS");
    reqwest::Client::builder().no_proxy().timeout(SOON).tls_certs_only([pem]).resolve(name, address)
}

/// Asks once over TLS.
pub(crate) fn ask_securely(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(get(client, url))
}

async fn get(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let answer = client.get(url).send().await.map_err(|error| format!("{error:?}"))?;
    let (status, body) = (answer.status(), answer.text().await.map_err(|error| format!("{error:?}"))?);
    if status == 200 && body == "sound" { Ok(()) } else { Err(format!("{status}: {body}")) }
}

/// Clients that ask without pause; half of them over a new connection each time.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    clients: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Load {
    /// In the open, and over TLS as well where there is TLS.
    pub(crate) fn on(running: &Running) -> Self {
        let mut load = Self { over: Arc::default(), asked: Arc::default(), clients: Vec::new() };
        for number in 0..CLIENTS {
            let (edge, mut kept) = (running.clients, None);
            load.client(number, move || {
                let outcome = ask(edge, &mut kept).map_err(|error| error.to_string());
                kept = kept.take().filter(|_| number.is_multiple_of(2));
                outcome
            });
        }
        let Some(secure) = running.secure else { return load };
        for (number, idle) in [(CLIENTS, 1), (CLIENTS + 1, 0)] {
            let name = if idle == 0 { "a.example" } else { "b.example" };
            let client = tls_client(running, name).pool_max_idle_per_host(idle).build().expect("a client");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let url = format!("https://{name}:{}/a", secure.port());
            load.client(number, move || runtime.block_on(get(&client, &url)));
        }
        load
    }

    fn client(&mut self, number: usize, mut ask: impl FnMut() -> Result<(), String> + Send + 'static) {
        let (over, asked) = (self.over.clone(), self.asked.clone());
        self.clients.push(thread::spawn(move || {
            let mut failures = Vec::new();
            while !over.load(Ordering::Acquire) {
                failures.extend(ask().err().map(|error| format!("client {number}: {error}")));
                asked.fetch_add(1, Ordering::AcqRel);
            }
            failures
        }));
    }

    /// Waits until so many more were asked.
    pub(crate) fn flows(&self) {
        let before = self.asked.load(Ordering::Acquire);
        wait_for("some requests", || (self.asked.load(Ordering::Acquire) > before + 200).then_some(()));
    }

    pub(crate) fn end(self) -> (u64, Vec<String>) {
        self.over.store(true, Ordering::Release);
        let failures = self.clients.into_iter().flat_map(|c| c.join().expect("no client panics")).collect();
        (self.asked.load(Ordering::Acquire), failures)
    }
}
