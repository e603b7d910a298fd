//! Subscribers: who is told of public words by mail, webhook or chat, beside those who read the page.
//!
//! `subscribers.db` keeps them and how far each word's round has come ([`store`]: `roll` and `round`). The *crier* enters
//! every new public word of the book there, with all who have to hear it; the *carriers* send what waits, a lane for each
//! host. All of it goes on after a restart where it was. Who hears what, and how a host that fails is treated, is decided in
//! [`downbeat_core::tell`].

mod carrier;
mod crier;
mod fault;
mod kind;
mod limits;
mod message;
mod roll;
mod round;
mod spoken;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod trouble;

pub use fault::StoreError;
pub use kind::{Address, AddressError, ChannelKind, NoChannel};
pub use roll::{ASK_AGAIN_AFTER, Asked, CONFIRM_WITHIN, Counts, LIST_MAX, SUBSCRIBERS_MAX, Subscriber, Wish};

use crate::channel::mail::{Mailer, sender};
use crate::channel::push::vapid::Vapid;
use crate::clock::HubClock;
use crate::outbound::Web;
use crate::settings::HubSettings;
use crate::view::Snapshot;
use carrier::{Tools, carry};
use crier::cry;
use downbeat_core::model::{Language, Moment};
use downbeat_core::tell::subscription::Choice;
use limits::Limits;
use message::Place;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Entry, Store};
use token::random_token;
use tokio::sync::{Notify, watch};
use trouble::{Chore, Trouble};

/// The subscribers of a hub. Cheap to clone; each call opens the file if need be, and blocks nobody but who waits for it.
#[derive(Debug, Clone)]
pub struct Subscribers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    data: PathBuf,
    /// A text that no other hub has.
    holder: String,
    store: Mutex<(Entry, Option<Store>)>,
    /// Who left while messages to them may be under way; numbers are never given again.
    left: Mutex<BTreeSet<i64>>,
    /// How much strangers may ask for.
    limits: Mutex<Limits>,
    /// Something waits to be sent.
    entered: Arc<Notify>,
    trouble: Mutex<Trouble>,
    /// By what push services know this hub, once somebody asked for it.
    vapid: tokio::sync::OnceCell<Arc<Vapid>>,
    /// Where those of a push service find who runs it.
    contact: Option<String>,
}

impl Subscribers {
    /// The subscribers in a data directory.
    pub(crate) fn of(settings: &HubSettings) -> Self {
        Self(Arc::new(Shared {
            data: settings.data.clone(),
            holder: random_token(),
            store: Mutex::new((Entry::First, None)),
            left: Mutex::default(),
            limits: Mutex::default(),
            entered: Arc::default(),
            trouble: Mutex::default(),
            vapid: Default::default(),
            contact: contact(settings),
        }))
    }

    /// True when a stranger from there may have one more address asked within this hour; it is counted then.
    pub(crate) fn admits(&self, now: Moment, peer: IpAddr) -> bool {
        self.0.limits.lock().unwrap_or_else(PoisonError::into_inner).admits(now, peer)
    }

    /// Takes a stranger's wish in.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was kept then.
    pub async fn ask(&self, now: Moment, wish: Wish) -> Result<Asked, StoreError> {
        let asked = self.with(move |store| store.ask(now, &wish)).await?;
        self.0.entered.notify_one();
        Ok(asked)
    }

    /// Enters those whom an operator answers for. The number of new ones.
    ///
    /// # Errors
    /// [`StoreError`]; none of them was kept then.
    pub async fn add(&self, now: Moment, some: Vec<Wish>) -> Result<usize, StoreError> {
        self.with(move |store| store.add(now, &some)).await
    }

