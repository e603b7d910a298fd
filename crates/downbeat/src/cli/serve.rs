//! `downbeat run`, `hub` and `edge`: starts them, says where they listen, and stops, reloads and
//! hands them over when a signal asks for it.

use super::handover::{HandoverError, Predecessor, Program, Successor};
use super::logging::LogFormat;
use super::rehearsal::Rehearsal;
use super::style::{Palette, Style};
use crate::config::{self, Settings};
use downbeat_edge::{
    Advice, Archive, EdgeHandle, EdgeSettings, Launch, Listeners, Loaded, Origin, Source, UpgradeRequest, Written,
};
use downbeat_hub::HubHandle;
use downbeat_hub::settings::HubSettings;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Longest a stop may take beyond the drain: what ends in less was going to end, what takes longer was not.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The hub did not start.
    #[error("cannot start the hub")]
    Hub(#[from] downbeat_hub::StartError),
    /// The edge did not start.
    #[error("cannot start the edge")]
    Edge(#[from] downbeat_edge::StartError),
    /// Signals cannot be received.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// Something did not come to its end.
    #[error("did not stop within {} s", .0.as_secs())]
    Stuck(Duration),
    /// The hub ended by itself, which it does only when one of its own invariants is broken.
    #[error("the hub ended by itself; the log says why")]
    HubEnded,
    /// Somebody did not want to wait.
    #[error("stopped at once by a second signal")]
    Hurried,
}

impl ServeError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            if kind == Some(std::io::ErrorKind::AddrInUse) {
                return Some(
                    "another program listens there; stop it, or choose another port in the configuration".into(),
                );
            }
            cause = error.source();
        }
        None
    }
}

/// Hub and edge in one process.
pub(crate) async fn both(path: PathBuf, format: LogFormat) -> anyhow::Result<()> {
    let (upgrades, requests) = downbeat_edge::upgrades();
    let mut signals = Signals::new(requests)?;
    let program = Program::of_this_process();
    let Beginning { predecessor, settings, text, instead_of, listeners } = Beginning::of(&path)?;
    let Settings { edge: mut edge_settings, hub: mut hub_settings } = settings;
    let greeting = Greeting::of(&hub_settings, format);
    let hub = downbeat_hub::start(hub_settings.clone()).await.map_err(ServeError::from)?;
    // A port that the system chose stays the hub's, whenever it starts again.
    (hub_settings.console, hub_settings.status) = (hub.console_address(), hub.status_address());
    follow(&mut edge_settings, hub.console_address());
    let origin = Origin { text, source: source(path.clone(), Some(hub.console_address())), instead_of };
    let launch = Launch { settings: edge_settings, origin: Some(origin), upgrades: Some(upgrades), listeners };
    let edge = match launch.start().await {
        Ok(edge) => edge,
        Err(error) => {
            hub.stop().await;
            return Err(ServeError::from(error).into());
        }
    };
    greeting.say(&[edge_places(&edge), hub_places(&hub)].concat());
    ready(predecessor)?;
    Both { edge, hub, hub_settings, path, program }.serve(&mut signals).await
}

/// The hub alone.
pub(crate) async fn hub(settings: Settings, format: LogFormat) -> anyhow::Result<()> {
    // No edge, nobody who would ask here.
    let (_, requests) = downbeat_edge::upgrades();
    let mut signals = Signals::new(requests)?;
    let greeting = Greeting::of(&settings.hub, format);
    let mut hub = downbeat_hub::start(settings.hub).await.map_err(ServeError::from)?;
    greeting.say(&hub_places(&hub));
    loop {
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::Stop => break,
                Wish::Reload | Wish::Upgrade(_) => tracing::warn!("a hub changes by a restart; its edges serve on"),
            },
            () = hub.wait() => return Err(ServeError::HubEnded.into()),
        }
    }
    Ok(signals.finish(Duration::ZERO, hub.stop()).await?)
}

