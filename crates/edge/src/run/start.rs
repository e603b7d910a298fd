//! Starting and stopping: binds everything first, then starts the threads.

use crate::change::archive::{Archive, Written};
use crate::change::certificates::{Watched, read_certificates};
use crate::change::hold::HoldFile;
use crate::change::names::{self, ResolverError};
use crate::change::plan::{PlanOutcome, resume};
use crate::change::scribe::Scribe;
use crate::change::settings::{EdgeSettings, TlsSettings};
use crate::change::site::{SettingsFault, Site};
use crate::change::store::{Addresses, Store};
use crate::change::trial::{Trial, Watch};
use crate::door::arrival::{Gate, Terms};
use crate::door::front;
use crate::door::tls::{Tls, TlsFault};
use crate::run::control::Control;
use crate::run::keeper::{self, Ending, Keeper};
use crate::run::reload::{Footing, InForce, Origin, ReloadError, Reloads};
use crate::run::shared::Shared;
use crate::run::upgrade::Upgrades;
use crate::run::worker::{Roster, Stage};
use crate::tell::access::AccessLogError;
use crate::tell::admin::Admin;
use crate::tell::events;
use crate::tell::hub::Generations;
use crate::tell::report::Totals;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

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
    /// The access log cannot be written.
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    /// A thread could not be started.
    #[error("start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A running edge. It stops when this is dropped; [`EdgeHandle::stop`] waits for the end.
#[derive(Debug)]
pub struct EdgeHandle {
    /// The sockets once more, for a successor.
    listeners: Listeners,
    address: SocketAddr,
    tls: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    current: watch::Receiver<Arc<Shared>>,
    in_force: watch::Receiver<InForce>,
    reloads: Reloads,
    stage: watch::Sender<Stage>,
    ending: oneshot::Sender<Ending>,
    workers: Vec<oneshot::Receiver<()>>,
    control: oneshot::Receiver<()>,
    written: oneshot::Receiver<()>,
}

/// Listening sockets: what clients and operators come in by.
#[derive(Debug, Default)]
pub struct Listeners {
    /// One for each thread.
    pub clients: Vec<TcpListener>,
    /// The same for those who come over TLS.
    pub tls: Vec<TcpListener>,
    /// Where operators come in.
    pub admin: Option<TcpListener>,
}

impl Listeners {
    /// The same sockets once more.
    ///
    /// # Errors
    /// When the process may not have more files open.
    pub fn duplicate(&self) -> io::Result<Self> {
        let all = |listeners: &[TcpListener]| listeners.iter().map(TcpListener::try_clone).collect::<io::Result<_>>();
        let (clients, tls) = (all(&self.clients)?, all(&self.tls)?);
        Ok(Self { clients, tls, admin: self.admin.as_ref().map(TcpListener::try_clone).transpose()? })
    }

    /// Listens where the settings say; takes the sockets that are there already.
    fn complete(self, settings: &EdgeSettings) -> Result<Self, StartError> {
        let tls = match &settings.tls {
            Some(tls) => complete(self.tls, tls.listen, settings.threads)?,
            None => Vec::new(),
        };
        let admin = match (settings.admin, self.admin) {
            (Some(asked), Some(listener)) if fits(&listener, asked) => Some(listener),
            (Some(asked), _) => listen(asked, 1)?.pop(),
            (None, _) => None,
        };
        Ok(Self { clients: complete(self.clients, settings.listen, settings.threads)?, tls, admin })
    }
}

fn fits(listener: &TcpListener, asked: SocketAddr) -> bool {
    listener.local_addr().is_ok_and(|at| at == asked || (asked.port() == 0 && at.ip() == asked.ip()))
}

/// Sockets at an address, one for each thread at least. All those that are there already are served, be they more than
/// there are threads: connections may be waiting in each.
fn complete(mut known: Vec<TcpListener>, address: SocketAddr, threads: usize) -> Result<Vec<TcpListener>, StartError> {
    known.retain(|listener| fits(listener, address));
    if known.is_empty() {
        return listen(address, threads);
    }
    for thread in known.len()..threads {
        let again = known[thread % known.len()].try_clone();
        known.push(again.map_err(|source| StartError::Listen { address, source })?);
    }
    Ok(known)
}

/// What an edge is started with.
#[derive(Debug)]
pub struct Launch {
    /// What it has to know.
    pub settings: EdgeSettings,
    /// Where its configuration comes from; without one it stays as it is.
    pub origin: Option<Origin>,
    /// Where upgrades are asked for; without one there are none.
    pub upgrades: Option<Upgrades>,
    /// Sockets of a predecessor; those that the settings do not ask for are closed.
    pub listeners: Listeners,
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

    /// The number of the configuration in force.
    pub fn generation(&self) -> u64 {
        self.current.borrow().generation
    }

    /// The configuration in force as it was written; empty when the edge was started without one.
    pub fn text(&self) -> Arc<str> {
        self.in_force.borrow().text.clone()
    }

