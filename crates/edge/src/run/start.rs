//! Starting and stopping: binds everything first, then starts the threads.

use crate::change::certificates::{self, Watched, warn_of_expired};
use crate::change::names::{self, ResolverError};
use crate::change::plan::{PlanOutcome, apply};
use crate::change::scribe::Scribe;
use crate::change::settings::{EdgeSettings, TlsSettings};
use crate::change::site::{SettingsFault, Site};
use crate::change::store::{Addresses, Store};
use crate::door::arrival::{Gate, Terms};
use crate::door::front;
use crate::door::tls::{CertificateSet, Tls, TlsFault, read_pairs};
use crate::run::checks;
use crate::run::shared::Shared;
use crate::run::worker::{Stage, Worker};
use crate::tell::admin::{self, Admin};
use crate::tell::events;
use crate::tell::report::{Totals, report};
use downbeat_core::model::TrafficPlan;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_local;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Why an edge could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings contradict themselves.
    #[error("check the settings: {0}")]
    Settings(#[from] SettingsFault),
    /// An address could not be listened on.
    #[error("listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate cannot be used.
    #[error("serve TLS: {0}")]
    Tls(#[from] TlsFault),
    /// No resolver could be made.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// A thread could not be started.
    #[error("start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A running edge. It stops when this is dropped; [`EdgeHandle::stop`] waits for the end.
#[derive(Debug)]
pub struct EdgeHandle {
    address: SocketAddr,
    tls: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    name: downbeat_core::model::Name,
    stage: watch::Sender<Stage>,
    ends: Vec<oneshot::Receiver<()>>,
    written: oneshot::Receiver<()>,
}

/// A disk that has not written what it was given by then is not waited for.
const LAST_WRITES: Duration = Duration::from_secs(5);

impl EdgeHandle {
    /// Where clients come in.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients come in over TLS.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls
    }

    /// Where operators come in.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Takes no more clients, lets exchanges in flight go on for as long as the settings say, and waits for the end.
    pub async fn stop(self) {
        self.stage.send_replace(Stage::Stopping);
        for end in self.ends {
            // A thread that ends without a word has ended as well.
            let _ = end.await;
        }
        let _ = tokio::time::timeout(LAST_WRITES, self.written).await;
        events::edge_stopped(&self.name);
    }
}

/// Starts an edge: it serves when this returns.
///
/// # Errors
/// When the settings contradict themselves, or an address cannot be listened on; then nothing was started.
pub async fn start(settings: EdgeSettings) -> Result<EdgeHandle, StartError> {
    let site = Site::of(&settings)?;
    let secured = settings.tls.as_ref().map(secure).transpose()?;
    let listeners = listen(settings.listen, settings.threads)?;
    let tls_listeners = match &settings.tls {
        Some(tls) => listen(tls.listen, settings.threads)?,
        None => Vec::new(),
    };
    let admin = settings.admin.map(|address| listen(address, 1)).transpose()?.and_then(|mut l| l.pop());
    let address = local(&listeners[0], settings.listen)?;
    let tls_address = tls_listeners.first().zip(settings.tls.as_ref());
    let tls_address = tls_address.map(|(listener, tls)| local(listener, tls.listen)).transpose()?;
    let admin_address = admin.as_ref().zip(settings.admin).map(|(l, asked)| local(l, asked)).transpose()?;
    let store = Store::new(&settings.data);
    let shared = Arc::new(Shared::new(settings, site, Instant::now()));
    let known = restore(&shared, &store);
    let (stage, watch) = watch::channel(Stage::Serving);
    let (scribe, written) = Scribe::start(&shared, store, known).map_err(StartError::Thread)?;
    let tls = secured.as_ref().map(|watched| watched.tls.clone());
    let mut ends = vec![spawn_control(&shared, scribe, admin, secured, watch.clone())?];
    let mut tls_listeners = tls_listeners.into_iter();
    for (index, listener) in listeners.into_iter().enumerate() {
        let doors = Doors { plain: listener, tls: tls_listeners.next().zip(tls.clone()) };
        ends.push(spawn_worker(shared.clone(), index, doors, watch.clone())?);
    }
    let name = shared.settings.name.clone();
    events::edge_started(&name, address, shared.settings.threads);
    Ok(EdgeHandle { address, tls: tls_address, admin: admin_address, name, stage, ends, written })
}

/// Reads the certificates for the first time.
fn secure(settings: &TlsSettings) -> Result<Watched, TlsFault> {
    let files = settings.certificates.clone();
    let pairs = read_pairs(&files)?;
    let set = CertificateSet::of(&files, &pairs)?;
    warn_of_expired(&files, &set);
    Ok(Watched { tls: Arc::new(Tls::of(set)?), files, found: Ok(pairs) })
}

/// Takes up where the last run ended. A stored plan's sheds have lapsed: nobody renewed them.
fn restore(shared: &Shared, store: &Store) -> Addresses {
    let (plans, errors) = store.plans();
    errors.iter().for_each(events::file_passed_over);
    for plan in plans {
        let plan = TrafficPlan { sheds: Vec::new(), ..plan };
        let epoch = plan.epoch;
        match apply(shared, plan, Instant::now()) {
            PlanOutcome::Applied => {
                events::plan_restored(epoch);
                break;
            }
            PlanOutcome::Stale => {}
            PlanOutcome::Refused(refusal) => events::plan_refused(epoch, &refusal),
        }
    }
    let addresses = store.addresses().unwrap_or_else(|error| {
        events::file_passed_over(&error);
        Addresses::new()
    });
    for (host, replicas) in shared.site.hosts() {
        names::adopt(shared, &replicas, addresses.get(&host).map_or(&[], Vec::as_slice));
    }
    addresses
}

/// Binds one listener for each thread. The first one alone finds out whether the address is free: sockets that
/// share a port would otherwise join those of another process of the same user.
fn listen(address: SocketAddr, threads: usize) -> Result<Vec<TcpListener>, StartError> {
    let fault = |source| StartError::Listen { address, source };
    let first = bind(address, threads > 1 && address.port() == 0).map_err(fault)?;
    if threads == 1 {
        return Ok(vec![first]);
    }
    let settled = first.local_addr().map_err(fault)?;
    let mut listeners = Vec::with_capacity(threads);
    if address.port() == 0 {
        listeners.push(first);
    } else {
        drop(first);
    }
    while listeners.len() < threads {
        listeners.push(bind(settled, true).map_err(fault)?);
    }
    Ok(listeners)
}

fn bind(address: SocketAddr, shares_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares_port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn local(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Listen { address: asked, source })
}

/// Where one thread's clients come in.
struct Doors {
    plain: TcpListener,
    tls: Option<(TcpListener, Arc<Tls>)>,
}

impl Doors {
    /// The same for the runtime that this is called in.
    fn open(self, settings: &EdgeSettings) -> io::Result<Vec<Gate>> {
        let gate =
            |listener, terms| tokio::net::TcpListener::from_std(listener).map(|listener| Gate { listener, terms });
        let mut gates = vec![gate(self.plain, Terms::plain(settings))?];
        if let Some((listener, tls)) = self.tls {
            gates.push(gate(listener, Terms::tls(settings, tls))?);
        }
        Ok(gates)
    }
}

fn spawn_worker(
    shared: Arc<Shared>,
    index: usize,
    doors: Doors,
    stage: watch::Receiver<Stage>,
) -> Result<oneshot::Receiver<()>, StartError> {
    let address = shared.settings.listen;
    spawn(&format!("edge-{index}"), move |runtime| {
        let gates = {
            let _guard = runtime.enter();
            doors.open(&shared.settings)
        };
        match gates {
            Ok(gates) => {
                let worker = Rc::new(Worker::new(shared, index, stage));
                runtime.block_on(front::serve(worker, gates));
            }
            Err(source) => events::listener_lost(address, &source),
        }
    })
}

fn spawn_control(
    shared: &Arc<Shared>,
    scribe: Scribe,
    admin: Option<TcpListener>,
    secured: Option<Watched>,
    mut stage: watch::Receiver<Stage>,
) -> Result<oneshot::Receiver<()>, StartError> {
    let shared = shared.clone();
    let hosts = shared.site.hosts();
    let resolver = if hosts.is_empty() { None } else { Some(names::resolver(shared.settings.resolver)?) };
    spawn("edge-control", move |runtime| {
        runtime.block_on(async move {
            let totals = Arc::new(Totals::default());
            for replica in shared.site.replica_ids() {
                spawn_local(checks::watch(shared.clone(), replica));
            }
            for (host, resolver) in hosts.into_keys().zip(std::iter::repeat(resolver).flatten()) {
                spawn_local(names::watch(shared.clone(), scribe.clone(), resolver, host));
            }
            if let Some(listener) = admin {
                let admin = Admin { shared: shared.clone(), totals: totals.clone() };
                spawn_local(async move {
                    match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => admin::serve(admin, listener).await,
                        Err(error) => events::accept_failed(&error),
                    }
                });
            }
            if let Some(watched) = secured {
                spawn_local(certificates::watch(shared.clone(), watched));
            }
            spawn_local(report(shared, scribe, totals));
            // A handle that has gone has stopped as well.
            let _ = stage.wait_for(|stage| *stage == Stage::Stopping).await;
        });
    })
}

/// Starts a thread with a runtime of its own; the receiver hears of its end.
///
/// A local runtime: its tasks never leave the thread, so they share what they have without locks, and waking one costs
/// no system call (a `LocalSet` on an ordinary runtime writes to an event descriptor for each).
fn spawn(name: &str, run: impl FnOnce(LocalRuntime) + Send + 'static) -> Result<oneshot::Receiver<()>, StartError> {
    let (over, end) = oneshot::channel();
    let (started, outcome) = mpsc::sync_channel(1);
    let body = move || {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let (runtime, outcome) = match runtime {
            Ok(runtime) => (Some(runtime), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // Whoever starts the thread waits for this word.
        let _ = started.send(outcome);
        if let Some(runtime) = runtime {
            run(runtime);
        }
        // Nobody listens when the handle was dropped instead of stopped.
        let _ = over.send(());
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(StartError::Thread)?;
    let outcome = outcome.recv().expect("the thread says how it started before anything else");
    outcome.map(|()| end).map_err(StartError::Thread)
}