/// An edge alone.
pub(crate) async fn edge(path: PathBuf, format: LogFormat) -> anyhow::Result<()> {
    let (upgrades, requests) = downbeat_edge::upgrades();
    let mut signals = Signals::new(requests)?;
    let program = Program::of_this_process();
    let Beginning { predecessor, settings, text, instead_of, listeners } = Beginning::of(&path)?;
    let greeting = Greeting::of(&settings.hub, format);
    let origin = Origin { text, source: source(path, None), instead_of };
    let launch = Launch { settings: settings.edge, origin: Some(origin), upgrades: Some(upgrades), listeners };
    let edge = launch.start().await.map_err(ServeError::from)?;
    greeting.say(&edge_places(&edge));
    ready(predecessor)?;
    loop {
        match signals.next().await {
            Wish::Stop => return Ok(signals.finish(edge.drain(), edge.stop()).await?),
            Wish::Reload => reload(&edge).await,
            Wish::Upgrade(asker) => match hand_over(&edge, &program).await {
                Ok(process) => {
                    handed_over(process, asker);
                    return Ok(signals.finish(edge.drain(), edge.give_way()).await?);
                }
                Err(error) => not_handed_over(&error, asker),
            },
        }
    }
}

/// Hub and edge in service.
struct Both {
    edge: EdgeHandle,
    hub: HubHandle,
    hub_settings: HubSettings,
    /// Of the configuration.
    path: PathBuf,
    program: io::Result<Program>,
}

impl Both {
    async fn serve(mut self, signals: &mut Signals) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                wish = signals.next() => match wish {
                    Wish::Stop => break,
                    Wish::Reload => reload(&self.edge).await,
                    Wish::Upgrade(asker) => match prepare(&self.edge, &self.program).await {
                        Ok(successor) => match self.make_way(successor, asker).await? {
                            Way::Kept(both) => self = *both,
                            Way::Made(edge) => return Ok(signals.finish(edge.drain(), edge.give_way()).await?),
                        },
                        Err(error) => not_handed_over(&error, asker),
                    },
                },
                () = self.hub.wait() => return Err(ServeError::HubEnded.into()),
                () = self.edge.reloaded() => self = self.renew_hub().await?,
            }
        }
        let drain = self.edge.drain();
        let stop = async move {
            // The edge first, so that the hub still hears of the last requests.
            self.edge.stop().await;
            self.hub.stop().await;
        };
        Ok(signals.finish(drain, stop).await?)
    }

    /// There can be only one hub: it makes way for the successor's, and comes back when that does not come. The edge
    /// serves all the while.
    async fn make_way(self, successor: Successor, asker: Option<UpgradeRequest>) -> Result<Way, ServeError> {
        self.hub.stop().await;
        match go(successor).await {
            Ok(process) => {
                handed_over(process, asker);
                Ok(Way::Made(Box::new(self.edge)))
            }
            Err(error) => {
                not_handed_over(&error, asker);
                let hub = downbeat_hub::start(self.hub_settings.clone()).await?;
                Ok(Way::Kept(Box::new(Self { hub, ..self })))
            }
        }
    }

    /// The edge has another configuration: the hub starts again when its half is another one.
    async fn renew_hub(mut self) -> Result<Self, ServeError> {
        let mut fresh = match config::load_text(&self.path, &self.edge.text()) {
            Ok(settings) => settings.hub,
            Err(error) => {
                tracing::error!(%error, "the hub's half of the configuration cannot be read again; it goes on as it is");
                return Ok(self);
            }
        };
        keep_port(&mut fresh.console, self.hub_settings.console);
        keep_port(&mut fresh.status, self.hub_settings.status);
        if fresh == self.hub_settings {
            return Ok(self);
        }
        self.hub.stop().await;
        self.hub = match downbeat_hub::start(fresh.clone()).await {
            Ok(hub) => {
                self.hub_settings = fresh;
                hub
            }
            Err(error) => {
                tracing::error!(%error, "the hub does not start with its new configuration; going on with the old one");
                downbeat_hub::start(self.hub_settings.clone()).await?
            }
        };
        Ok(self)
    }
}

/// Who serves after an upgrade was asked for.
enum Way {
    /// Still this process.
    Kept(Box<Both>),
    /// Another one; this edge finishes what is in flight.
    Made(Box<EdgeHandle>),
}

/// Where the system may choose the port, it has done so already.
fn keep_port(asked: &mut SocketAddr, known: SocketAddr) {
    if asked.port() == 0 && asked.ip() == known.ip() {
        *asked = known;
    }
}

