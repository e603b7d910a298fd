//! The world's supervisor: carries the hub's orders out, each once, and breaks things when the console asks.
//!
//! | request | does |
//! |---|---|
//! | `POST /actuate` | an order of the hub (`Idempotency-Key` needed): restart a replica, take a change back |
//! | `POST /break/{story}` | does the steps of a story that comes with the program |
//! | `POST /heal` | mends everything |
//! | `GET /state` | what runs and what is broken |

mod journal;

pub use journal::JournalError;

use crate::progress::Progress;
use crate::scene::Scene;
use crate::story::{self, Healing};
use crate::world::{ProcessError, ReplicaState, World};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use downbeat_core::model::Actuation;
use journal::{Entry, Journal};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Longest order, in bytes.
const ORDER_BYTES_MAX: usize = 16 * 1024;

/// Longest key of an order, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// Why there is no supervisor.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The address cannot be had.
    #[error("listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The journal cannot be kept.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why something asked for was not done.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("an Idempotency-Key of 1 to {KEY_BYTES_MAX} characters is needed")]
    Key,
    #[error("no order: {0}")]
    Order(String),
    #[error("the key {0} was used for another order")]
    KeyReused(String),
    #[error("there is no replica {0}")]
    Stranger(String),
    #[error("there is no story {0}")]
    Story(String),
    #[error("{0} is being acted out; heal first")]
    Busy(String),
    #[error("nobody has come yet; ask again in a moment")]
    Early,
    #[error("requests from web pages go through the console")]
    Page,
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Scene(#[from] crate::scene::ActionError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Key | Self::Order(_) => StatusCode::BAD_REQUEST,
            Self::Page => StatusCode::FORBIDDEN,
            Self::Stranger(_) | Self::Story(_) => StatusCode::NOT_FOUND,
            Self::KeyReused(_) | Self::Busy(_) => StatusCode::CONFLICT,
            Self::Early => StatusCode::SERVICE_UNAVAILABLE,
            Self::Process(_) | Self::Scene(_) | Self::Journal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// A story that is being acted out at the console's request.
#[derive(Debug)]
struct Acting {
    story: String,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Desk {
    world: Arc<World>,
    scene: OnceLock<Arc<Scene>>,
    progress: Arc<Progress>,
    /// Held while an order is carried out: orders come one after the other, and a repeat waits for the first.
    journal: tokio::sync::Mutex<Journal>,
    acting: Mutex<Option<Acting>>,
}

/// The supervisor of one world.
#[derive(Debug)]
pub struct Supervisor {
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

impl Supervisor {
    /// Opens for orders; stories can be acted out once there is a scene.
    ///
    /// # Errors
    /// When the address or the journal cannot be had.
    pub async fn open(world: Arc<World>, progress: Arc<Progress>) -> Result<Self, SupervisorError> {
        let address = world.ports.supervisor();
        let journal = Journal::open(&world.folder().join("actuations.jsonl"))?;
        let listener = TcpListener::bind(address).await.map_err(|e| SupervisorError::Listen(address, e))?;
        let desk = Arc::new(Desk {
            world,
            scene: OnceLock::new(),
            progress,
            journal: tokio::sync::Mutex::new(journal),
            acting: Mutex::default(),
        });
        let routes = routes(Arc::clone(&desk));
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self { desk, server })
    }

    /// From now on stories can be acted out here.
    pub fn enter(&self, scene: &Arc<Scene>) {
        // There is one scene to a world; a second one would change nothing.
        let _ = self.desk.scene.set(Arc::clone(scene));
    }

    /// How many orders were carried out, repeats not counted.
    pub async fn orders(&self) -> usize {
        self.desk.journal.lock().await.len()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.server.abort();
        self.desk.leave_off();
    }
}

fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/actuate", post(actuate))
        .route("/break/{story}", post(act_out))
        .route("/heal", post(heal))
        .route("/state", get(state))
        .layer(DefaultBodyLimit::max(ORDER_BYTES_MAX))
        .layer(middleware::from_fn(refuse_pages))
        .with_state(desk)
}

/// A page of another origin could have a browser send any of these; no browser has business here.
async fn refuse_pages(request: axum::extract::Request, next: middleware::Next) -> Response {
    let from_page = ["origin", "sec-fetch-site"].iter().any(|name| request.headers().contains_key(*name));
    if from_page { Refusal::Page.into_response() } else { next.run(request).await }
}

async fn actuate(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Json<Entry>, Refusal> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    if !(1..=KEY_BYTES_MAX).contains(&key.len()) {
        return Err(Refusal::Key);
    }
    let order: serde_json::Value = serde_json::from_slice(&body).map_err(|e| Refusal::Order(e.to_string()))?;
    let mut journal = desk.journal.lock().await;
    match journal.done(key) {
        Some(done) if done.order == order => return Ok(Json(done.clone())),
        Some(_) => return Err(Refusal::KeyReused(key.to_owned())),
        None => {}
    }
    let actuation = Actuation::deserialize(&order).map_err(|e| Refusal::Order(e.to_string()))?;
    let did = desk.carry_out(&actuation).await?;
    desk.progress.say(&format!("supervisor: {did} (order {key})"));
    let entry = Entry { key: key.to_owned(), order, did };
    journal.add(entry.clone())?;
    Ok(Json(entry))
}

async fn act_out(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let story = story::all().into_iter().find(|story| story.is_live() && story.name.as_str() == name);
    let story = story.ok_or_else(|| Refusal::Story(name.clone()))?;
    let scene = desk.scene.get().cloned().ok_or(Refusal::Early)?;
    let mut acting = desk.acting.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(other) = acting.as_ref().filter(|acting| !acting.task.is_finished()) {
        return Err(Refusal::Busy(other.story.clone()));
    }
    let progress = Arc::clone(&desk.progress);
    progress.say(&format!("asked to act out: {}", story.title));
    let task = tokio::spawn(async move {
        if let Err(error) = scene.play(&story.steps, || {}).await {
            progress.warn(&format!("{}: {error}", story.name));
        }
    });
    *acting = Some(Acting { story: name.clone(), task });
    Ok((StatusCode::ACCEPTED, Json(json!({ "acting": name }))).into_response())
}

async fn heal(State(desk): State<Arc<Desk>>) -> Result<Json<serde_json::Value>, Refusal> {
    let scene = desk.scene.get().cloned().ok_or(Refusal::Early)?;
    desk.leave_off();
    scene.heal(Healing::Everything).await?;
    desk.progress.say("asked to mend everything: done");
    Ok(Json(json!({ "healed": "everything" })))
}

/// What runs and what is broken.
#[derive(Debug, Serialize)]
struct StateView {
    replicas: BTreeMap<String, ReplicaState>,
    hub_pid: Option<i32>,
    edge_pid: Option<i32>,
    acting: Option<String>,
    faults: Vec<String>,
    orders: usize,
}

async fn state(State(desk): State<Arc<Desk>>) -> Json<StateView> {
    let faults = match desk.scene.get() {
        Some(scene) => scene.faults().await,
        None => Vec::new(),
    };
    Json(StateView {
        replicas: desk.world.fleet.states().await,
        hub_pid: desk.world.hub.pid(),
        edge_pid: desk.world.edge.pid(),
        acting: desk.acting_now(),
        faults,
        orders: desk.journal.lock().await.len(),
    })
}

impl Desk {
    async fn carry_out(&self, order: &Actuation) -> Result<String, Refusal> {
        match order {
            Actuation::Restart { replica } => {
                let id = replica.as_str().parse().map_err(|_| Refusal::Stranger(replica.to_string()))?;
                self.world.fleet.restart(id).await?;
                Ok(format!("{id} was restarted"))
            }
            Actuation::RollBack { slice, from, to } => {
                let concerned = self.world.fleet.roll_back(slice, from, to).await?;
                let names: Vec<String> = concerned.iter().map(ToString::to_string).collect();
                Ok(match names.as_slice() {
                    [] => format!("nobody in {slice} runs {from}; nothing to take back"),
                    names => format!("{} went back from {from} to {to}", names.join(" and ")),
                })
            }
        }
    }

    fn acting_now(&self) -> Option<String> {
        let acting = self.acting.lock().unwrap_or_else(PoisonError::into_inner);
        acting.as_ref().filter(|acting| !acting.task.is_finished()).map(|acting| acting.story.clone())
    }

    fn leave_off(&self) {
        if let Some(acting) = self.acting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            acting.task.abort();
        }
    }
}
