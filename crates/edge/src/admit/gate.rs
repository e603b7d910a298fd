//! What a component's own settings and its past say about one more request, before the traffic plan is asked.

use crate::admit::heavy::Heavy;
use crate::admit::limit::Bucket;
use crate::admit::ramp::Ramp;
use crate::admit::traffic::Admission;
use crate::change::settings::ComponentSettings;
use crate::door::network::Network;
use std::time::Instant;

/// The gate of one component.
#[derive(Debug)]
pub(crate) struct Gate {
    route: Option<Bucket>,
    networks: Option<Heavy>,
    ramp: Ramp,
}

impl Gate {
    pub(crate) fn new(settings: &ComponentSettings, now: Instant) -> Self {
        Self {
            route: settings.per_second.map(|rate| Bucket::new(rate, now)),
            networks: settings.network_per_second.map(|rate| Heavy::new(rate, now)),
            ramp: Ramp::new(now),
        }
    }

    /// Whether one more request of a network is let in. Whoever asks too much pays first, and takes nothing from others.
    pub(crate) fn admit(&mut self, network: Network, now: Instant) -> Admission {
        if let Some(Err(wait)) = self.networks.as_mut().map(|networks| networks.take(network, now)) {
            return Admission::Limited(wait);
        }
        let room = self.route.as_mut().is_none_or(|route| route.take(now).is_ok());
        if room && self.ramp.admits(now) { Admission::Granted } else { Admission::Shed }
    }

    /// A request that was let in failed.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.ramp.failed(now);
    }
}
