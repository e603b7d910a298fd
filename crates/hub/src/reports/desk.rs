//! The desk that takes reports in: reads what was said against the configuration, counts it, and hands on what counts.
//!
//! Whoever reports waits for nothing but the count. What counts goes to the driver one by one beside everything else, so that no
//! number of reports keeps an edge's roll-up or an operator's command waiting (invariant G3).

use super::counts::{About, Counts, Floors, Origin, Taken};
use super::networks::{NetworkId, NetworkTable};
use super::picture::{Place, ReportPicture};
use super::seal::{Seal, Spent, TOKEN_RIPENS, Ticket, from_hex, is_proven};
use super::shelf::{self, Kept};
use crate::clock::HubClock;
use crate::doors::SignalDoor;
use crate::settings::HubSettings;
use crate::view::Snapshot;
use downbeat_core::model::{Answer, Moment, Name, Report, RollUp, Signal, Works};
use downbeat_core::signal::ActiveSessions;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

/// What counts and waits for the driver: as much as can count within a minute, and answers.
const WAITING_MAX: usize = 2_048;
/// Versions of apps that are told apart; later ones are counted as unknown.
const VERSIONS_MAX: usize = 64;
/// Pictures are drawn so often at most.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at the clock and at the disk.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Takes users' reports in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReportDesk {
    clock: HubClock,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Arc<HubSettings>,
    components: Vec<Name>,
    regions: Vec<Name>,
    key: String,
    seal: Seal,
    state: Mutex<State>,
    waiting: mpsc::Sender<Signal>,
}

#[derive(Debug)]
struct State {
    counts: Counts,
    versions: Vec<Name>,
    tokens: Spent,
    sessions: Spent,
    picture: Arc<ReportPicture>,
}

/// What a user said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What is wrong, from the configured list.
    pub category: Name,
    /// Which component, when they said.
    pub component: Option<Name>,
    /// Which region, when it is known.
    pub region: Option<Name>,
    /// Which version of the app, when it said.
    pub version: Option<Name>,
}

/// Where a report comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whence {
    /// From this address.
    Address(IpAddr),
    /// From this network, as another program says.
    Network(Name),
}

/// What a report shows for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'t> {
    /// Nothing: the button of the page as it lies on disk.
    Nothing,
    /// The token of a form, and the work done for it, when there was a script.
    Token {
        /// As the form has it.
        token: &'t str,
        /// See `seal`.
        proof: &'t str,
    },
    /// A program with the hub's token collected it.
    Vouched,
    /// It is signed, in this session of the app.
    Signed {
        /// A hash of the signature: the same report is taken once.
        id: u64,
        /// A hash of the session, when the app told one.
        session: Option<u64>,
    },
}

/// A word that nobody can make sense of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// A category that is not offered.
    #[error("there is no category {0}")]
    Category(Name),
    /// A component that there is not.
    #[error("there is no component {0}")]
    Component(Name),
}

impl ReportDesk {
    /// A desk that goes on with what was kept, and what counts. Blocks.
    pub(crate) fn open(settings: &Arc<HubSettings>, clock: HubClock) -> (Self, mpsc::Receiver<Signal>) {
        Self::with(settings, clock, shelf::load(&settings.data))
    }

    /// A desk without a hub behind it: it counts, and nothing follows from it.
    pub fn alone(settings: &Arc<HubSettings>, clock: HubClock) -> Self {
        Self::with(settings, clock, None).0
    }

