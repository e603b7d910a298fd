//! What a replica says about itself to a metrics collector. All label values come from closed sets.

use std::{fmt, time::Duration};

use axum::http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::server::Identity;

/// The parts of the service, as dashboards and outages name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    Login,
    Catalogue,
    Search,
    Playlists,
    Playback,
    Page,
    Health,
    Other,
}

impl Component {
    /// Which part of the service answers this path.
    pub(crate) fn of(path: &str) -> Self {
        let mut parts = path.split('/').skip(1);
        match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
            ("api", "login" | "logout" | "signup" | "me") => Self::Login,
            ("api", "tracks" | "albums") | ("covers", _) => Self::Catalogue,
            ("api", "search") => Self::Search,
            ("api", "playlists") => Self::Playlists,
            ("media", _) => Self::Playback,
            ("" | "player.css" | "player.js" | "favicon.svg", "") => Self::Page,
            ("healthz" | "metrics", "") => Self::Health,
            _ => Self::Other,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Catalogue => "catalogue",
            Self::Search => "search",
            Self::Playlists => "playlists",
            Self::Playback => "playback",
            Self::Page => "page",
            Self::Health => "health",
            Self::Other => "other",
        }
    }
}

/// How an attempt to log in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    Accepted,
    Refused,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    component: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InComponent {
    component: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

/// All metrics of a replica.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<InComponent, Histogram>,
    logins: Family<Ended, Counter>,
    media_bytes: Counter,
    streams: Gauge,
    waiting: Gauge,
}

impl Metrics {
    pub(crate) fn new(identity: &Identity) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("encore"),
            requests: Family::default(),
            // 1 ms to 8 s, by factors of two: fine enough for p99 of a page and of an overload alike.
            durations: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 14))),
            logins: Family::default(),
            media_bytes: Counter::default(),
            streams: Gauge::default(),
            waiting: Gauge::default(),
        };
        metrics.register(identity);
        metrics
    }

    fn register(&mut self, identity: &Identity) {
        let registry = &mut self.registry;
        let labels = [("region", &identity.region), ("replica", &identity.replica), ("version", &identity.version)];
        let info = Info::new(labels.map(|(name, value)| (name, value.clone())).to_vec());
        registry.register("replica", "Which replica this is", info);
        registry.register("requests", "Requests answered", self.requests.clone());
        let help = "Time from receiving a request to the head of its answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, self.durations.clone());
        registry.register("logins", "Attempts to log in, by how they ended", self.logins.clone());
        let help = "Audio sent to listeners";
        registry.register_with_unit("media", help, Unit::Bytes, self.media_bytes.clone());
        registry.register("streams_active", "Media bodies being sent right now", self.streams.clone());
        registry.register("db_waiting", "Queries waiting for a database connection", self.waiting.clone());
    }

    /// A request was answered; the duration ends with the answer's head.
    pub(crate) fn answered(&self, component: Component, status: StatusCode, took: Duration) {
        let component = component.as_str();
        self.requests.get_or_create(&Answered { component, status: status.as_u16() }).inc();
        self.durations.get_or_create(&InComponent { component }).observe(took.as_secs_f64());
    }

    /// An attempt to log in ended.
    pub(crate) fn login(&self, outcome: LoginOutcome) {
        let outcome = match outcome {
            LoginOutcome::Accepted => "accepted",
            LoginOutcome::Refused => "refused",
            LoginOutcome::Failed => "failed",
        };
        self.logins.get_or_create(&Ended { outcome }).inc();
    }

    /// So much audio was sent.
    pub(crate) fn media_sent(&self, bytes: u64) {
        self.media_bytes.inc_by(bytes);
    }

    /// A stream begins; it ends when the returned value is dropped.
    pub(crate) fn stream_started(&self) -> ActiveStream {
        self.streams.inc();
        ActiveStream(self.streams.clone())
    }

    /// All metrics as OpenMetrics text.
    pub(crate) fn text(&self, queries_waiting: usize) -> Result<String, fmt::Error> {
        self.waiting.set(queries_waiting as i64);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A media body being sent.
#[derive(Debug)]
pub(crate) struct ActiveStream(Gauge);

impl Drop for ActiveStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_belongs_to_a_component() {
        let rows = [
            ("/", Component::Page),
            ("/player.js", Component::Page),
            ("/api/login", Component::Login),
            ("/api/playlists/0123", Component::Playlists),
            ("/api/search", Component::Search),
            ("/api/tracks/0123", Component::Catalogue),
            ("/covers/0123.svg", Component::Catalogue),
            ("/media/0123.flac", Component::Playback),
            ("/healthz", Component::Health),
            ("/api/gremlins", Component::Other),
            ("/wp-admin.php", Component::Other),
            ("", Component::Page),
        ];
        for (path, expected) in rows {
            assert_eq!(Component::of(path), expected, "{path}");
        }
    }
}
