//! `downbeat run`, `hub` and `edge`: starts them, says where they listen, and stops them when asked to.

use super::logging::LogFormat;
use super::style::{Palette, Style};
use crate::config::Settings;
use downbeat_edge::{EdgeHandle, EdgeSettings};
use downbeat_hub::HubHandle;
use downbeat_hub::settings::HubSettings;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Longest a stop may take: what drains in less was going to end, what takes longer was not.
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
    #[error("did not stop within {} s", STOP_WITHIN.as_secs())]
    Stuck,
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
pub(crate) async fn both(settings: Settings, format: LogFormat) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let Settings { edge: mut edge_settings, hub: hub_settings } = settings;
    let greeting = Greeting::of(&hub_settings, format);
    let mut hub = downbeat_hub::start(hub_settings).await.map_err(ServeError::from)?;
    follow(&mut edge_settings, hub.console_address());
    let edge = match downbeat_edge::start(edge_settings).await {
        Ok(edge) => edge,
        Err(error) => {
            hub.stop().await;
            return Err(ServeError::from(error).into());
        }
    };
    greeting.say(&[edge_places(&edge), hub_places(&hub)].concat());
    signals.until_asked(hub.wait()).await?;
    let stop = async move {
        // The edge first, so that the hub still hears of the last requests.
        edge.stop().await;
        hub.stop().await;
    };
    Ok(signals.finish(stop).await?)
}

/// The hub alone.
pub(crate) async fn hub(settings: Settings, format: LogFormat) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let greeting = Greeting::of(&settings.hub, format);
    let mut hub = downbeat_hub::start(settings.hub).await.map_err(ServeError::from)?;
    greeting.say(&hub_places(&hub));
    signals.until_asked(hub.wait()).await?;
    Ok(signals.finish(hub.stop()).await?)
}

/// An edge alone.
pub(crate) async fn edge(settings: Settings, format: LogFormat) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let greeting = Greeting::of(&settings.hub, format);
    let edge = downbeat_edge::start(settings.edge).await.map_err(ServeError::from)?;
    greeting.say(&edge_places(&edge));
    signals.until_asked(std::future::pending()).await?;
    Ok(signals.finish(edge.stop()).await?)
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

/// The two signals that stop a service.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Caught from now on, before anything starts that would have to be stopped.
    fn new() -> Result<Self, ServeError> {
        let listen = |kind| signal(kind).map_err(ServeError::Signals);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for a signal; an error when the hub ends before.
    async fn until_asked(&mut self, hub_ends: impl Future<Output = ()>) -> Result<(), ServeError> {
        tokio::select! {
            () = self.next() => Ok(()),
            () = hub_ends => Err(ServeError::HubEnded),
        }
    }

    /// Waits for the stop, the time limit, or one more signal.
    async fn finish(&mut self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        tracing::info!(event = "stopping", "finishing what is in flight");
        tokio::select! {
            stopped = tokio::time::timeout(STOP_WITHIN, stop) => stopped.map_err(|_| ServeError::Stuck),
            () = self.next() => Err(ServeError::Hurried),
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