/// What a process begins with.
struct Beginning {
    /// The process before it, if it takes over from one.
    predecessor: Option<Predecessor>,
    settings: Settings,
    text: String,
    /// The generation that should have been started and is in quarantine.
    instead_of: Option<u64>,
    listeners: Listeners,
}

impl Beginning {
    /// Reads the configuration; a process that takes over has the sockets then, and the word to go.
    fn of(path: &Path) -> anyhow::Result<Self> {
        let (predecessor, listeners) = Predecessor::meet()?.unzip();
        let (settings, text) = config::load_with_text(path)?;
        let way =
            if predecessor.is_some() { downbeat_edge::Beginning::Succession } else { downbeat_edge::Beginning::Fresh };
        let advice = Archive::new(&settings.edge.data).advise(&text, way);
        let (settings, text, instead_of) = heed(advice, path, (settings, text));
        let prepared = |mut old: Predecessor| old.prepared().map(|()| old);
        let predecessor = predecessor.map(prepared).transpose()?;
        Ok(Self { predecessor, settings, text, instead_of, listeners: listeners.unwrap_or_default() })
    }
}

/// A configuration that came to grief within its trial gives way to the last one that passed and can still be used.
fn heed(advice: Advice, path: &Path, (settings, text): (Settings, String)) -> (Settings, String, Option<u64>) {
    let Advice::GoBack { quarantined, kept } = advice else { return (settings, text, None) };
    let usable = |written: Written| config::load_text(path, &written.text).ok().map(|settings| (settings, written));
    match kept.into_iter().find_map(usable) {
        Some((settings, Written { generation, text })) => {
            tracing::error!(
                file = %path.display(),
                quarantined,
                instead = generation,
                "the process died within the trial of this configuration; starting with the last one that passed, until \
                 the file is changed"
            );
            (settings, text, Some(quarantined))
        }
        None => {
            tracing::error!(
                file = %path.display(),
                quarantined,
                "this configuration did not pass its trial, and none that did can be used; starting with it all the same"
            );
            (settings, text, None)
        }
    }
}

fn ready(predecessor: Option<Predecessor>) -> Result<(), HandoverError> {
    predecessor.map_or(Ok(()), Predecessor::ready)
}

/// The configuration as it will be read: rehearsed first. An edge with a hub in its process reports to its console.
fn source(path: PathBuf, console: Option<SocketAddr>) -> Source {
    let rehearsal = Rehearsal::default();
    Source::new(move || {
        let (mut settings, text) = rehearsal.load(&path)?;
        console.into_iter().for_each(|console| follow(&mut settings.edge, console));
        Ok(Loaded { settings: settings.edge, text })
    })
}

async fn reload(edge: &EdgeHandle) {
    // The edge itself tells its log what became of it.
    let _ = edge.reload().await;
}

async fn hand_over(edge: &EdgeHandle, program: &io::Result<Program>) -> Result<u32, HandoverError> {
    go(prepare(edge, program).await?).await
}

/// Starts a successor and hands it the sockets; this process serves on meanwhile.
async fn prepare(edge: &EdgeHandle, program: &io::Result<Program>) -> Result<Successor, HandoverError> {
    let step = |step| move |source| HandoverError::Step { step, source };
    let listeners = edge.listeners().map_err(step("duplicate the sockets"))?;
    let lost = |error: &io::Error| io::Error::new(error.kind(), error.to_string());
    let program = program.as_ref().map_err(lost).map_err(step("find this program"))?.clone();
    blocking(move || Successor::prepare(&program, &listeners)).await
}

async fn go(successor: Successor) -> Result<u32, HandoverError> {
    blocking(move || successor.go()).await
}

fn handed_over(process: u32, asker: Option<UpgradeRequest>) {
    tracing::info!(process, "handed over; finishing what is in flight");
    asker.into_iter().for_each(|asker| asker.answer(Ok(process)));
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HandoverError> + Send + 'static,
) -> Result<T, HandoverError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(HandoverError::Step { step: "wait for the successor", source: error.into() }))
}