    fn with(settings: &Arc<HubSettings>, clock: HubClock, kept: Option<Kept>) -> (Self, mpsc::Receiver<Signal>) {
        let topology = &settings.policy.topology;
        let components: Vec<Name> = topology.components.keys().cloned().collect();
        let of_table = settings.reports.networks.systems().iter().filter_map(|system| system.region.clone());
        let regions: BTreeSet<Name> = topology.regions().into_iter().chain(of_table).collect();
        let mut counts = Counts::new(components.len(), clock.now());
        let key = kept.as_ref().and_then(|kept| from_hex(&kept.key, 32)).and_then(|key| key.try_into().ok());
        let key: [u8; 32] = key.unwrap_or_else(new_key);
        for (n, series) in kept.iter().flat_map(|kept| kept.series(&components)) {
            counts.restore(n, series);
        }
        let (waiting, waits) = mpsc::channel(WAITING_MAX);
        let state = State {
            counts,
            versions: Vec::new(),
            tokens: Spent::default(),
            sessions: Spent::default(),
            picture: Arc::default(),
        };
        let shared = Shared {
            settings: Arc::clone(settings),
            components,
            regions: regions.into_iter().collect(),
            key: key.iter().map(|byte| format!("{byte:02x}")).collect(),
            seal: Seal::new(&key),
            state: Mutex::new(state),
            waiting,
        };
        (Self { clock, shared: Arc::new(shared) }, waits)
    }

