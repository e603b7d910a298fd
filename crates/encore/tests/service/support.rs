//! What the tests of a running service share: real replicas on real sockets, over one prepared directory.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    time::{Duration, Instant},
};

use clap::Parser;
use encore::{
    cli::{Cli, Command as Verb, ServeArgs},
    prepare::{Refresh, prepare},
    server::Server,
};
use reqwest::{Client, Method, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

/// Nothing here takes longer, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A directory prepared once for all tests of a file: six tracks of three seconds, demo accounts.
pub(crate) fn data() -> &'static Path {
    static DATA: OnceLock<TempDir> = OnceLock::new();
    DATA.get_or_init(prepared_directory).path()
}

/// A directory of one's own, for tests that damage it.
pub(crate) fn prepared_directory() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let args = serve_args(folder.path(), "");
    prepare(&args.data, Refresh::IfNeeded, &|_| {}).expect("demo music is made");
    folder
}

/// Arguments as on the command line; `more` is appended.
pub(crate) fn serve_args(data: &Path, more: &str) -> ServeArgs {
    let words = command_line(data, more);
    match Cli::try_parse_from(["encore".into()].into_iter().chain(words)).expect("a good command line").command {
        Verb::Serve(args) => args,
        Verb::Prepare(_) => unreachable!("serve was asked for"),
    }
}

/// Words after the program's name: quick defaults, unless `more` says otherwise.
fn command_line(data: &Path, more: &str) -> Vec<String> {
    let data = data.to_str().expect("temporary folders have plain names");
    let defaults =
        [("--listen", "127.0.0.1:0"), ("--demo-seconds", "3"), ("--argon2-memory", "1MiB"), ("--data", data)];
    let missing = defaults.into_iter().filter(|(flag, _)| !more.contains(flag)).flat_map(|(flag, value)| [flag, value]);
    ["serve"].into_iter().chain(missing).chain(more.split_whitespace()).map(str::to_owned).collect()
}

/// A replica in this process; it stops when dropped.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    client: Client,
    _stop: oneshot::Sender<()>,
}

impl Replica {
    /// Starts one over the shared directory.
    pub(crate) async fn start(more: &str) -> Self {
        Self::start_over(data(), more).await
    }

    pub(crate) async fn start_over(data: &Path, more: &str) -> Self {
        let server = Server::start(serve_args(data, more)).await.expect("the replica starts");
        let address = server.address().expect("it has an address");
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(server.run(async move { drop(stopped.await) }));
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { address, client, _stop: stop }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    pub(crate) async fn get_json(&self, path: &str, token: &str) -> Value {
        let answer = self.request(Method::GET, path).bearer_auth(token).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    pub(crate) async fn try_login(&self, user: &str, password: &str) -> Response {
        let credentials = serde_json::json!({ "user": user, "password": password });
        self.request(Method::POST, "/api/login").json(&credentials).send().await.expect("an answer")
    }

    /// A token for one of the listeners.
    pub(crate) async fn login(&self, user: &str) -> String {
        let password = if user.starts_with("listener") { "music" } else { user };
        let answer = self.try_login(user, password).await;
        assert_eq!(answer.status(), 200, "{user} logs in");
        answer.json::<Value>().await.expect("JSON")["token"].as_str().expect("a token").to_owned()
    }

    /// Path of the first track's media file.
    pub(crate) async fn first_media(&self) -> String {
        let tracks: Value = self.get("/api/tracks").await.json().await.expect("JSON");
        tracks["tracks"][0]["media"]["url"].as_str().expect("a path").to_owned()
    }
}

/// Sends bytes as they are and returns whatever comes back until the server closes.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        // A server that refuses a body may reset the connection after its answer; what was read until then counts.
        drop(stream.read_to_end(&mut answer).await);
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("an answer in time").expect("a connection")
}

/// The real program in a process of its own, ended when dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    lines: mpsc::Receiver<Value>,
}

impl Program {
    pub(crate) fn serve(data: &Path, more: &str) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_encore")).args(command_line(data, more)))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for a log line of this event and returns all lines up to it.
    pub(crate) fn lines_until(&self, event: &str) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines: Vec<Value> = Vec::new();
        while lines.last().is_none_or(|line| line["event"] != event) {
            let left = deadline.saturating_duration_since(Instant::now());
            lines.push(self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {event} in time")));
        }
        lines
    }

    /// Waits for a log line of this event.
    pub(crate) fn wait_for(&self, event: &str) -> Value {
        self.lines_until(event).pop().expect("at least the line waited for")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.wait_for("listening");
        line["address"].as_str().and_then(|text| text.parse().ok()).expect("an address in the log line")
    }

    /// All lines until the program closes its log.
    pub(crate) fn rest(&self) -> Vec<Value> {
        std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Polls until the condition holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
