//! Watches a scene as a conductor does: is everything well, is it over, what has the hub to say.

use crate::http::{Ask, Caller};
use crate::hub::{Hub, Line};
use crate::listener::Account;
use crate::progress::Progress;
use crate::scene::Scene;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// What is missing until everything is well; `None` when nothing is.
pub(crate) async fn missing(scene: &Scene) -> Option<String> {
    let accounts = scene.audience.accounts();
    let playing = accounts.iter().filter(|account| account.heard.playing).count();
    if playing < accounts.len() {
        return Some(format!("{playing} of {} listeners hear music", accounts.len()));
    }
    if scene.crowd.ended() == 0 {
        return Some("the crowd has not come".to_owned());
    }
    match Hub::at(scene.world.ports.console()).incidents().await {
        Ok(lines) => {
            lines.iter().find(|line| line.is_open()).map(|line| format!("there is an incident: {}", line.title))
        }
        Err(error) => Some(format!("the hub does not answer: {error}")),
    }
}

/// Tells of incidents as they move.
#[derive(Debug, Default)]
pub(crate) struct Herald {
    told: BTreeMap<u64, String>,
}

impl Herald {
    /// Says what is new; answers with the list, newest first.
    pub(crate) async fn look(&mut self, hub: Hub, progress: &Progress) -> Option<Vec<Line>> {
        let lines = hub.incidents().await.ok()?;
        for line in lines.iter().rev() {
            if self.told.get(&line.id) != Some(&line.state) {
                progress.say(&format!("incident {} {}: {}", line.id, line.state, line.title));
                self.told.insert(line.id, line.state.clone());
            }
        }
        Some(lines)
    }
}

/// Requests that the edge has tried more than once, and bodies that it has continued elsewhere.
pub(crate) async fn edge_counts(admin: SocketAddr) -> (u64, u64) {
    let asked = Caller::new(admin, Duration::from_secs(5)).ask(&Ask::get("/metrics")).await;
    // Without figures the scorecard shows none; whether that matters, the expectations say.
    let text = asked.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default();
    (sum(&text, "downbeat_edge_retried_requests_total"), sum(&text, "downbeat_edge_resumed_bodies_total"))
}

/// The sum of a metric over its labels.
fn sum(text: &str, metric: &str) -> u64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(metric)?;
        if rest.starts_with(['{', ' ']) { rest.rsplit(' ').next()?.parse::<u64>().ok() } else { None }
    });
    values.sum()
}

/// How the listeners fare: how many hear music, and the silence of all of them together.
pub(crate) fn listening(accounts: &[Account]) -> (usize, Duration) {
    let playing = accounts.iter().filter(|account| account.heard.playing).count();
    (playing, accounts.iter().map(|account| account.heard.silence).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let text =
            "# TYPE a_total counter\na_total{component=\"x\"} 3\na_total{component=\"y z\"} 4\na_total_b{} 9\na 1\n";
        assert_eq!((sum(text, "a_total"), sum(text, "b")), (7, 0));
    }
}