    /// The desk's time.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked in between left counts that are still counts.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> &NetworkTable {
        &self.shared.settings.reports.networks
    }

    /// Takes a user's report in; nothing but counting happens to it.
    ///
    /// # Errors
    /// [`Stranger`] when it names something that is not configured.
    pub fn take(&self, word: &Word, whence: &Whence, shown: Shown<'_>) -> Result<Taken, Stranger> {
        let now = self.clock.now();
        let component = self.component_of(word)?;
        let origin = self.origin(whence);
        let region = self.region_of(word, origin);
        let mut state = self.state();
        let about = About {
            component: place_in(&self.shared.components, component),
            category: self.category(word),
            region: place_in(&self.shared.regions, region),
            version: word.version.as_ref().map_or(0, |version| state.version(version)),
        };
        let is_shown = match self.look_at(&mut state, now, about, shown) {
            Ok(is_shown) => is_shown,
            Err(taken) => return Ok(taken),
        };
        let taken = state.counts.take(now, about, origin, is_shown);
        if taken == Taken::Counted {
            let report = Report {
                category: word.category.clone(),
                component: component.cloned(),
                region: region.cloned(),
                network: network_name(whence, origin),
                system: self.table().system(origin.system).map(|system| system.name.clone()),
                usual_per_minute: Some(state.counts.usual(about.component, now)),
                usual_of_100k: Some(state.counts.usual_of_100k(about.component, now)),
            };
            self.hand_on(Signal::Report(report));
        }
        Ok(taken)
    }

    /// Whether it shows what is asked for in a burst; what was shown before is no second report.
    fn look_at(&self, state: &mut State, now: Moment, about: About, shown: Shown<'_>) -> Result<bool, Taken> {
        match shown {
            Shown::Nothing => Ok(false),
            Shown::Vouched => Ok(true),
            Shown::Token { token: text, proof } => {
                let Some(token) = self.shared.seal.open_token(text, now) else { return Ok(false) };
                if now.since(token.at) < TOKEN_RIPENS && !is_proven(text, proof) && state.counts.is_burst(now) {
                    return Ok(false);
                }
                if state.tokens.spend(now, token.nonce) { Ok(true) } else { Err(Taken::HeardBefore) }
            }
            Shown::Signed { id, session } => {
                // A session says the same of the same component once within some minutes.
                let session = session.map(|session| session.rotate_left(17) ^ u64::from(about.component));
                let is_new = state.tokens.spend(now, id) && session.is_none_or(|it| state.sessions.spend(now, it));
                if is_new { Ok(true) } else { Err(Taken::HeardBefore) }
            }
        }
    }

    /// Somebody wrote of the service elsewhere: a report out of the feed's own network, which weighs as one network does.
    pub(crate) fn mention(&self, component: Option<&Name>, feed: &Name) {
        let text: String = format!("feed:{feed}").chars().take(64).collect();
        let name = |text: &str| Name::new(text).expect("a feed's name is a good name, and so is its beginning");
        self.hand_on(Signal::Report(Report {
            category: name("mention"),
            component: component.cloned(),
            region: None,
            network: name(&text),
            system: None,
            usual_per_minute: None,
            usual_of_100k: None,
        }));
    }

    fn hand_on(&self, signal: Signal) {
        if self.shared.waiting.try_send(signal).is_err() {
            tracing::debug!("a report was counted and not weighed: too many wait");
        }
    }

    /// The component that is meant: the one that was named, else the one that the category stands for.
    fn component_of<'a>(&'a self, word: &'a Word) -> Result<Option<&'a Name>, Stranger> {
        let categories = &self.shared.settings.categories;
        let category = categories.iter().find(|category| category.name == word.category);
        let category = category.ok_or_else(|| Stranger::Category(word.category.clone()))?;
        match &word.component {
            Some(name) if self.shared.components.binary_search(name).is_err() => Err(Stranger::Component(name.clone())),
            Some(name) => Ok(Some(name)),
            None => Ok(category.component.as_ref()),
        }
    }

    fn category(&self, word: &Word) -> u16 {
        let nth = self.shared.settings.categories.iter().position(|category| category.name == word.category);
        nth.and_then(|n| u16::try_from(n + 1).ok()).unwrap_or(0)
    }

    fn origin(&self, whence: &Whence) -> Origin {
        match whence {
            Whence::Address(address) => {
                Origin { network: NetworkId::of(*address), system: self.table().find(*address) }
            }
            Whence::Network(name) => {
                let (network, address) = NetworkId::named(name);
                let system = address.map_or_else(|| self.table().unlisted(), |address| self.table().find(address));
                Origin { network, system }
            }
        }
    }

    /// Where they are: as they say, when there is such a region, else as the table says.
    fn region_of<'a>(&'a self, word: &'a Word, origin: Origin) -> Option<&'a Name> {
        let is_known = |name: &&Name| self.shared.regions.binary_search(name).is_ok();
        let of_table = || self.table().system(origin.system).and_then(|system| system.region.as_ref());
        word.region.as_ref().filter(is_known).or_else(of_table)
    }

    /// Whose the clients' networks of a roll-up are, where the table says so.
    pub(crate) fn systems_of(&self, roll_up: &RollUp) -> BTreeMap<Name, Name> {
        let system = |network: &Name| {
            let origin = self.origin(&Whence::Network(network.clone()));
            self.table().system(origin.system).map(|system| (network.clone(), system.name.clone()))
        };
        let networks = roll_up.clients.iter().map(|row| &row.network);
        if self.table().is_empty() { BTreeMap::new() } else { networks.filter_map(system).collect() }
    }

    /// A token for a form that is being drawn.
    pub(crate) fn token(&self) -> String {
        self.shared.seal.token(self.clock.now(), fresh())
    }

    /// True while each report has to show a token.
    pub(crate) fn is_burst(&self) -> bool {
        self.state().counts.is_burst(self.clock.now())
    }

    /// What a reporter gets, to ask with how it goes.
    pub(crate) fn ticket(&self, word: &Word, whence: &Whence) -> String {
        let component = self.component_of(word).ok().flatten();
        let region = self.region_of(word, self.origin(whence));
        self.shared.seal.ticket(&Ticket::new(self.clock.now(), component, region))
    }

    /// What a ticket says: when it was given, the component and the region that it is about.
    pub(crate) fn open_ticket(&self, text: &str) -> Option<(Moment, Option<Name>, Option<Name>)> {
        let ticket = self.shared.seal.open_ticket(text, self.clock.now())?;
        let component = ticket.component(self.shared.components.iter()).cloned();
        Some((ticket.at, component, ticket.region(self.shared.regions.iter()).cloned()))
    }

    /// Hands on what the holder of a ticket answers to "works again?"; false when it is no ticket of ours.
    pub(crate) fn answer(&self, ticket: &str, whence: &Whence, works: Works) -> bool {
        let Some((reported_at, component, region)) = self.open_ticket(ticket) else { return false };
        let origin = self.origin(whence);
        let system = self.table().system(origin.system).map(|system| system.name.clone());
        let network = network_name(whence, origin);
        self.hand_on(Signal::Answer(Answer { component, region, network, system, reported_at, works }));
        true
    }

    /// What was reported lately, drawn anew once a second.
    pub(crate) fn picture(&self) -> Arc<ReportPicture> {
        let now = self.clock.now();
        let mut state = self.state();
        if now.since(state.picture.at) >= DRAW_EVERY {
            state.picture = Arc::new(self.draw(&state, now));
        }
        Arc::clone(&state.picture)
    }

    fn draw(&self, state: &State, now: Moment) -> ReportPicture {
        let (places, others) = state.counts.places();
        let settings = &self.shared.settings;
        let category = |n: u16| settings.categories.get(usize::from(n).checked_sub(1)?).map(|it| it.name.clone());
        let places = places.into_iter().map(|((about, origin), tally)| Place {
            component: named(&self.shared.components, about.component),
            category: category(about.category),
            region: named(&self.shared.regions, about.region),
            version: named(&state.versions, about.version),
            network: origin.network.name(),
            system: self.table().system(origin.system).map(|it| (it.name.clone(), it.title.clone())),
            tally,
        });
        ReportPicture::new(now, places.collect(), others, state.counts.day(now), state.counts.is_burst(now))
    }

    fn tick(&self, is_open: bool, active: Option<&ActiveSessions>) -> bool {
        let detect = &self.shared.settings.policy.detect;
        let floors = Floors { per_minute: detect.reports_per_minute, of_100k: detect.reports_of_100k };
        let components = [None].into_iter().chain(self.shared.components.iter().map(Some));
        let mut state = self.state();
        state.counts.note_sessions(components.map(|component| active.and_then(|active| active.of(component))));
        state.counts.tick(self.clock.now(), is_open, floors)
    }

    /// Writes what is kept over a restart. Blocks.
    pub(crate) fn save(&self) {
        let kept = Kept::of(self.shared.key.clone(), &self.shared.components, self.state().counts.series());
        if let Err(error) = shelf::save(&self.shared.settings.data, &kept) {
            tracing::warn!(%error, "what was counted of users' reports cannot be kept");
        }
    }

    /// Hands what counts to the driver, and keeps the counts, until nobody can report any more.
    pub(crate) async fn keep(
        self,
        mut waits: mpsc::Receiver<Signal>,
        signals: SignalDoor,
        snapshots: watch::Receiver<Snapshot>,
    ) {
        let mut clock = tokio::time::interval(KEEP_EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                signal = waits.recv() => {
                    let Some(signal) = signal else { return };
                    if let Err(error) = signals.send(signal).await {
                        tracing::debug!(%error, "a report was not taken");
                    }
                }
                _ = clock.tick() => {
                    {
                        let snapshot = snapshots.borrow();
                        self.tick(snapshot.book.open().next().is_some(), snapshot.board.sessions.as_ref());
                    }
                    let desk = self.clone();
                    drop(tokio::task::spawn_blocking(move || desk.save()).await);
                }
            }
        }
    }
}

