//! Once a second, and more often while a replica is looked at more closely ([`choose::look`](crate::choose::look)): gathers what
//! all threads saw ([`report`](crate::tell::report)), tells the hub, and takes the plan that comes back.
//!
//! `POST /v1/rollups` with the roll-up as JSON; the answer is 200 with the traffic plan in force, or 204 when the edge has
//! it already. A roll-up that the hub does not take is lost: late counts would be taken for the present.

use crate::ask::call::call;
use crate::ask::line::Connection;
use crate::change::plan::PlanOutcome;
use crate::change::scribe::Scribe;
use crate::change::trial::Watch;
use crate::codec::Method;
use crate::run::shared::Shared;
use crate::run::sync::locked;
use crate::run::worker::Stage;
use crate::tell::events;
use crate::tell::report::{Clerk, Duty, Share, Totals};
use crate::tell::tally::Seen;
use downbeat_core::model::{FailureKind, RollUp, TrafficPlan};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};

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
        clerk: Clerk::new(crate::choose::dice::seed(), Instant::now()),
        link: Link::Unknown,
        stage: stage.clone(),
        scribe,
        watch,
        totals,
    };
    let mut last = Instant::now();
    loop {
        let newest = reporter.gathering.newest();
        tokio::select! {
            () = sleep_until(newest.roll_up_after(last).into()) => {
                last = Instant::now();
                reporter.tick().await;
            }
            // The next one is due sooner, or later.
            () = newest.scrutiny.begins.notified() => {}
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
    clerk: Clerk,
    link: Link,
}

/// Where counts come from: the generation in force, and those before it until their last exchange has ended.
struct Gathering {
    fresh: mpsc::UnboundedReceiver<Arc<Shared>>,
    /// The newest last; never empty, for the threads have the newest.
    known: Vec<Share>,
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
    fn take(&mut self, watch: &Mutex<Watch>, now: Instant) -> (Seen, Arc<Shared>) {
        let (newest, mut seen, mut answers) = (self.newest(), Seen::default(), Vec::new());
        self.known.retain_mut(|share| {
            // Nobody else has it, so nothing is counted there any more after this.
            let is_over = Arc::strong_count(&share.shared) == 1;
            answers.push((share.shared.generation, share.add_to(&mut seen)));
            !is_over
        });
        locked(watch).note(now, &answers);
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
        let now = Instant::now();
        let (seen, shared) = self.gathering.take(&self.watch, now);
        self.totals.add(&seen, &shared.site);
        // An edge that winds down after an upgrade tells what it did; how the replicas are, its successor knows.
        let duty = if *self.stage.borrow() == Stage::Serving { Duty::Serving } else { Duty::WindingDown };
        let rollup = self.clerk.roll_up(seen, &shared, duty, now);
        let Some(hub) = shared.site.hub else { return };
        let told = self.tell(hub, &shared, &rollup).await;
        self.note(&shared, told.as_ref().err());
        match told {
            Ok(Some(plan)) => self.take(plan),
            Ok(None) => self.clerk.same(&self.gathering.newest(), rollup.plan_epoch, now),
            Err(_) => {}
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
        // A reload may have come while the hub was asked.
        let shared = self.gathering.newest();
        if self.clerk.take(&shared, plan, Instant::now()) == PlanOutcome::Applied {
            self.scribe.plan(shared.traffic().plan.clone());
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
