//! The crowd behind the listeners: a steady open-loop stream of requests from many networks, which can surge,
//! and which somebody can attack from.

mod arrivals;
mod pool;
mod wish;

use crate::dice::Dice;
use crate::http::{Ask, Caller};
use arrivals::Arrivals;
use pool::Pool;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
pub use wish::Component;
use wish::Member;

/// Requests a second of the steady crowd.
pub const STEADY_PER_SECOND: f64 = 120.0;

/// How often arrivals are looked at.
const TICK: Duration = Duration::from_millis(10);

/// Somebody of the crowd waits so long for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// How many accounts the crowd uses.
const MEMBERS: usize = 8;

/// Kinds of complaints that are told apart.
const COMPLAINTS_MAX: usize = 64;

/// A client network, written `127.66.6.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network([u8; 3]);

/// Why a text names no network to attack from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no loopback network of the form 127.x.y.0/24")]
pub struct NetworkError(String);

impl std::str::FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let address = text.strip_suffix(".0/24").map(|start| format!("{start}.0").parse::<Ipv4Addr>());
        match address.and_then(Result::ok).map(|a| a.octets()) {
            Some([127, b, c, 0]) => Ok(Self([127, b, c])),
            _ => Err(NetworkError(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a}.{b}.{c}.0/24")
    }
}

impl Network {
    /// One of its addresses.
    pub(crate) fn host(self, number: usize) -> Ipv4Addr {
        let [a, b, c] = self.0;
        // The remainder is below 250.
        Ipv4Addr::new(a, b, c, (number % 250) as u8 + 1)
    }
}

/// What is wanted beyond the usual.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Demand {
    /// So many requests a second more for one component.
    pub surge: Option<(Component, f64)>,
    /// So many wrong passwords a second from one network.
    pub attack: Option<(Network, f64)>,
}

/// What the crowd got. Attackers are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Requests that ended.
    pub total: u64,
    /// Those that did not get what they wanted.
    pub failed: u64,
    /// The failed ones by component and complaint: `search: 503`.
    pub complaints: BTreeMap<String, u64>,
}

impl Tally {
    fn count(&mut self, component: Component, complaint: Option<String>) {
        self.total += 1;
        let Some(complaint) = complaint else { return };
        self.failed += 1;
        let label = format!("{component}: {complaint}");
        if self.complaints.len() < COMPLAINTS_MAX || self.complaints.contains_key(&label) {
            *self.complaints.entry(label).or_default() += 1;
        }
    }
}

/// The crowd.
#[derive(Debug)]
pub struct Crowd {
    demand: watch::Sender<Demand>,
    tally: Arc<Mutex<Tally>>,
    task: JoinHandle<()>,
}

impl Crowd {
    /// Comes in through the edge.
    pub fn gather(edge: SocketAddr, seed: u64) -> Self {
        let demand = watch::Sender::new(Demand::default());
        let tally = Arc::new(Mutex::new(Tally::default()));
        let throng = Throng { edge, seed, demand: demand.subscribe(), tally: Arc::clone(&tally) };
        let task = tokio::spawn(throng.come());
        Self { demand, tally, task }
    }

    /// Changes what is wanted beyond the usual.
    pub fn ask(&self, change: impl FnOnce(&mut Demand)) {
        self.demand.send_modify(change);
    }

    /// What is wanted beyond the usual.
    pub fn demand(&self) -> Demand {
        *self.demand.borrow()
    }

    /// What the crowd got since the last time that this was asked.
    pub fn take_tally(&self) -> Tally {
        std::mem::take(&mut *lock(&self.tally))
    }

    /// How many requests have ended since then.
    pub fn ended(&self) -> u64 {
        lock(&self.tally).total
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Throng {
    edge: SocketAddr,
    seed: u64,
    demand: watch::Receiver<Demand>,
    tally: Arc<Mutex<Tally>>,
}

impl Throng {
    async fn come(mut self) {
        let members = self.join().await;
        let start = Instant::now();
        let mut dice = Dice::new(self.seed);
        let people = Pool::of_many_networks(self.edge, PATIENCE);
        let mut steady = Arrivals::new(STEADY_PER_SECOND, Duration::ZERO, self.seed ^ 1);
        let mut extra = Extra::none();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = start.elapsed();
            if self.demand.has_changed().unwrap_or(false) {
                let demand = *self.demand.borrow_and_update();
                extra = Extra::of(demand, now, self.seed, self.edge);
            }
            for _ in 0..steady.due(now) {
                self.send(&people, wish::choose(&mut dice), &members, &mut dice);
            }
            if let Some((component, arrivals)) = &mut extra.surge {
                for _ in 0..arrivals.due(now) {
                    self.send(&people, *component, &members, &mut dice);
                }
            }
            extra.attack(now);
        }
    }

    /// Logs a few accounts in; whoever cannot, tries again.
    async fn join(&self) -> Vec<Member> {
        let mut members = Vec::new();
        while members.len() < MEMBERS {
            let mut caller = Caller::new(self.edge, PATIENCE).from(pool::home(members.len()));
            match Member::join(&mut caller, members.len() * 5).await {
                Ok(member) => members.push(member),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
        members
    }

    fn send(&self, people: &Pool, component: Component, members: &[Member], dice: &mut Dice) {
        let Some(member) = dice.pick(members) else { return };
        let ask = member.wish(component, dice);
        let tally = Arc::clone(&self.tally);
        let asked = ask.clone();
        let sent = people.send(ask, move |answer| lock(&tally).count(component, wish::complaint(&asked, &answer)));
        if sent.is_err() {
            lock(&self.tally).count(component, Some("nobody free to ask".to_owned()));
        }
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    // Counters are whole after every statement, whoever panicked.
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who comes beyond the usual.
struct Extra {
    surge: Option<(Component, Arrivals)>,
    attack: Option<(Arrivals, Pool)>,
}

impl Extra {
    fn none() -> Self {
        Self { surge: None, attack: None }
    }

    fn of(demand: Demand, now: Duration, seed: u64, edge: SocketAddr) -> Self {
        let surge = demand.surge.map(|(component, rate)| (component, Arrivals::new(rate, now, seed ^ 2)));
        let attack = demand
            .attack
            .map(|(network, rate)| (Arrivals::new(rate, now, seed ^ 3), Pool::of_one_network(edge, network, PATIENCE)));
        Self { surge, attack }
    }

    fn attack(&mut self, now: Duration) {
        let Some((arrivals, pool)) = &mut self.attack else { return };
        for _ in 0..arrivals.due(now) {
            let guess: Ask = crate::encore_api::login("demo", "letmein");
            // An attacker whose hands are full has to wait.
            let _ = pool.send(guess, drop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        assert_eq!("127.66.6.0/24".parse(), Ok(Network([127, 66, 6])));
        for bad in ["10.0.0.0/24", "127.66.6.1/24", "127.66.6.0", "127.66.0/24", "127.666.6.0/24", ""] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn complaints_are_counted_and_bounded() {
        let mut tally = Tally::default();
        tally.count(Component::Login, None);
        for n in 0..100 {
            tally.count(Component::Search, Some(n.to_string()));
        }
        tally.count(Component::Search, Some("0".to_owned()));
        assert_eq!((tally.total, tally.failed, tally.complaints.len()), (102, 101, COMPLAINTS_MAX));
        assert_eq!(tally.complaints["search: 0"], 2);
    }
}