    /// The listening sockets, to be handed to a successor.
    ///
    /// # Errors
    /// When the process may not have more files open.
    pub fn listeners(&self) -> io::Result<Listeners> {
        self.listeners.duplicate()
    }

    /// Returns each time after another configuration has come into force, whoever asked for it.
    pub async fn reloaded(&mut self) {
        if self.current.changed().await.is_err() {
            // A control thread that has gone reloads no more.
            std::future::pending().await
        }
    }

    /// How long exchanges in flight may go on after a stop.
    pub fn drain(&self) -> Duration {
        self.current.borrow().settings.drain
    }

    /// Reads the configuration again, and goes on with it when it is good: no connection and no exchange in flight ends.
    /// Answers with the number of the configuration now in force.
    ///
    /// # Errors
    /// When it is not good, or changes what cannot change; then the old one stays in force.
    pub async fn reload(&self) -> Result<u64, ReloadError> {
        self.reloads.ask().await
    }

    /// Takes no more clients, lets exchanges in flight go on for as long as the settings say, and waits for the end.
    pub async fn stop(self) {
        self.end(Ending::Stopped).await;
    }

    /// The same for an edge from which another process has taken over, the trial of its configuration included.
    pub async fn give_way(self) {
        self.end(Ending::Succeeded).await;
    }

    async fn end(self, ending: Ending) {
        // One that has ended by itself need not be told.
        let _ = self.ending.send(ending);
        let name = self.current.borrow().settings.name.clone();
        // What nobody serves must not be held open.
        drop(self.listeners);
        self.stage.send_replace(Stage::Stopping);
        for end in self.workers {
            // A thread that ends without a word has ended as well.
            let _ = end.await;
        }
        self.stage.send_replace(Stage::Over);
        let _ = self.control.await;
        // What the last writes come from has gone with the control thread.
        let _ = tokio::time::timeout(LAST_WRITES, self.written).await;
        events::edge_stopped(&name);
    }
}

/// Starts an edge whose settings stay as they are: it serves when this returns.
///
/// # Errors
/// As [`Launch::start`].
pub async fn start(settings: EdgeSettings) -> Result<EdgeHandle, StartError> {
    Launch { settings, origin: None, upgrades: None, listeners: Listeners::default() }.start().await
}

/// Loads all that a start would, and lets it go again: opens no port and writes no file.
///
/// # Errors
/// As [`Launch::start`], but for what only a start can find out.
pub fn rehearse(settings: &EdgeSettings) -> Result<(), StartError> {
    let site = Site::of(settings)?;
    settings.tls.as_ref().map(secure).transpose()?;
    // Opening the log would make the file.
    let settings = EdgeSettings { access_log: None, ..settings.clone() };
    let threads = settings.threads;
    let shared = Shared::new(1, settings, site, threads, Instant::now())?;
    keeper::resolver(&shared)?;
    Ok(())
}

impl Launch {
    /// Starts an edge: it serves when this returns.
    ///
    /// # Errors
    /// When the settings contradict themselves, or an address cannot be listened on; then nothing was started.
    pub async fn start(self) -> Result<EdgeHandle, StartError> {
        let Self { settings, origin, upgrades, listeners } = self;
        let site = Site::of(&settings)?;
        let secured = settings.tls.as_ref().map(secure).transpose()?;
        let listeners = listeners.complete(&settings)?;
        let kept = listeners.duplicate().map_err(|source| StartError::Listen { address: settings.listen, source })?;
        let Listeners { clients, tls: tls_listeners, admin } = listeners;
        let address = local(&clients[0], settings.listen)?;
        let tls_address = tls_listeners.first().zip(settings.tls.as_ref());
        let tls_address = tls_address.map(|(listener, tls)| local(listener, tls.listen)).transpose()?;
        let admin_address = admin.as_ref().zip(settings.admin).map(|(l, asked)| local(l, asked)).transpose()?;
        let store = Store::new(&settings.data);
        let archive = Archive::new(&settings.data);
        let (settled, source) = (Settled::of(origin.as_ref(), &archive), origin.map(|origin| origin.source));
        let threads = clients.len().max(tls_listeners.len());
        let now = Instant::now();
        let shared = Arc::new(Shared::new(settled.generation, settings, site, threads, now)?);
        // Before any plan can come.
        shared.hold.take_in(HoldFile::of(&shared.settings.data).read());
        let known = restore(&shared, &store, now);
        let (stage, watch) = watch::channel(Stage::Serving);
        let quarantined = archive.quarantined().into();
        let scribe = Scribe::start(&shared.counters, store, archive, known);
        let (scribe, written) = scribe.map_err(StartError::Thread)?;
        settled.write_down(&scribe).await;
        let resolver = keeper::resolver(&shared)?;
        let (current, generations) = watch::channel(shared.clone());
        let (reloads, requests) = Reloads::channel();
        let (fresh, newer) = tokio::sync::mpsc::unbounded_channel();
        let (ending, ended) = oneshot::channel();
        let totals = Arc::new(Totals::default());
        let trial = settled.trial();
        let (footing, in_force) = watch::channel(settled.in_force);
        let desk = Admin {
            current: generations.clone(),
            totals: totals.clone(),
            reloads: reloads.clone(),
            upgrades,
            in_force: in_force.clone(),
        };
        let tls = secured.as_ref().map(|watched| watched.tls.clone());
        let keeper = Keeper {
            current,
            in_force: footing,
            watch: Arc::new(Mutex::new(Watch::with(trial))),
            quarantined,
            scribe,
            source,
            requests,
            fresh,
            tls: tls.clone(),
            duties: JoinSet::new(),
        };
        let control = Control {
            keeper,
            generations: Generations { first: shared.clone(), fresh: newer },
            totals,
            resolver,
            secured,
            admin: admin.map(|listener| (desk, listener)),
            stage: watch.clone(),
            ending: ended,
        };
        let control = spawn("edge-control", move |runtime| control.run(&runtime))?;
        let (mut clients, mut tls_listeners) = (clients.into_iter(), tls_listeners.into_iter());
        let mut workers = Vec::new();
        for index in 0..threads {
            let doors = Doors { plain: clients.next(), tls: tls_listeners.next().zip(tls.clone()) };
            workers.push(spawn_worker(generations.clone(), index, doors, watch.clone())?);
        }
        events::edge_started(&shared.settings.name, address, threads);
        Ok(EdgeHandle {
            listeners: kept,
            address,
            tls: tls_address,
            admin: admin_address,
            current: generations,
            in_force,
            reloads,
            stage,
            ending,
            workers,
            control,
            written,
        })
    }
}

