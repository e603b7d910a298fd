//! The outbox: carries out what stands in the book's `pending`, and tells the driver how it ended.
//!
//! An effect stays pending until its outcome is in the log. One that was under way when the hub died is carried
//! out again, under the same key, so that a receiver who knows keys sees it once (invariants A6, E1, E2).

mod actuate;
mod deliver;
mod retry;
mod review;
mod webhook;

use crate::doors::Arrival;
use crate::settings::HubSettings;
use actuate::actuate;
use deliver::{Delivery, deliver};
use downbeat_core::incident::{Book, Channel, Effect, EffectId, Event, Incident};
use downbeat_core::model::{Actuation, Audience, Moment, Name, Notice, NoticeId, RemedyId};
pub(crate) use retry::Pauses;
use review::write_review;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The channel that every public notice goes to: the status page.
pub const STATUS_PAGE: &str = "status-page";
/// The channel that every page goes to, whatever else is configured: the hub's own log lines.
pub const LOG_CHANNEL: &str = "log";

/// Effects of one lane under way at the same time. Each channel is a lane of its own, so that a dead receiver
/// holds up nobody else's messages.
const LANE_MAX: usize = 8;

/// All channels of an installation, for the book.
pub fn channels(settings: &HubSettings) -> Vec<Channel> {
    let built_in = [(STATUS_PAGE, Audience::Public), (LOG_CHANNEL, Audience::OnCall)]
        .map(|(name, audience)| Channel { name: Name::new(name).expect("a constant good name"), audience });
    let webhooks = settings.webhooks.iter().map(|w| Channel { name: w.name.clone(), audience: w.audience });
    built_in.into_iter().chain(webhooks).collect()
}

/// What all effects need.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) settings: Arc<HubSettings>,
    pub(crate) client: reqwest::Client,
    pub(crate) pauses: Pauses,
}

/// Starts effects and remembers which are under way.
#[derive(Debug)]
pub(crate) struct Outbox {
    tools: Arc<Tools>,
    arrivals: mpsc::Sender<Arrival>,
    in_flight: BTreeSet<EffectId>,
    tasks: JoinSet<()>,
}

/// One effect with all that carrying it out takes.
#[derive(Debug)]
enum Work {
    Actuate(RemedyId, Actuation),
    Deliver(Box<Delivery>),
    Review(Box<Incident>),
}

impl Outbox {
    /// An outbox whose outcomes go to the driver.
    pub(crate) fn new(tools: Tools, arrivals: mpsc::Sender<Arrival>) -> Self {
        Self { tools: Arc::new(tools), arrivals, in_flight: BTreeSet::new(), tasks: JoinSet::new() }
    }

    /// Starts everything that is pending and not under way, as far as the lanes are wide.
    pub(crate) fn carry_out(&mut self, book: &Book) {
        self.reap();
        for (id, effect) in &book.pending {
            if self.in_flight.contains(id) || self.lane_is_full(id) {
                continue;
            }
            if let Some(work) = Work::prepare(id, effect, book) {
                self.in_flight.insert(id.clone());
                self.tasks.spawn(carry(Arc::clone(&self.tools), id.clone(), work, self.arrivals.clone()));
            }
        }
    }

    /// The outcome of an effect has reached the driver.
    pub(crate) fn forget(&mut self, id: &EffectId) {
        self.in_flight.remove(id);
    }

    /// Gives up what is under way: it is carried out again after the next start.
    pub(crate) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "an effect ended without an outcome; a restart repeats it");
            }
        }
    }

    fn lane_is_full(&self, id: &EffectId) -> bool {
        self.in_flight.iter().filter(|other| lane(other) == lane(id)).count() >= LANE_MAX
    }
}

/// What an effect may be held up by: others of its kind, and of its channel.
fn lane(id: &EffectId) -> (u8, Option<&Name>) {
    match id {
        EffectId::Actuate(_) => (0, None),
        EffectId::Deliver(_, channel) => (1, Some(channel)),
        EffectId::Review(_) => (2, None),
    }
}

impl Work {
    /// `None` for what the book no longer knows anything about.
    fn prepare(id: &EffectId, effect: &Effect, book: &Book) -> Option<Self> {
        match (id, effect) {
            (EffectId::Actuate(remedy), Effect::Actuate(actuation)) => Some(Self::Actuate(*remedy, actuation.clone())),
            (EffectId::Deliver(_, channel), Effect::Deliver(notice)) => {
                let (channel, at) = (channel.clone(), written_at(book, notice.id)?);
                Some(Self::Deliver(Box::new(Delivery { notice: Notice::clone(notice), channel, at })))
            }
            (EffectId::Review(incident), Effect::Review) => {
                Some(Self::Review(Box::new(book.incidents.get(incident)?.clone())))
            }
            _ => None,
        }
    }
}

fn written_at(book: &Book, id: NoticeId) -> Option<Moment> {
    let incident = book.incidents.get(&id.incident)?;
    incident.notices.iter().find(|case| case.notice.id == id).map(|case| case.at)
}

async fn carry(tools: Arc<Tools>, id: EffectId, work: Work, arrivals: mpsc::Sender<Arrival>) {
    let event = match work {
        Work::Actuate(remedy, actuation) => {
            Event::ActuationEnded { remedy, outcome: actuate(&tools, remedy, &actuation).await }
        }
        Work::Deliver(delivery) => Event::NoticeSent {
            notice: delivery.notice.id,
            channel: delivery.channel.clone(),
            outcome: deliver(&tools, &delivery).await,
        },
        Work::Review(incident) => {
            Event::Reviewed { incident: incident.id, path: write_review(&tools, &incident).await }
        }
    };
    // A driver that is gone repeats the effect after its next start.
    drop(arrivals.send(Arrival::Ended(id, Box::new(event))).await);
}
