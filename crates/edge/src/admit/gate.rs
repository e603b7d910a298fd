//! What a component's own settings and its past say about one more request, before the traffic plan is asked.

use crate::admit::heavy::Heavy;
use crate::admit::limit::Bucket;
use crate::admit::ramp::Ramp;
use crate::admit::traffic::Admitted;
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

    /// How many of some requests of a network are let in. Whoever asks too much pays first, and takes nothing from others.
    pub(crate) fn admit(&mut self, network: Network, came: u32, now: Instant) -> Admitted {
        let within = self.networks.as_mut().map_or(came, |networks| networks.take(network, came, now));
        let limited = came - within;
        let wait = self.networks.as_ref().filter(|_| limited > 0).map(|networks| networks.wait(now));
        let routed = if within == 0 { 0 } else { self.route.as_mut().map_or(within, |route| route.take(within, now)) };
        let granted = if routed == 0 { 0 } else { self.ramp.admits(routed, now) };
        Admitted { granted, limited, withheld: 0, shed: within - granted, wait: wait.unwrap_or_default() }
    }

    /// Requests within the component's own limits that come a second.
    pub(crate) fn demand(&mut self, now: Instant) -> f64 {
        self.ramp.demand(now)
    }

    /// True while a notable share of those that were let in fails.
    pub(crate) fn suffers(&mut self, now: Instant) -> bool {
        self.ramp.suffers(now)
    }

    /// So many requests that were let in failed.
    pub(crate) fn failed(&mut self, times: u32, now: Instant) {
        self.ramp.failed(times, now);
    }
}
