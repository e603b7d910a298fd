//! One replica: prepares its data, listens, answers, and stops without dropping what it can finish.

mod connection;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    catalogue::Catalogue,
    cli::{DataArgs, ServeArgs},
    defect::Defects,
    http,
    metrics::Metrics,
    password::{PasswordError, Passwords},
    prepare::{PrepareError, Progress, Refresh, prepared},
    secret::{self, SecretError},
    store::{Database, StoreError},
    token::Signer,
};
use connection::BoundedListener;

/// How long requests in flight may take to finish once the replica was asked to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Who answers: sent with every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) region: String,
    pub(crate) replica: String,
    pub(crate) version: String,
}

/// Everything that answering a request can need.
pub(crate) struct App {
    pub(crate) identity: Identity,
    pub(crate) catalogue: Catalogue,
    pub(crate) data: PathBuf,
    pub(crate) database: Database,
    pub(crate) passwords: Passwords,
    pub(crate) signer: Signer,
    pub(crate) defects: Arc<Defects>,
    pub(crate) metrics: Metrics,
    pub(crate) started: Instant,
    /// Becomes true when the replica is asked to stop.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Why a replica could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not ours.
    #[error("listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The data directory could not be prepared.
    #[error("prepare the data directory")]
    Prepare(#[from] PrepareError),
    /// There is no usable secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Passwords could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// A replica that has its address and its data, and is about to answer.
pub struct Server {
    listener: TcpListener,
    app: App,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Takes the address, prepares the data directory if nobody did, and starts listening.
    ///
    /// The address is taken first, so that a port in use is reported at once; but connections are accepted only once
    /// everything is ready: until then they are refused, not left waiting.
    pub async fn start(args: ServeArgs) -> Result<Self, StartError> {
        let listen_error = |source| StartError::Listen { address: args.listen, source };
        let socket = claim(args.listen).map_err(listen_error)?;
        let data = args.data.clone();
        let prepared = tokio::task::spawn_blocking(move || prepared(&data, Refresh::IfNeeded, &log_progress));
        let catalogue = prepared.await.expect("preparing reports its failures as values")?;
        let (stop, stopping) = watch::channel(false);
        let app = App::new(&args, catalogue, stopping)?;
        let listener = socket.listen(BACKLOG).map_err(listen_error)?;
        Ok(Self { listener, app, stop })
    }

    /// The address that was given, with the port that was chosen.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` is ready; then accepts nothing more, ends streams, and gives other requests five seconds.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let mut stopping = self.app.stopping.clone();
        let begin_stop = async move {
            stop.await;
            self.stop.send_replace(true);
        };
        let router = http::router(Arc::new(self.app));
        let serving = axum::serve(BoundedListener::new(self.listener), router).with_graceful_shutdown(begin_stop);
        let overdue = async {
            // The sender lives until it has sent; an error would mean the same: it is time to go.
            drop(stopping.wait_for(|stopping| *stopping).await);
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            done = serving.into_future() => done,
            () = overdue => Ok(()),
        }
    }
}

impl App {
    fn new(args: &ServeArgs, catalogue: Catalogue, stopping: watch::Receiver<bool>) -> Result<Self, StartError> {
        let DataArgs { data, secret_file, argon2_memory, .. } = &args.data;
        let identity =
            Identity { region: args.region.clone(), replica: args.replica.clone(), version: args.version.clone() };
        Ok(Self {
            metrics: Metrics::new(&identity),
            identity,
            catalogue,
            data: data.clone(),
            database: Database::open(data, usize::from(args.db_pool), args.db_latency)?,
            passwords: Passwords::new(*argon2_memory)?,
            signer: Signer::new(&secret::load_or_make(data, secret_file.as_deref())?),
            defects: Defects::take_on(&args.defects),
            started: Instant::now(),
            stopping,
        })
    }
}

/// Runs a replica until SIGTERM or SIGINT.
pub async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    follow_parent().context("ask to end with the parent process")?;
    let stop = stop_signal().context("listen for signals")?;
    let (region, replica, version) = (args.region.clone(), args.replica.clone(), args.version.clone());
    let server = Server::start(args).await?;
    let address = server.address().context("read the address listened on")?;
    tracing::info!(event = "listening", %address, region, replica, version);
    server.run(stop).await.context("serve")?;
    tracing::info!(event = "stopped", replica);
    Ok(())
}

/// Binds without listening yet.
fn claim(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn log_progress(progress: Progress) {
    match progress.is_warning() {
        true => tracing::warn!(event = "preparing", "{progress}"),
        false => tracing::info!(event = "preparing", "{progress}"),
    }
}

/// Ready when the process is asked to stop.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!(event = "stopping");
    })
}

/// With `ENCORE_EXIT_WITH_PARENT=1` the kernel ends this process when its parent ends, however that happens: whoever
/// starts replicas as children leaves none behind.
fn follow_parent() -> io::Result<()> {
    if std::env::var_os("ENCORE_EXIT_WITH_PARENT").is_some_and(|value| value == "1") {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    }
    Ok(())
}
