//! The door for operators and Prometheus, on its own listener: health, metrics, state, and faults for drills.
//!
//! | request | answer |
//! |---|---|
//! | `GET /healthz` | 200 once clients are served |
//! | `GET /metrics` | OpenMetrics, or Prometheus' older text format for those who name only that |
//! | `POST /v1/reload` | reads the configuration again: its number, or everything that is wrong with it |
//! | `GET /v1/state` | the plan in force and every replica, as JSON |
//! | `GET /v1/faults` | the faults in force, as JSON |
//! | `PUT /v1/faults` | takes a JSON list of faults, all or none; only where drills are allowed |
//! | `DELETE /v1/faults` | ends all faults |

use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::health::Standing;
use crate::codec::{Method, Persistence, Refusal, RequestHead};
use crate::door::client::{Client, Incoming, Patience};
use crate::door::wire::Wire;
use crate::exchange::downstream::{BodyTerms, BodyTrouble, Downstream};
use crate::exchange::own::OwnAnswer;
use crate::run::reload::{Footing, InForce, Reloads};
use crate::run::shared::Shared;
use crate::run::timer::Timers;
use crate::run::upgrade::Upgrades;
use crate::run::worker::Stage;
use crate::tell::events;
use crate::tell::formats::Format;
use crate::tell::metrics::exposition;
use crate::tell::report::Totals;
use bytes::BytesMut;
use downbeat_core::fault::Fault;
use downbeat_core::model::{Name, Sketch};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Most connections at a time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// Most bytes of a body.
const BODY_BYTES_MAX: u64 = 256 * 1024;
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the endpoint looks at.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) current: watch::Receiver<Arc<Shared>>,
    pub(crate) totals: Arc<Totals>,
    pub(crate) reloads: Reloads,
    /// None where nobody starts programs.
    pub(crate) upgrades: Option<Upgrades>,
    pub(crate) in_force: watch::Receiver<InForce>,
}

