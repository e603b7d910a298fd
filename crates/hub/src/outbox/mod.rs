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
use crate::outbound::Web;
use crate::settings::HubSettings;
use actuate::actuate;
use deliver::{Delivery, deliver, tell};
use downbeat_core::incident::{Book, Channel, Desk, Effect, EffectId, Event, Incident};
use downbeat_core::model::{Actuation, Audience, Memo, Moment, Name, Notice, NoticeId, RemedyId};
pub(crate) use retry::Pauses;
use review::write_review;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The channel that every public notice goes to: the status page.
pub const STATUS_PAGE: &str = "status-page";
/// The channel that every page goes to, whatever else is configured: the hub's own log lines.
pub const LOG_CHANNEL: &str = "log";

/// All channels of an installation.
fn channels(settings: &HubSettings) -> Vec<Channel> {
    let built_in = [(STATUS_PAGE, Audience::Public), (LOG_CHANNEL, Audience::OnCall)]
        .map(|(name, audience)| Channel { name: Name::new(name).expect("a constant good name"), audience });
    let webhooks = settings.webhooks.iter().map(|w| Channel { name: w.name.clone(), audience: w.audience });
    built_in.into_iter().chain(webhooks).collect()
}

/// What all effects need.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) settings: Arc<HubSettings>,
    pub(crate) web: Web,
    pub(crate) pauses: Pauses,
}

/// Starts effects.
#[derive(Debug)]
pub(crate) struct Outbox {
    tools: Arc<Tools>,
    arrivals: mpsc::Sender<Arrival>,
    tasks: JoinSet<()>,
}

/// One effect with all that carrying it out takes.
#[derive(Debug)]
enum Work {
    Actuate(RemedyId, Actuation),
    Deliver(Box<Delivery>),
    Review(Box<Incident>),
    Tell(Box<Memo>, Name),
}

impl Outbox {
    /// An outbox whose outcomes go to the driver.
    pub(crate) fn new(tools: Tools, arrivals: mpsc::Sender<Arrival>) -> Self {
        Self { tools: Arc::new(tools), arrivals, tasks: JoinSet::new() }
    }

    /// Where messages go, by the configuration.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        channels(&self.tools.settings)
    }

    /// Starts everything that is due.
    pub(crate) fn carry_out(&mut self, desk: &mut Desk) {
        self.reap();
        for (id, effect) in desk.due() {
            if let Some(work) = Work::prepare(&id, &effect, desk.engine().book()) {
                self.tasks.spawn(carry(Arc::clone(&self.tools), id, work, self.arrivals.clone()));
            }
        }
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
            (EffectId::Tell(_, channel), Effect::Tell(memo)) => Some(Self::Tell(memo.clone(), channel.clone())),
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
        Work::Tell(memo, channel) => {
            let outcome = tell(&tools, &memo, &channel).await;
            Event::MemoSent { memo: memo.id, channel, outcome }
        }
        Work::Review(incident) => {
            Event::Reviewed { incident: incident.id, path: write_review(&tools, &incident).await }
        }
    };
    // A driver that is gone repeats the effect after its next start.
    drop(arrivals.send(Arrival::Ended(id, Box::new(event))).await);
}
