//! Once a second: gathers what all threads saw, tells the hub, and takes the plan that comes back.
//!
//! `POST /v1/rollups` with the roll-up as JSON; the answer is 200 with the traffic plan in force, or 204 when the edge has
//! it already. A roll-up that the hub does not take is lost: late counts would be taken for the present.

use crate::ask::call::call;
use crate::ask::line::Connection;
use crate::change::plan::{PlanOutcome, apply};
use crate::change::scribe::Scribe;
use crate::change::site::Site;
use crate::change::trial::{Answers, Watch};
use crate::codec::Method;
use crate::door::network::Network;
use crate::run::shared::Shared;
use crate::run::sync::locked;
use crate::run::worker::Stage;
use crate::tell::count::{AttemptCount, ClientCount, ComponentCount};
use crate::tell::events;
use crate::tell::tally::{Seen, Tallies};
use downbeat_core::model::{
    ClientRow, ComponentRow, FailureKind, LookupRow, Name, ReplicaRow, RollUp, TrafficPlan, UpstreamRow,
};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// From one roll-up to the next.
const EVERY: Duration = Duration::from_secs(1);
/// The hub has to answer within this.
const HUB: Duration = Duration::from_secs(2);
/// An edge that is over waits no longer than this for the hub to take its last word.
const LAST_WORD: Duration = Duration::from_millis(500);
/// Most bytes of a plan.
const PLAN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a roll-up was not taken, or its answer not understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubError {
    #[error("the hub did not answer: {0:?}")]
    Silent(FailureKind),
    #[error("the hub answered with status {0}")]
    Status(u16),
    #[error("understand the hub's plan: {0}")]
    Plan(#[source] serde_json::Error),
    #[error("write the roll-up: {0}")]
    RollUp(#[source] serde_json::Error),
}

/// What was seen since the start, for the metrics; networks are not told apart here.
#[derive(Debug, Default)]
pub(crate) struct Totals(Mutex<Seen>);

impl Totals {
    /// Looks at the sums.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&locked(&self.0))
    }

    fn add(&self, seen: &Seen, site: &Site) {
        let mut sums = locked(&self.0);
        sums.add_without_networks(seen);
        sums.keep_only(site);
    }
}

/// The first generation, and each further one as it comes into force: none of them may be missed, for each counts.
pub(crate) struct Generations {
    pub(crate) first: Arc<Shared>,
    pub(crate) fresh: mpsc::UnboundedReceiver<Arc<Shared>>,
}

/// Reports until the edge is over, and then once more.
pub(crate) async fn report(
    generations: Generations,
    (scribe, watch): (Scribe, Arc<Mutex<Watch>>),
    totals: Arc<Totals>,
    mut stage: watch::Receiver<Stage>,
) {
    let mut reporter = Reporter {
        gathering: Gathering { fresh: generations.fresh, known: vec![Share::of(generations.first)] },
        boot: crate::choose::dice::seed(),
        seq: 0,
        refused: None,
        link: Link::Unknown,
        since: Instant::now(),
        stage: stage.clone(),
        scribe,
        watch,
        totals,
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => reporter.tick().await,
            // A handle that has gone has stopped as well.
            _ = stage.wait_for(|stage| *stage == Stage::Over) => break,
        }
    }
    // Whether or not the hub takes it: the end is not held up.
    let _ = timeout(LAST_WORD, reporter.tick()).await;
}

struct Reporter {
    gathering: Gathering,
    stage: watch::Receiver<Stage>,
    scribe: Scribe,
    /// Whoever judges a new configuration sees what clients got under it.
    watch: Arc<Mutex<Watch>>,
    totals: Arc<Totals>,
    boot: u64,
    seq: u64,
    refused: Option<(u64, String)>,
    link: Link,
    since: Instant,
}

/// Where counts come from: the generation in force, and those before it until their last exchange has ended.
struct Gathering {
    fresh: mpsc::UnboundedReceiver<Arc<Shared>>,
    /// The newest last; never empty, for the threads have the newest.
    known: Vec<Share>,
}

