//! The carriers: a lane for each host, which sends what waits there and writes down what became of it.
//!
//! Outcomes are written in batches, so what a kill leaves in doubt is a batch and what was under way, per lane; it is sent
//! again under the same key. A lane whose outcomes cannot be written sends nothing more.

use super::Subscribers;
use super::fault::StoreError;
use super::kind::ChannelKind;
use super::message::{self, Place, Say, key, mail, posts};
use super::round::{End, Job};
use super::spoken::Spoken;
use super::trouble::Chore;
use crate::chance::random_share;
use crate::channel::mail::Mailer;
use crate::channel::post::{Refused, attempt};
use crate::channel::push;
use crate::clock::HubClock;
use crate::outbound::Web;
use downbeat_core::tell::lane::{Lane, retry_after};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// Messages under way over all lanes: as many sockets, and memory for as many bodies.
const UNDER_WAY_MAX: usize = 256;
/// Messages of a lane that are read at once.
const PAGE: usize = 256;
/// Outcomes that are written at once.
const BATCH: usize = 128;
/// How often is looked for what has become due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between attempts at a store that takes nothing.
const RETRY: Duration = Duration::from_secs(1);
/// How often is looked for what can be forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// Words whose content is kept at hand.
const WORDS_MAX: usize = 32;

/// What all lanes need. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) subscribers: Subscribers,
    pub(super) web: Web,
    pub(super) clock: HubClock,
    pub(super) place: Arc<Place>,
    pub(super) mailer: Option<Mailer>,
    under_way: Arc<Semaphore>,
    words: Arc<Mutex<BTreeMap<i64, Arc<Spoken>>>>,
}

impl Tools {
    pub(super) fn new(
        subscribers: Subscribers,
        (web, mailer): (Web, Option<Mailer>),
        clock: HubClock,
        place: Place,
    ) -> Self {
        let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        Self { subscribers, web, clock, place: Arc::new(place), mailer, under_way, words: Arc::default() }
    }

    /// What a word says; none for the question of a confirmation.
    async fn spoken(&self, word: i64) -> Result<Option<Arc<Spoken>>, StoreError> {
        if word == 0 {
            return Ok(None);
        }
        if let Some(known) = self.words().get(&word) {
            return Ok(Some(Arc::clone(known)));
        }
        let read = self.subscribers.with(move |store| {
            let content = store.content(word)?;
            serde_json::from_str::<Spoken>(&content).map_err(|_| store.damaged("a word"))
        });
        let spoken = Arc::new(read.await?);
        let mut words = self.words();
        if words.len() >= WORDS_MAX {
            words.pop_first();
        }
        words.insert(word, Arc::clone(&spoken));
        Ok(Some(spoken))
    }

