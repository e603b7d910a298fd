//! Putting the hub together, and taking it apart.

use crate::api;
use crate::clock::HubClock;
use crate::doors::{ARRIVALS_MAX, CommandDoor, Doors, SignalDoor};
use crate::driver::{Driver, Publisher, Snapshotter};
use crate::faces::{Window, console_routes, status_face, subscriber_routes, subscription_routes};
use crate::history::Histories;
use crate::http::gate::{Gate, admit};
use crate::http::origin::refuse_strangers;
use crate::http::problem::Problem;
use crate::http::server::serve;
use crate::intake;
use crate::log::{EventLog, LogReader, LogWriter, OpenError, Snapshots};
use crate::metrics::keep_looking;
use crate::outbound::{ClientError, Outbound, Web};
use crate::outbox::{Outbox, Pauses, Tools};
use crate::probes::{Heartbeats, Prober, heartbeat_routes, keep_probing};
use crate::reports::{self, ReportDesk};
use crate::settings::HubSettings;
use crate::subscribers::Subscribers;
use crate::telemetry::{Telemetry, TelemetryReader};
use crate::uptime::Uptime;
use crate::view::Day;
use crate::voices::keep_listening;
use crate::watcher::keep_calling;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use downbeat_core::incident::Engine;
use downbeat_core::model::{Moment, Name, ProbeResult, Signal};
use futures_util::StreamExt;
use futures_util::future::OptionFuture;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_stream::wrappers::ReceiverStream;

/// Results of probes that may wait to be handed in.
const RESULTS_MAX: usize = 1_024;
/// Results that are handed in at the same time.
const HANDS: usize = 64;