/// One generation's counts.
struct Share {
    shared: Arc<Shared>,
    /// Empty; changes places with each thread's counts in turn, so that no thread waits for the gathering.
    spare: Tallies,
}

impl Share {
    fn of(shared: Arc<Shared>) -> Self {
        Self { spare: Tallies::of(&shared.site), shared }
    }

    /// Adds what its threads counted; returns what clients got.
    fn add_to(&mut self, seen: &mut Seen) -> Answers {
        let mut answers = Answers::default();
        for tallies in &self.shared.tallies {
            std::mem::swap(&mut *locked(tallies), &mut self.spare);
            seen.take_in(&self.shared.site, &self.spare);
            answers.add(self.spare.answers());
            self.spare.clear();
        }
        answers
    }
}

impl Gathering {
    /// The generation in force.
    fn newest(&mut self) -> Arc<Shared> {
        while let Ok(shared) = self.fresh.try_recv() {
            self.known.push(Share::of(shared));
        }
        self.known.last().expect("the newest generation stays").shared.clone()
    }

    /// What all threads saw since this was last asked, and the generation in force. What clients got goes to the watch.
    fn take(&mut self, watch: &Mutex<Watch>) -> (Seen, Arc<Shared>) {
        let (newest, mut seen, mut answers) = (self.newest(), Seen::default(), Vec::new());
        self.known.retain_mut(|share| {
            // Nobody else has it, so nothing is counted there any more after this.
            let is_over = Arc::strong_count(&share.shared) == 1;
            answers.push((share.shared.generation, share.add_to(&mut seen)));
            !is_over
        });
        locked(watch).note(Instant::now(), &answers);
        seen.keep_only(&newest.site);
        (seen, newest)
    }
}

/// How the hub was last found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Unknown,
    Up,
    Down,
}

impl Reporter {
    async fn tick(&mut self) {
        let (seen, shared) = self.gathering.take(&self.watch);
        let rollup = self.roll_up(seen, &shared);
        let Some(hub) = shared.site.hub else { return };
        let told = self.tell(hub, &shared, &rollup).await;
        self.note(&shared, told.as_ref().err());
        if let Ok(Some(plan)) = told {
            self.take(plan);
        }
    }

    fn roll_up(&mut self, mut seen: Seen, shared: &Shared) -> RollUp {
        let now = Instant::now();
        let span = now.saturating_duration_since(std::mem::replace(&mut self.since, now));
        self.totals.add(&seen, &shared.site);
        seen.fold_light_networks();
        self.seq += 1;
        // An edge that winds down after an upgrade tells what it did; how the replicas are, its successor knows.
        let serving = *self.stage.borrow() == Stage::Serving;
        RollUp {
            edge: shared.settings.name.clone(),
            boot: self.boot,
            seq: self.seq,
            span_ms: u32::try_from(span.as_millis()).unwrap_or(u32::MAX),
            plan_epoch: shared.traffic().plan.epoch,
            plan_refused: self.refused.clone(),
            upstream: upstream_rows(&seen),
            clients: client_rows(&seen),
            components: component_rows(&seen),
            replicas: if serving { replica_rows(shared, now) } else { Vec::new() },
            lookups: lookup_rows(shared),
        }
    }

    async fn tell(&self, hub: SocketAddr, shared: &Shared, rollup: &RollUp) -> Result<Option<TrafficPlan>, HubError> {
        let body = serde_json::to_vec(rollup).map_err(HubError::RollUp)?;
        let request = post(hub, shared.settings.hub.as_ref().and_then(|h| h.token.as_deref()), &body);
        let conversation = async {
            let stream = TcpStream::connect(hub).await.map_err(|_| FailureKind::Refused)?;
            call(Connection::new(stream, hub), &request, &Method::Post, PLAN_BYTES_MAX).await
        };
        let reply = timeout(HUB, conversation).await.unwrap_or(Err(FailureKind::Late)).map_err(HubError::Silent)?;
        match reply.head.status {
            200 => serde_json::from_slice(&reply.body).map(Some).map_err(HubError::Plan),
            204 => Ok(None),
            status => Err(HubError::Status(status)),
        }
    }