fn not_handed_over(error: &HandoverError, asker: Option<UpgradeRequest>) {
    tracing::error!(%error, "not handed over; going on as before");
    asker.into_iter().for_each(|asker| asker.answer(Err(format!("not handed over, going on as before: {error}"))));
}

/// Where the console listens on a port that the system chose, the edge learns the port here.
fn follow(edge: &mut EdgeSettings, console: SocketAddr) {
    if let Some(link) = &mut edge.hub
        && let Some(host) = link.url.strip_suffix(":0")
    {
        link.url = format!("{host}:{}", console.port());
    }
}

/// One line of the start-up message: what it is, and where.
type Place = (&'static str, String);

fn edge_places(edge: &EdgeHandle) -> Vec<Place> {
    let admin = edge.admin_address().map(|address| ("edge admin", format!("http://{address}")));
    let tls = edge.tls_address().map(|address| ("edge tls", format!("https://{address}")));
    [("edge", format!("http://{}", edge.address()))].into_iter().chain(tls).chain(admin).collect()
}

fn hub_places(hub: &HubHandle) -> Vec<Place> {
    let (console, status) = (hub.console_address(), hub.status_address());
    vec![("console", format!("http://{console}")), ("status page", format!("http://{status}"))]
}

/// What is said once everything listens.
struct Greeting {
    service: String,
    data: PathBuf,
    format: LogFormat,
}

impl Greeting {
    fn of(hub: &HubSettings, format: LogFormat) -> Self {
        Self { service: hub.policy.topology.service.clone(), data: hub.data.clone(), format }
    }

    fn say(&self, places: &[Place]) {
        match self.format {
            LogFormat::Human => self.say_to_people(places),
            LogFormat::Json => {
                for (what, address) in places {
                    tracing::info!(event = "listening", what, address);
                }
            }
        }
    }

    fn say_to_people(&self, places: &[Place]) {
        let name = concat!("downbeat ", env!("CARGO_PKG_VERSION"));
        eprintln!("{} protects {}", Palette::stderr().paint(Style::Title, name), self.service);
        for (what, address) in places {
            eprintln!("  {what:<12} {address}");
        }
        eprintln!("  {:<12} {}", "data", self.data.display());
    }
}

/// What a signal or an operator asks for.
#[derive(Debug)]
enum Wish {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
    /// SIGUSR2, or somebody who waits for the outcome.
    Upgrade(Option<UpgradeRequest>),
}

/// The signals that a service listens to, and operators at the edge's admin endpoint.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
    upgrades: mpsc::Receiver<UpgradeRequest>,
}

impl Signals {
    /// Caught from now on, before anything starts that would have to be stopped.
    fn new(upgrades: mpsc::Receiver<UpgradeRequest>) -> Result<Self, ServeError> {
        let listen = |kind| signal(kind).map_err(ServeError::Signals);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            user: listen(SignalKind::user_defined2())?,
            upgrades,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.user.recv() => Wish::Upgrade(None),
            Some(asker) = self.upgrades.recv() => Wish::Upgrade(Some(asker)),
        }
    }

    async fn stop(&mut self) {
        while !matches!(self.next().await, Wish::Stop) {}
    }

    /// Waits for the stop, the time limit beyond the drain, or one more signal to stop.
    async fn finish(&mut self, drain: Duration, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        tracing::info!(event = "stopping", "finishing what is in flight");
        let limit = drain.saturating_add(STOP_WITHIN);
        tokio::select! {
            stopped = tokio::time::timeout(limit, stop) => stopped.map_err(|_| ServeError::Stuck(limit)),
            () = self.stop() => Err(ServeError::Hurried),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::Name;
    use downbeat_edge::HubLink;

    #[test]
    fn the_edge_follows_a_port_that_the_system_chose() {
        let address: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let mut edge = EdgeSettings::new(Name::new("edge").expect("a name"), address, "data".into());
        for (configured, expected) in
            [("http://127.0.0.1:0", "http://127.0.0.1:777"), ("http://10.0.0.1:80", "http://10.0.0.1:80")]
        {
            edge.hub = Some(HubLink { url: configured.into(), token: None });
            follow(&mut edge, "127.0.0.1:777".parse().expect("an address"));
            assert_eq!(edge.hub.as_ref().map(|h| h.url.as_str()), Some(expected));
        }
    }
}