/// Serves until the edge is over; takes no more connections from its stop on, for a successor may listen too.
pub(crate) async fn serve(admin: Admin, listener: TcpListener, mut stage: watch::Receiver<Stage>) {
    let (mut clients, timers) = (JoinSet::new(), Timers::new());
    tokio::task::spawn_local(timers.clone().run());
    loop {
        tokio::select! {
            accepted = listener.accept(), if clients.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, peer)) => {
                    let admin = admin.clone();
                    // Where this fails, answers only wait a little.
                    let _ = stream.set_nodelay(true);
                    let client = Client::new(Wire::Plain(stream), peer.ip(), &timers);
                    clients.spawn_local(async move { admin.converse(client).await });
                }
                Err(error) => {
                    events::accept_failed(&error);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = clients.join_next() => {}
            // A handle that has gone has stopped as well.
            _ = stage.wait_for(|stage| *stage >= Stage::Stopping) => break,
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}

impl Admin {
    async fn converse(&self, mut client: Client) {
        let patience = Patience { idle: PATIENCE, head: PATIENCE };
        loop {
            let (page, then) = match client.next_head(patience).await {
                Incoming::Gone => return,
                Incoming::Refused(refusal) => (refused(&refusal), Persistence::Close),
                Incoming::Request(head) => match self.read_body(&mut client).await {
                    Ok(body) => (self.page(&head, &body).await, head.persistence),
                    Err(BodyTrouble::Refused(refusal)) => (refused(&refusal), Persistence::Close),
                    Err(BodyTrouble::Gone) => return,
                },
            };
            if page.send(&mut client, then, PATIENCE).await.is_err() || then == Persistence::Close {
                return client.close().await;
            }
        }
    }

    async fn read_body(&self, client: &mut Client) -> Result<BytesMut, BodyTrouble> {
        let terms = BodyTerms { room: BODY_BYTES_MAX, patience: PATIENCE, since: Instant::now() };
        let mut body = BytesMut::new();
        while let Some(data) = client.next_piece(terms).await? {
            body.extend_from_slice(&data);
        }
        Ok(body)
    }

    fn shared(&self) -> Arc<Shared> {
        self.current.borrow().clone()
    }

    async fn page(&self, head: &RequestHead, body: &[u8]) -> OwnAnswer {
        match (&head.method, head.path()) {
            (Method::Head, _) => error(405, "not with this method").to(&Method::Head),
            (Method::Get, b"/healthz") => text("ok\n"),
            (Method::Get, b"/metrics") => self.metrics(Format::wanted(&head.fields)),
            (Method::Get, b"/v1/state") => json(&self.state()),
            (Method::Get, b"/v1/faults") => json(&self.shared().faults.list(Instant::now())),
            // Pages of other origins that a browser shows have no business here.
            (Method::Post, b"/v1/reload" | b"/v1/upgrade") if head.fields.get("origin").is_some() => {
                error(403, "not from a web page")
            }
            (Method::Post, b"/v1/reload") => self.reload().await,
            (Method::Post, b"/v1/upgrade") => self.upgrade().await,
            (Method::Put, b"/v1/faults") => self.put_faults(body),
            (Method::Delete, b"/v1/faults") => self.clear_faults(),
            (_, b"/healthz" | b"/metrics" | b"/v1/state" | b"/v1/faults" | b"/v1/reload" | b"/v1/upgrade") => {
                error(405, "not with this method")
            }
            _ => error(404, "no such page"),
        }
    }

    fn metrics(&self, format: Format) -> OwnAnswer {
        match exposition(&self.shared(), &self.totals) {
            Ok(body) => OwnAnswer::new(200, format.content_type(), format.of(body).into()),
            Err(_) => error(500, "the metrics could not be written"),
        }
    }

    async fn reload(&self) -> OwnAnswer {
        match self.reloads.ask().await {
            Ok(generation) => json(&serde_json::json!({ "generation": generation })),
            Err(refusal) => {
                let body =
                    serde_json::json!({ "status": 422, "error": refusal.to_string(), "faults": refusal.faults() });
                OwnAnswer::new(422, "application/json", body.to_string().into())
            }
        }
    }

    async fn upgrade(&self) -> OwnAnswer {
        let Some(upgrades) = &self.upgrades else { return error(409, "this edge cannot start a successor") };
        match upgrades.ask().await {
            Ok(process) => json(&serde_json::json!({ "process": process })),
            Err(refusal) => error(409, &refusal),
        }
    }

    fn put_faults(&self, body: &[u8]) -> OwnAnswer {
        if !self.shared().settings.drills {
            return error(403, "this edge does not allow drills");
        }
        let faults: Vec<Fault> = match serde_json::from_slice(body) {
            Ok(faults) => faults,
            Err(fault) => return error(422, &format!("understand the faults: {fault}")),
        };
        match self.shared().faults.put(faults, Instant::now()) {
            Ok(()) => self.faults_changed(),
            Err(refusal) => error(422, &refusal.to_string()),
        }
    }

    fn clear_faults(&self) -> OwnAnswer {
        self.shared().faults.clear();
        self.faults_changed()
    }

    fn faults_changed(&self) -> OwnAnswer {
        let faults = self.shared().faults.list(Instant::now());
        events::faults_changed(faults.len());
        json(&faults)
    }

    fn state(&self) -> State {
        let (shared, now) = (self.shared(), Instant::now());
        let traffic = shared.traffic();
        let components = |replica: ReplicaId| {
            let serves = |c: &ComponentId| shared.site.component(*c).replicas.contains(&replica);
            let name = |c: ComponentId| shared.site.component(c).settings.name.to_string();
            let state = |c| {
                let key = (
                    shared.site.component(c).settings.name.clone(),
                    shared.site.replica(replica).settings.name.clone(),
                );
                let seen = self.totals.read(|seen| seen.attempts.get(&key).cloned()).unwrap_or_default();
                LinkState {
                    standing: word(shared.standing(c, replica, now)),
                    share: traffic.share(c, replica).as_ratio(),
                    first_byte_us: shared.first_byte_us(c, replica).round(),
                    attempts: seen.outcomes.total,
                    failed: seen.outcomes.all_failures(),
                    hedged: seen.hedged,
                    first_byte: seen.first_byte,
                }
            };
            shared.site.component_ids().filter(serves).map(|c| (name(c), state(c))).collect()
        };
        let replica = |id: ReplicaId| ReplicaState {
            name: shared.site.replica(id).settings.name.to_string(),
            version: shared.version(id).map(|v| v.to_string()),
            addresses: shared.addresses(id).iter().map(ToString::to_string).collect(),
            checks: word(shared.checked_standing(id)),
            ejected: shared.is_ejected(id, now),
            in_flight: shared.in_flight(id),
            in_flight_limit: shared.limit(id),
            components: components(id),
        };
        State {
            edge: shared.settings.name.to_string(),
            process: std::process::id(),
            generation: shared.generation,
            configuration: self.in_force.borrow().footing.clone(),
            plan_epoch: traffic.plan.epoch,
            hold: shared.hold.reason().map(|reason| reason.to_string()),
            connections: shared.counters.connections.load(Ordering::Relaxed),
            components: self.answers(&shared),
            waiting: shared.waiting(),
            replicas: shared.site.replica_ids().map(replica).collect(),
        }
    }

    /// What was answered since the start, for each component.
    fn answers(&self, shared: &Shared) -> BTreeMap<String, Answers> {
        let of = |name: &Name| {
            self.totals.read(|seen| {
                let clients = seen.clients.get(&(name.clone(), None)).cloned().unwrap_or_default();
                let first_byte = seen.components.get(name).map(|count| count.first_byte.clone()).unwrap_or_default();
                Answers {
                    requests: clients.outcomes.total,
                    failed: clients.outcomes.all_failures(),
                    retried: clients.retried,
                    resumed: clients.resumed,
                    bytes: clients.bytes,
                    first_byte,
                }
            })
        };
        let names = shared.site.components.iter().map(|component| &component.settings.name);
        names.map(|name| (name.to_string(), of(name))).collect()
    }
}

#[derive(Debug, Serialize)]
struct State {
    edge: String,
    process: u32,
    generation: u64,
    configuration: Footing,
    plan_epoch: u64,
    /// The operator's reason, while automation is on hold here.
    hold: Option<String>,
    connections: u64,
    components: BTreeMap<String, Answers>,
    waiting: usize,
    replicas: Vec<ReplicaState>,
}

/// Sums since the start.
#[derive(Debug, Serialize)]
struct Answers {
    requests: u64,
    failed: u64,
    retried: u64,
    resumed: u64,
    bytes: u64,
    first_byte: Sketch,
}

#[derive(Debug, Serialize)]
struct ReplicaState {
    name: String,
    version: Option<String>,
    addresses: Vec<String>,
    checks: &'static str,
    ejected: bool,
    in_flight: u32,
    in_flight_limit: u32,
    components: BTreeMap<String, LinkState>,
}

#[derive(Debug, Serialize)]
struct LinkState {
    standing: &'static str,
    share: f64,
    first_byte_us: f64,
    /// The rest are sums since the start.
    attempts: u64,
    failed: u64,
    hedged: u64,
    first_byte: Sketch,
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Fit => "fit",
        Standing::Suspect => "suspect",
        Standing::Dead => "dead",
    }
}

fn text(body: &'static str) -> OwnAnswer {
    OwnAnswer::new(200, "text/plain; charset=utf-8", body.into())
}

fn json<T: Serialize>(value: &T) -> OwnAnswer {
    match serde_json::to_vec(value) {
        Ok(body) => OwnAnswer::new(200, "application/json", body.into()),
        Err(_) => error(500, "the answer could not be written"),
    }
}

fn error(status: u16, error: &str) -> OwnAnswer {
    OwnAnswer::error(status, error, None)
}

fn refused(refusal: &Refusal) -> OwnAnswer {
    error(refusal.status(), &refusal.to_string())
}