impl State {
    /// The number of a version; later ones than the first so many are unknown.
    fn version(&mut self, version: &Name) -> u16 {
        let known = self.versions.iter().position(|it| it == version);
        let nth = known.or_else(|| {
            (self.versions.len() < VERSIONS_MAX).then(|| {
                self.versions.push(version.clone());
                self.versions.len() - 1
            })
        });
        nth.and_then(|n| u16::try_from(n + 1).ok()).unwrap_or(0)
    }
}

fn network_name(whence: &Whence, origin: Origin) -> Name {
    match whence {
        Whence::Network(name) if NetworkId::named(name).1.is_none() => name.clone(),
        _ => origin.network.name(),
    }
}

/// The number of a name in a sorted list; zero is "not said".
fn place_in(list: &[Name], name: Option<&Name>) -> u16 {
    let nth = name.and_then(|name| list.binary_search(name).ok());
    nth.and_then(|n| u16::try_from(n + 1).ok()).unwrap_or(0)
}

fn named(list: &[Name], number: u16) -> Option<Name> {
    list.get(usize::from(number).checked_sub(1)?).cloned()
}

fn fresh() -> u64 {
    // Without randomness tokens repeat, and one of two is refused; nothing else depends on it.
    getrandom::u64().unwrap_or_default()
}

fn new_key() -> [u8; 32] {
    let mut key = [0; 32];
    getrandom::fill(&mut key).expect("a system without randomness keeps no secret");
    key
}