    fn words(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, Arc<Spoken>>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends what waits, for ever, or until the store is another hub's.
pub(super) async fn carry(tools: Tools, entered: Arc<Notify>) {
    let (mut lanes, mut running) = (BTreeMap::<i64, Lane>::new(), BTreeSet::new());
    let mut tasks: JoinSet<(i64, Result<Lane, StoreError>)> = JoinSet::new();
    let mut forgot_at = None;
    loop {
        let now = tools.clock.now();
        if forgot_at.is_none_or(|at| now.since(at) >= FORGET_EVERY) {
            forgot_at = Some(now);
            tell_of(forget(&tools).await);
        }
        match tools.subscribers.with(move |store| store.due_lanes(now)).await {
            Ok(due) => {
                for number in due {
                    let lane = lanes.get(&number).copied().unwrap_or_default();
                    if lane.width(now) > 0 && running.insert(number) {
                        tasks.spawn(run(tools.clone(), number, lane));
                    }
                }
            }
            Err(StoreError::Overtaken | StoreError::Stopping) => return,
            Err(error) => tell_of(Err(error)),
        }
        tokio::select! {
            () = entered.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        while let Some(ended) = tasks.try_join_next() {
            match ended {
                Ok((number, Ok(lane))) => {
                    running.remove(&number);
                    lanes.insert(number, lane);
                }
                Ok((_, Err(StoreError::Overtaken | StoreError::Stopping))) => return,
                Ok((number, Err(error))) => {
                    running.remove(&number);
                    tell_of(Err(error));
                }
                Err(error) => {
                    tracing::error!(%error, "a lane of subscribers ended in a panic; a restart goes on with it")
                }
            }
        }
    }
}

async fn forget(tools: &Tools) -> Result<(), StoreError> {
    let now = tools.clock.now();
    tools
        .subscribers
        .with(move |store| store.forget_unconfirmed(now).and_then(|_| store.forget_stories(now)))
        .await
        .map(drop)
}

fn tell_of(result: Result<(), StoreError>) {
    if let Err(error) = result {
        let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, why, "subscribers wait");
    }
}

/// A lane at work.
struct Work {
    tools: Tools,
    number: i64,
    lane: Lane,
    queue: VecDeque<Job>,
    /// Under way, or ended and not yet written down.
    open: BTreeSet<(i64, i64)>,
    ended: Vec<((i64, i64), End)>,
    tasks: JoinSet<(Job, Result<(), Refused>)>,
}

/// Sends all that is due in a lane, or as much as its host takes.
async fn run(tools: Tools, number: i64, lane: Lane) -> (i64, Result<Lane, StoreError>) {
    let (queue, open, ended) = (VecDeque::new(), BTreeSet::new(), Vec::new());
    let mut work = Work { tools, number, lane, queue, open, ended, tasks: JoinSet::new() };
    let done = work.run().await;
    // What is under way is awaited and written down, whatever has happened, or it would be sent once more.
    (number, done.map(|()| work.lane))
}

impl Work {
    async fn run(&mut self) -> Result<(), StoreError> {
        loop {
            self.refill().await?;
            let width = self.lane.width(self.tools.clock.now());
            while self.tasks.len() < width
                && let Some(job) = self.queue.pop_front()
            {
                self.send(job).await?;
            }
            match self.tasks.join_next().await {
                Some(Ok((job, outcome))) => self.note(&job, outcome),
                Some(Err(error)) => tracing::error!(%error, "a message ended in a panic; a restart sends it again"),
                None => return self.settle().await,
            }
            if self.ended.len() >= BATCH {
                self.settle().await?;
            }
        }
    }

    /// Reads on when nothing is left to be begun.
    async fn refill(&mut self) -> Result<(), StoreError> {
        if !self.queue.is_empty() || self.lane.width(self.tools.clock.now()) == 0 {
            return Ok(());
        }
        self.settle().await?;
        let (number, now, most) = (self.number, self.tools.clock.now(), PAGE + self.open.len());
        let due = self.tools.subscribers.with(move |store| store.due(number, now, most)).await?;
        self.queue.extend(due.into_iter().filter(|job| !self.open.contains(&job.key())));
        Ok(())
    }

    async fn send(&mut self, job: Job) -> Result<(), StoreError> {
        self.open.insert(job.key());
        let (tools, spoken) = (self.tools.clone(), self.tools.spoken(job.word).await?);
        self.tasks.spawn(async move {
            let permit = tools.under_way.acquire().await;
            let outcome = deliver(&tools, &job, spoken.as_deref()).await;
            drop(permit);
            (job, outcome)
        });
        Ok(())
    }

    fn note(&mut self, job: &Job, outcome: Result<(), Refused>) {
        let (now, spread) = (self.tools.clock.now(), 0.5 + random_share());
        let end = match outcome {
            Ok(()) => {
                self.lane.took();
                End::Told
            }
            Err(Refused::ForGood(why)) => {
                self.lane.refused();
                End::GivenUp(why)
            }
            Err(Refused::Gone(why)) => {
                self.lane.took();
                tracing::info!(subscriber = job.subscriber, why, "a browser has ended its subscription");
                End::Left
            }
            Err(Refused::ForNow(why)) => {
                self.lane.failed(now, spread);
                match retry_after(job.failures + 1, now.since(job.said_at), spread) {
                    Some(pause) => End::Again(now + pause, why),
                    None => End::GivenUp(why),
                }
            }
        };
        if let End::GivenUp(why) = &end {
            tracing::info!(subscriber = job.subscriber, channel = %job.kind, why, "a subscriber's message is given up");
        }
        self.ended.push((job.key(), end));
    }

    /// Writes down what has ended, however long the disk refuses it: what is not written would be sent again.
    async fn settle(&mut self) -> Result<(), StoreError> {
        let ended = Arc::new(std::mem::take(&mut self.ended));
        if ended.is_empty() {
            return Ok(());
        }
        loop {
            let batch = Arc::clone(&ended);
            let settled = self.tools.subscribers.with(move |store| store.settle(&batch)).await;
            self.tools.subscribers.note(Chore::Settling, settled.as_ref().err());
            if let Err(StoreError::File { .. }) = settled {
                tokio::time::sleep(RETRY).await;
                continue;
            }
            for (key, _) in ended.iter() {
                self.open.remove(key);
            }
            return settled;
        }
    }
}

async fn deliver(tools: &Tools, job: &Job, spoken: Option<&Spoken>) -> Result<(), Refused> {
    if tools.subscribers.has_left(job.subscriber) {
        return Ok(());
    }
    let say = spoken.map_or(Say::Confirm, Say::Word);
    if job.kind == ChannelKind::Push {
        return to_browser(tools, job, say).await;
    }
    let key = key(job, say);
    if job.kind == ChannelKind::Mail {
        let mailer = tools.mailer.as_ref().ok_or_else(|| Refused::ForNow("no [mail] is configured".into()))?;
        return mail(mailer, &tools.place, job, say, &key).await;
    }
    // One that is not taken is followed by none; all of them are sent again then, each under its key.
    for post in posts(&tools.place, job, say, &key) {
        attempt(&tools.web, post).await?;
    }
    Ok(())
}

async fn to_browser(tools: &Tools, job: &Job, say: Say<'_>) -> Result<(), Refused> {
    let keys = job.secret.as_deref().and_then(|text| text.parse().ok());
    let keys = keys.ok_or_else(|| Refused::ForGood("its keys cannot be read".into()))?;
    let vapid = tools.subscribers.vapid().await.map_err(|error| Refused::ForNow(error.to_string()))?;
    push::attempt(&tools.web, &vapid, tools.clock.now(), message::push(&tools.place, job, say, &keys)).await
}