    /// Says once when the hub is lost, and once when it is back.
    fn note(&mut self, shared: &Shared, error: Option<&HubError>) {
        match error {
            Some(error) => {
                shared.counters.rollups_lost.fetch_add(1, Ordering::Relaxed);
                if self.link != Link::Down {
                    events::hub_lost(error);
                }
                self.link = Link::Down;
            }
            None => {
                if self.link != Link::Up {
                    events::hub_back();
                }
                self.link = Link::Up;
            }
        }
    }

    fn take(&mut self, plan: TrafficPlan) {
        let epoch = plan.epoch;
        // A reload may have come while the hub was asked.
        let shared = self.gathering.newest();
        match apply(&shared, plan, Instant::now()) {
            PlanOutcome::Stale => {}
            PlanOutcome::Applied => {
                events::plan_applied(epoch);
                self.refused = None;
                self.scribe.plan(shared.traffic().plan.clone());
            }
            PlanOutcome::Refused(refusal) => {
                if self.refused.as_ref().is_none_or(|(known, _)| *known != epoch) {
                    events::plan_refused(epoch, &refusal);
                }
                self.refused = Some((epoch, refusal.to_string()));
            }
        }
    }
}

fn post(hub: SocketAddr, token: Option<&str>, body: &[u8]) -> Vec<u8> {
    let authorization = token.map(|t| format!("Authorization: Bearer {t}\r\n")).unwrap_or_default();
    let mut request = format!(
        "POST /v1/rollups HTTP/1.1\r\nHost: {hub}\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fn upstream_rows(seen: &Seen) -> Vec<UpstreamRow> {
    let row = |((component, replica), count): (&(Name, Name), &AttemptCount)| UpstreamRow {
        component: component.clone(),
        replica: replica.clone(),
        tally: count.outcomes.tally(),
        first_byte_us: count.first_byte_us,
        first_byte_us_max: count.first_byte_us_max,
        bytes: count.bytes,
        hedged: count.hedged,
        first_byte: count.first_byte.clone(),
    };
    seen.attempts.iter().map(row).collect()
}

fn client_rows(seen: &Seen) -> Vec<ClientRow> {
    let other = Name::new(ClientRow::OTHER).expect("five letters are a name");
    let row = |((component, network), count): (&(Name, Option<Network>), &ClientCount)| ClientRow {
        component: component.clone(),
        network: network.map_or_else(|| other.clone(), Network::name),
        tally: count.outcomes.tally(),
        retried: count.retried,
        resumed: count.resumed,
        bytes: count.bytes,
    };
    seen.clients.iter().map(row).collect()
}

fn component_rows(seen: &Seen) -> Vec<ComponentRow> {
    let row = |(component, count): (&Name, &ComponentCount)| ComponentRow {
        component: component.clone(),
        first_byte: count.first_byte.clone(),
    };
    seen.components.iter().map(row).collect()
}

fn replica_rows(shared: &Shared, now: Instant) -> Vec<ReplicaRow> {
    let row = |id| ReplicaRow {
        replica: shared.site.replica(id).settings.name.clone(),
        version: shared.version(id),
        checks: shared.take_checks(id),
        in_flight: u64::from(shared.in_flight(id)),
        ejected: shared.is_ejected(id, now),
    };
    shared.site.replica_ids().map(row).collect()
}

/// One row for each name that was looked up, or is held.
fn lookup_rows(shared: &Shared) -> Vec<LookupRow> {
    let hosts = shared.site.hosts();
    let mut lookups = locked(&shared.lookups);
    let rows = lookups.iter_mut().map(|(host, state)| LookupRow {
        host: host.clone(),
        region: hosts.get(host).and_then(|replicas| shared.site.common_region(replicas)),
        tally: std::mem::take(&mut state.tally),
        held: state.held,
    });
    rows.filter(|row| row.held || row.tally.total > 0).collect()
}
