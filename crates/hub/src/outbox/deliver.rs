//! One message on one channel: the status page, the log, or a webhook.

use super::webhook;
use super::{LOG_CHANNEL, STATUS_PAGE, Tools};
use downbeat_core::incident::Outcome;
use downbeat_core::model::{Audience, Moment, Name, Notice};

/// A message on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) notice: Notice,
    pub(super) channel: Name,
    /// When it was written.
    pub(super) at: Moment,
}

/// Delivers it, however many attempts that takes.
pub(super) async fn deliver(tools: &Tools, delivery: &Delivery) -> Outcome {
    match delivery.channel.as_str() {
        // The driver publishes the picture that holds a notice before it starts the notice's delivery.
        STATUS_PAGE => Outcome::Done,
        LOG_CHANNEL => write_line(&delivery.notice),
        name => match tools.settings.webhooks.iter().find(|w| w.name.as_str() == name) {
            Some(hook) => webhook::send(tools, hook, delivery).await,
            None => Outcome::Failed { why: format!("channel {name} is no longer configured") },
        },
    }
}

fn write_line(notice: &Notice) -> Outcome {
    tracing::warn!(notice = %notice.id, stage = notice.stage.word(), slice = %notice.slice, "page: {}", notice.title);
    Outcome::Done
}

/// Where a reader of this message finds more.
pub(super) fn link(tools: &Tools, notice: &Notice) -> String {
    let root = match notice.audience {
        Audience::Public => &tools.settings.status_url,
        Audience::OnCall => &tools.settings.console_url,
    };
    format!("{}/incidents/{}", root.trim_end_matches('/'), notice.id.incident)
}
