//! What the tests of the whole program share: running it, waiting for it, and never leaving it behind.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub(crate) mod running;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longest that anything may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The program.
pub(crate) fn downbeat() -> Command {
    downbeat_at(Path::new(env!("CARGO_BIN_EXE_downbeat")))
}

/// The same, where it lies elsewhere.
pub(crate) fn downbeat_at(program: &Path) -> Command {
    let mut command = Command::new(program);
    for variable in ["DOWNBEAT_EDGE", "DOWNBEAT_HUB", "DOWNBEAT_TOKEN", "DOWNBEAT_OPERATOR", "DOWNBEAT_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end in a folder.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    downbeat().args(args).current_dir(folder).output().expect("downbeat runs")
}

/// What it printed.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("downbeat prints UTF-8")
}

/// Asks until the answer is there. The pause only spares the processor; the deadline decides.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {} s for {what}", SOON.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A child process that does not outlive its test.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program starts"))
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Stops it in the middle of whatever it does: its sockets stay open, and nothing answers.
    pub(crate) fn freeze(&mut self) {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::STOP).expect("it is there");
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Asks it to stop as an init system does, and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
        wait_for("the end of a process", || self.0.try_wait().expect("it is a child"))
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it is a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running `downbeat run`, `hub` or `edge`, and what it said.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) process: Process,
    log: Arc<Mutex<String>>,
}

impl Service {
    /// Starts it with JSON logs; the listeners of the configuration should be on port 0.
    pub(crate) fn start(folder: &Path, verb: &str) -> Self {
        Self::spawn(&mut downbeat(), folder, verb)
    }

    /// The same with another command to begin with.
    pub(crate) fn spawn(command: &mut Command, folder: &Path, verb: &str) -> Self {
        command.args([verb, "--log-format", "json"]).current_dir(folder);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("downbeat starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let log = Arc::new(Mutex::new(String::new()));
        let copy = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                copy.lock().expect("nobody panics with the lock").extend([line.as_str(), "\n"]);
            }
        });
        Self { process: Process(child), log }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with the lock").clone()
    }

    /// Where its parts listen, by their names, once all of them do.
    pub(crate) fn addresses(&mut self, parts: usize) -> BTreeMap<String, String> {
        wait_for("all listeners", || {
            if let Some(status) = self.process.ended() {
                panic!("downbeat ended with {status}:\n{}", self.log());
            }
            Some(listeners(&self.log())).filter(|found| found.len() >= parts)
        })
    }
}

fn listeners(log: &str) -> BTreeMap<String, String> {
    let events = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let listening = events.filter(|event| event["event"] == "listening");
    listening.filter_map(|e| Some((e["what"].as_str()?.into(), e["address"].as_str()?.into()))).collect()
}

/// A program from outside: where the variable says, else by its name, if it runs at all.
pub(crate) fn outside(variable: &str, name: &str, probe: &str) -> Option<PathBuf> {
    let program = std::env::var_os(variable).map_or_else(|| name.into(), PathBuf::from);
    let works = Command::new(&program).arg(probe).output().is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIP: {name} is missing ({variable} names another one)");
    }
    works.then_some(program)
}

/// An nginx in one process, so that a signal takes all of it. It serves the folder `www` and notes what it is asked for.
pub(crate) fn nginx(program: &Path, folder: &Path) -> (u16, Process) {
    let port = free_port();
    let own = folder.join(format!("nginx-{port}"));
    std::fs::create_dir(&own).expect("a new folder");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {}/{kind}; ", own.display()))
        .collect();
    let config = format!(
        "daemon off; master_process off; pid {own}/pid; error_log {own}/error.log;\n\
         events {{ worker_connections 512; }}\n\
         http {{ {temporary} types {{ text/html html; audio/wav wav; }}\n\
         log_format asked '$request_uri $status [$http_range] $http_x_forwarded_proto'; access_log {own}/asked asked;\n\
         server {{ listen 127.0.0.1:{port}; root {root}/www; }} }}\n",
        own = own.display(),
        root = folder.display()
    );
    std::fs::write(own.join("nginx.conf"), config).expect("a written file");
    let mut command = Command::new(program);
    command.arg("-p").arg(&own).arg("-c").arg(own.join("nginx.conf")).stderr(Stdio::null());
    (port, Process::start(&mut command))
}

/// What such an nginx was asked for so far, a line each.
pub(crate) fn asked(folder: &Path, port: u16) -> String {
    std::fs::read_to_string(folder.join(format!("nginx-{port}/asked"))).unwrap_or_default()
}

/// A port that was free a moment ago, for programs that cannot say which one they took.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Waits until somebody listens on a port.
pub(crate) fn wait_for_listener(port: u16) {
    wait_for("a listener", || TcpStream::connect(("127.0.0.1", port)).ok());
}

/// Bytes that no compression and no repetition can fake (xorshift64).
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}