/// The configuration that a start brings into force.
struct Settled {
    generation: u64,
    in_force: InForce,
}

impl Settled {
    /// A text that passed goes on as that; any other is on trial, unless it came back for one that did not pass.
    fn of(origin: Option<&Origin>, archive: &Archive) -> Self {
        let Some(Origin { text, instead_of, .. }) = origin else {
            return Self { generation: 1, in_force: InForce { text: "".into(), footing: Footing::Proven } };
        };
        let passed = || archive.kept().first().is_some_and(|newest| newest.text == *text);
        let footing = match instead_of {
            Some(from) => Footing::Returned { from: *from, why: "the process died within its trial".into() },
            None if passed() => Footing::Proven,
            None => Footing::OnTrial,
        };
        Self { generation: archive.number(text), in_force: InForce { text: text.as_str().into(), footing } }
    }

    fn trial(&self) -> Option<Trial> {
        let on_trial = self.in_force.footing == Footing::OnTrial;
        on_trial.then(|| Trial::of_start(self.generation, Instant::now()))
    }

    async fn write_down(&self, scribe: &Scribe) {
        let written = Written { generation: self.generation, text: self.in_force.text.to_string() };
        match self.in_force.footing {
            Footing::OnTrial => scribe.begin(written).await,
            Footing::Returned { .. } => scribe.keep(written),
            Footing::Proven => {}
        }
    }
}

/// Reads the certificates for the first time.
fn secure(settings: &TlsSettings) -> Result<Watched, TlsFault> {
    let (set, pairs) = read_certificates(&settings.certificates)?;
    let files = settings.certificates.clone();
    Ok(Watched { tls: Arc::new(Tls::of(set)?), files, found: Ok(pairs) })
}

/// Takes up where the last run ended.
fn restore(shared: &Shared, store: &Store, now: Instant) -> Addresses {
    let (plans, errors) = store.plans();
    errors.iter().for_each(events::file_passed_over);
    for plan in plans {
        let epoch = plan.epoch;
        match resume(shared, &plan, now) {
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
        names::adopt(shared, &replicas, addresses.get(&host).map_or(&[], Vec::as_slice), now);
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
    plain: Option<TcpListener>,
    tls: Option<(TcpListener, Arc<Tls>)>,
}

impl Doors {
    /// The same for the runtime that this is called in.
    fn open(self, settings: &EdgeSettings) -> io::Result<Vec<Gate>> {
        let gate =
            |listener, terms| tokio::net::TcpListener::from_std(listener).map(|listener| Gate { listener, terms });
        let plain = self.plain.map(|listener| gate(listener, Terms::plain(settings)));
        let mut gates: Vec<Gate> = plain.into_iter().collect::<io::Result<_>>()?;
        if let Some((listener, tls)) = self.tls {
            gates.push(gate(listener, Terms::tls(settings, tls))?);
        }
        Ok(gates)
    }
}

fn spawn_worker(
    current: watch::Receiver<Arc<Shared>>,
    index: usize,
    doors: Doors,
    stage: watch::Receiver<Stage>,
) -> Result<oneshot::Receiver<()>, StartError> {
    let address = current.borrow().settings.listen;
    spawn(&format!("edge-{index}"), move |runtime| {
        let gates = {
            let _guard = runtime.enter();
            doors.open(&current.borrow().settings)
        };
        match gates {
            Ok(gates) => {
                let roster = Rc::new(Roster::new(current, index, stage));
                runtime.block_on(front::serve(roster, gates));
            }
            Err(source) => events::listener_lost(address, &source),
        }
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
