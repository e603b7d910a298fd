//! Servers that nobody here wrote: Debian's nginx and haproxy, each in front of a recorder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;

/// A server has to listen within this.
const START: Duration = Duration::from_secs(20);
/// Heads as long as the edge lets through. By default both refuse heads beyond 8 and 16 KiB; here it is asked how they
/// read them.
const HEAD_BYTES: usize = 128 * 1024;

/// A kind of server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The variable that says where the program is.
    variable: &'static str,
    configure: fn(&Path, SocketAddr) -> String,
}

pub(crate) const NGINX: Kind = Kind { name: "nginx", variable: "DOWNBEAT_NGINX", configure: nginx };
pub(crate) const HAPROXY: Kind = Kind { name: "haproxy", variable: "DOWNBEAT_HAPROXY", configure: haproxy };

/// A running server, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) socket: PathBuf,
    pub(crate) version: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Kind {
    /// Starts one that passes everything on to `recorder`; `None`, said aloud, where the program is not installed.
    pub(crate) async fn start(self, folder: &Path, recorder: SocketAddr) -> Option<Server> {
        let program = std::env::var_os(self.variable).map_or_else(|| self.name.into(), PathBuf::from);
        let Some(version) = version(&program) else {
            eprintln!(
                "SKIP: {} is missing ({} names another one): its reading is NOT compared",
                self.name, self.variable
            );
            return None;
        };
        let (config, socket) = (folder.join(format!("{}.conf", self.name)), folder.join(format!("{}.sock", self.name)));
        std::fs::write(&config, (self.configure)(folder, recorder)).expect("a written file");
        let mut command = Command::new(&program);
        match self.name {
            "haproxy" => command.arg("-db").arg("-f").arg(&config),
            _ => command.arg("-p").arg(folder).arg("-c").arg(&config),
        };
        let errors = std::fs::File::create(folder.join("stderr")).expect("a new file");
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().expect("it started before");
        let mut server = Server { process, socket, version };
        server.wait(folder).await;
        Some(server)
    }
}

impl Server {
    async fn wait(&mut self, folder: &Path) {
        let deadline = Instant::now() + START;
        while UnixStream::connect(&self.socket).await.is_err() {
            let ended = self.process.try_wait().expect("our own child");
            let errors = || std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < deadline, "{} does not listen: {}", self.version, errors());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn version(program: &Path) -> Option<String> {
    let Output { status, stdout, stderr } = Command::new(program).arg("-v").output().ok()?;
    let text = [stdout, stderr].concat();
    let line = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned();
    status.success().then_some(line)
}

fn nginx(folder: &Path, recorder: SocketAddr) -> String {
    let own = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {own}/{kind}; "))
        .collect();
    format!(
        "daemon off; master_process off; pid {own}/pid; error_log {own}/error.log info;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; {temporary} large_client_header_buffers 8 {HEAD_BYTES}; keepalive_requests 100000;\n\
         server {{ listen unix:{own}/nginx.sock; location / {{ proxy_pass http://{recorder};\n\
         proxy_set_header X-Read-As $uri; proxy_buffer_size 128k; proxy_buffers 4 128k; }} }} }}\n"
    )
}

fn haproxy(folder: &Path, recorder: SocketAddr) -> String {
    let own = folder.display();
    format!(
        "global\n maxconn 256\n tune.bufsize {HEAD_BYTES}\n\
         defaults\n mode http\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n option http-buffer-request\n\
         frontend door\n bind unix@{own}/haproxy.sock\n default_backend recorder\n\
         backend recorder\n server recorder {recorder}\n"
    )
}