    /// Who has this token.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub async fn by_token(&self, token: String) -> Result<Option<Subscriber>, StoreError> {
        self.with(move |store| store.by_token(&token)).await
    }

    /// Whoever has this token says that the address is theirs.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has changed then.
    pub async fn confirm(&self, now: Moment, token: String) -> Result<(), StoreError> {
        self.with(move |store| store.confirm(now, &token)).await
    }

    /// Whoever has this token chooses other components, and perhaps another language.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has changed then.
    pub async fn choose(&self, token: String, choice: Choice, language: Option<Language>) -> Result<(), StoreError> {
        self.with(move |store| store.choose(&token, &choice, language)).await
    }

    /// Erases somebody, and all that was on its way to them. False when there is nobody.
    ///
    /// # Errors
    /// [`StoreError`]; nobody is erased then.
    pub async fn erase(&self, id: i64) -> Result<bool, StoreError> {
        let erased = self.with(move |store| store.erase(id)).await?;
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Ok(erased)
    }

    /// By what push services know this hub. The key is made at the first call, and kept with the subscribers.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be used, or what is kept in it is no key.
    pub(crate) async fn vapid(&self) -> Result<Arc<Vapid>, StoreError> {
        let read = async || {
            let contact = self.0.contact.clone();
            let of = move |store: &mut Store| {
                let key = store.push_key()?;
                Vapid::of(&key, contact).map_err(|_| store.damaged("the key for push services"))
            };
            self.with(of).await.map(Arc::new)
        };
        self.0.vapid.get_or_try_init(read).await.cloned()
    }

    /// Erases a browser that gives its address and its keys: whoever has both is that browser. False when there is none.
    ///
    /// # Errors
    /// [`StoreError`]; nobody is erased then.
    pub(crate) async fn erase_browser(&self, browser: Address) -> Result<bool, StoreError> {
        self.with(move |store| store.erase_browser(&browser)).await
    }

    /// The number of whoever is reached there.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub async fn find(&self, address: Address) -> Result<Option<i64>, StoreError> {
        self.with(move |store| store.find(&address)).await
    }

    /// At most so many that follow upon a number, in order, and never more than [`LIST_MAX`].
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub async fn list(&self, after: i64, most: usize) -> Result<Vec<Subscriber>, StoreError> {
        self.with(move |store| store.list(after, most)).await
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.with(|store| store.counts()).await
    }

    /// Why subscribers hear nothing new; `None` while they do.
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).words()
    }

    /// Takes down how a chore with the store went, and says loudly what is news.
    fn note(&self, chore: Chore, failed: Option<&StoreError>) {
        let why = failed.map(StoreError::with_causes);
        let mut trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.note(chore, why) {
            match trouble.words() {
                Some(why) => tracing::error!(why, "subscribers hear nothing new"),
                None => tracing::info!("subscribers are told again"),
            }
        }
    }

    /// Tells subscribers of every public word, until the pictures end.
    pub(crate) async fn keep_telling(
        self,
        settings: Arc<HubSettings>,
        snapshots: watch::Receiver<Snapshot>,
        web: Web,
        clock: HubClock,
    ) {
        let place = Place {
            status_url: settings.status_url.trim_end_matches('/').to_owned(),
            service: settings.policy.topology.service.clone(),
            languages: settings.policy.tell.languages(),
        };
        let entered = Arc::clone(&self.0.entered);
        let mail = settings.subscribers.mail.clone();
        let mailer = mail.and_then(|mail| Mailer::new(mail, &place.status_url, web.outbound().clone()));
        let tools = Tools::new(self.clone(), (web, mailer), clock, place);
        tokio::join!(cry(snapshots, self, clock, Arc::clone(&entered)), carry(tools, entered));
    }

    /// True for whoever was erased since this hub started.
    fn has_left(&self, id: i64) -> bool {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        let run = move || {
            // A thread that panicked in between left a file that is still a file: transactions are whole or nothing.
            let mut guard = shared.store.lock().unwrap_or_else(PoisonError::into_inner);
            let (entry, store) = &mut *guard;
            let mut open = match store.take() {
                Some(open) => open,
                None => Store::open(&shared.data, &shared.holder, *entry)?,
            };
            *entry = Entry::Again;
            let done = work(&mut open);
            // What a failed disk has left in a connection is not to be trusted.
            *store = (!matches!(done, Err(StoreError::File { .. }))).then_some(open);
            done
        };
        tokio::task::spawn_blocking(run).await.map_err(|_| StoreError::Stopping)?
    }
}

/// A page over TLS, else the address that mail comes from.
fn contact(settings: &HubSettings) -> Option<String> {
    let page = Some(settings.status_url.clone()).filter(|url| url.starts_with("https://"));
    let mail = || settings.subscribers.mail.as_ref().and_then(|mail| sender(&mail.from));
    page.or_else(|| mail().map(|address| format!("mailto:{address}")))
}