/// Why the hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its memory.
    #[error("cannot open the hub's log")]
    Log(#[from] OpenError),
    /// One of its addresses.
    #[error("cannot listen on {address} for the {purpose}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What for.
        purpose: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Its way out.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A thread or a task.
    #[error("cannot start the hub's own thread")]
    Thread(#[source] std::io::Error),
}

/// A running hub.
#[derive(Debug)]
pub struct HubHandle {
    console: SocketAddr,
    status: SocketAddr,
    doors: Doors,
    driver: JoinHandle<()>,
    stop_driver: Option<oneshot::Sender<()>>,
    stop_servers: watch::Sender<bool>,
    servers: [JoinHandle<()>; 2],
    probing: AbortHandle,
}

impl HubHandle {
    /// Where the console, the API and the edges' door are.
    pub fn console_address(&self) -> SocketAddr {
        self.console
    }

    /// Where the status page is.
    pub fn status_address(&self) -> SocketAddr {
        self.status
    }

    /// The doors, for whoever runs the hub within their own process.
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Waits until the hub ends by itself, which it only does when an invariant of its own is broken, or when its log has become
    /// another hub's.
    pub async fn wait(&mut self) {
        if let Err(error) = (&mut self.driver).await {
            tracing::error!(%error, "the driver ended");
        }
    }

    /// Stops in order: no new answers, no new probes, then the driver with its last line, then the file.
    pub async fn stop(mut self) {
        self.probing.abort();
        // Whoever is gone already needs no word.
        let _ = self.stop_servers.send(true);
        for server in &mut self.servers {
            drop(server.await);
        }
        let reports = self.doors.reports.clone();
        drop(tokio::task::spawn_blocking(move || reports.save()).await);
        if let Some(stop) = self.stop_driver.take() {
            let _ = stop.send(());
        }
        // One that ended by itself was waited for already, perhaps.
        if !self.driver.is_finished() {
            drop(self.driver.await);
        }
    }
}

/// Starts the hub: opens and verifies its log, goes on with whatever was pending, listens.
///
/// # Errors
/// [`StartError`], naming the file or the address.
pub async fn start(settings: HubSettings) -> Result<HubHandle, StartError> {
    let settings = Arc::new(settings);
    let told = Arc::clone(&settings);
    let memory = tokio::task::spawn_blocking(move || Memory::of(&told)).await;
    let memory = memory.map_err(|error| StartError::Thread(error.into()))??;
    let console = listen(settings.console, "console").await?;
    let status = listen(settings.status, "status page").await?;
    let parts = assemble(&settings, memory)?;
    run(&settings, parts, console, status)
}

/// What the log tells at the start.
pub(crate) struct Memory {
    pub(crate) engine: Engine,
    pub(crate) log: EventLog,
    pub(crate) days: BTreeMap<Name, Vec<Day>>,
    pub(crate) histories: Histories,
}

impl Memory {
    /// Opens the log and takes it in. Blocks.
    pub(crate) fn of(settings: &HubSettings) -> Result<Self, OpenError> {
        let (log, book) = EventLog::resume(&settings.data)?;
        let mut engine = Engine::resume(settings.policy.clone(), book);
        recall_budgets(&mut engine, settings);
        recall_learnt(&mut engine, settings);
        let days = log.days()?;
        let histories = Histories::open(&settings.data, engine.book());
        Ok(Self { engine, log, days, histories })
    }
}

/// Fills the error budgets with what telemetry knows; without it they begin anew.
fn recall_budgets(engine: &mut Engine, settings: &HubSettings) {
    match TelemetryReader::new(&settings.data).served(Moment::default(), &settings.policy) {
        Ok(minutes) => minutes.iter().for_each(|it| engine.recall(&it.budget, it.at, it.met)),
        Err(error) => tracing::warn!(%error, "error budgets begin anew"),
    }
}

/// Teaches the figures what they were taught; without it they learn anew.
fn recall_learnt(engine: &mut Engine, settings: &HubSettings) {
    if let Err(error) = TelemetryReader::new(&settings.data).learnt(|learnt| engine.recall_learnt(learnt)) {
        tracing::warn!(%error, "what is usual is learnt anew");
    }
}

async fn listen(address: SocketAddr, purpose: &'static str) -> Result<Listening, StartError> {
    let failed = |source| StartError::Listen { address, purpose, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listening { listener, address })
}

struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

/// A hub that is ready to run, but for its addresses.
pub(crate) struct Parts {
    pub(crate) driver: Driver,
    pub(crate) doors: Doors,
    web: Web,
    prober: Prober,
    heartbeats: Heartbeats,
    /// What users told and counts.
    reported: mpsc::Receiver<Signal>,
}

/// Puts the parts together around what the log told.
pub(crate) fn assemble(settings: &Arc<HubSettings>, memory: Memory) -> Result<Parts, StartError> {
    let Memory { engine, log, days, histories } = memory;
    let outbound = Outbound::new(settings.outbound_allow.clone(), &settings.policy.topology);
    let prober =
        Prober::new(Name::new(intake::OWN_VANTAGE).expect("a constant good name"), settings.resolver, outbound)?;
    let heartbeats = Heartbeats::of(&settings.probes, Instant::now());
    let prober = prober.hearing(heartbeats.clone());
    let web = prober.web().clone();
    let tools = Tools { settings: Arc::clone(settings), web: web.clone(), pauses: Pauses::USUAL };
    let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
    let clock = HubClock::start(log.head().at);
    let uptime = Uptime::new(days, clock.now());
    let (reports, reported) = ReportDesk::open(settings, clock);
    let subscribers = Subscribers::of(settings);
    let told = (reports.clone(), subscribers.clone(), histories.clone());
    let publisher = Publisher::new(Arc::clone(settings), &engine, &uptime, told);
    let doors = Doors {
        snapshots: publisher.subscribe(),
        commands: CommandDoor::new(sender.clone()),
        signals: SignalDoor::new(sender.clone()),
        reports,
        subscribers,
        histories,
        log: LogReader::new(&settings.data),
        clock,
    };
    let log = LogWriter::start(log).map_err(StartError::Thread)?;
    let snapshotter = Snapshotter::new(Snapshots::new(&settings.data), doors.log.clone());
    let outbox = Outbox::new(tools, sender);
    let telemetry = Telemetry::start(&settings.data).map_err(StartError::Thread)?;
    let kept = (snapshotter, telemetry);
    let driver = Driver::new((engine, clock, log), arrivals, (outbox, uptime, publisher), kept);
    Ok(Parts { driver, doors, web, prober, heartbeats, reported })
}

fn run(
    settings: &Arc<HubSettings>,
    parts: Parts,
    console: Listening,
    status: Listening,
) -> Result<HubHandle, StartError> {
    let Parts { driver, doors, web, prober, heartbeats, reported } = parts;
    let (stop_driver, driver_stops) = oneshot::channel();
    let (stop_servers, servers_stop) = watch::channel(false);
    let (results, came) = mpsc::channel(RESULTS_MAX);
    let watched = (settings.probes.clone(), settings.references.clone());
    let signals = doors.signals.clone();
    let told = (Arc::clone(settings), doors.snapshots.clone(), web.clone(), doors.clock);
    let telling = doors.subscribers.clone().keep_telling(told.0, told.1, told.2, told.3);
    let watching =
        settings.watcher.clone().map(|it| keep_calling(it, settings.data.clone(), doors.clone(), web.clone()));
    let reporting = doors.reports.clone().keep(reported, doors.signals.clone(), doors.snapshots.clone());
    let (heard, listening) = (Arc::clone(settings), (web.clone(), doors.reports.clone(), doors.signals.clone()));
    let probing = async move {
        let looking = keep_looking(&heard.metrics, &listening.0, &listening.2);
        let listening = keep_listening(&heard, &listening.0, &listening.1, &listening.2);
        let watching = OptionFuture::from(watching);
        tokio::join!(
            keep_probing(prober, watched, results),
            hand_in(came, &signals),
            watching,
            telling,
            reporting,
            listening,
            looking
        );
    };
    let app = console_app(settings, &doors).merge(heartbeat_routes(heartbeats));
    let page = serve_page(status.listener, &doors, servers_stop.clone()).map_err(StartError::Thread)?;
    Ok(HubHandle {
        console: console.address,
        status: status.address,
        driver: tokio::spawn(driver.run(driver_stops)),
        stop_driver: Some(stop_driver),
        servers: [tokio::spawn(serve(console.listener, (), app, servers_stop)), page],
        stop_servers,
        probing: tokio::spawn(probing).abort_handle(),
        doors,
    })
}

/// Serves the status page on a thread of its own: a crowd of readers takes one processor at most, and nothing from what decides.
fn serve_page(listener: TcpListener, doors: &Doors, stop: watch::Receiver<bool>) -> std::io::Result<JoinHandle<()>> {
    let (public, window) = status_app(doors);
    let listener = listener.into_std()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            match TcpListener::from_std(listener) {
                Ok(listener) => serve(listener, window, public, stop).await,
                Err(error) => tracing::error!(%error, "the status page is not served"),
            }
        });
    }))
}

/// Hands the probes' results in, several at a time: each waits until the driver has taken its turn.
async fn hand_in(came: mpsc::Receiver<ProbeResult>, signals: &SignalDoor) {
    let results = ReceiverStream::new(came);
    results
        .for_each_concurrent(HANDS, async |result| {
            let probe = result.probe.clone();
            if let Err(error) = signals.send(Signal::Probe(result)).await {
                tracing::debug!(%probe, %error, "a probe's result was not taken");
            }
        })
        .await;
}

/// Everything at the console's address: behind the gate but for the health check, and closed to other sites.
///
/// The pages watch over their own forms; the API refuses other sites in its own words.
fn console_app(settings: &HubSettings, doors: &Doors) -> Router {
    let gate = Arc::new(Gate::new(settings.token.clone(), &settings.console_url));
    Router::new()
        .merge(intake::routes(doors.clone(), settings))
        .merge(api::routes(doors.clone()))
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .fallback(async || Problem::absent("there is nothing at this address"))
        .layer(from_fn(refuse_strangers))
        .merge(subscriber_routes(doors.clone()))
        .merge(console_routes(doors.clone()))
        .layer(from_fn_with_state(gate, admit))
        .merge(api::open_routes(doors.clone()))
}

/// Everything at the status page's address: open to all.
fn status_app(doors: &Doors) -> (Router, Window) {
    let (page, window) = status_face(doors.clone());
    let app = Router::new().merge(reports::routes(doors.clone())).merge(subscription_routes(doors.clone())).merge(page);
    (app, window)
}
