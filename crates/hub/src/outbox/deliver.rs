//! One message on one channel: the status page, the log, or a webhook.

use super::webhook;
use super::{LOG_CHANNEL, STATUS_PAGE, Tools};
use crate::settings::WebhookSettings;
use downbeat_core::incident::Outcome;
use downbeat_core::model::{Audience, Memo, Moment, Name, Notice};

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
        _ => match hook(tools, &delivery.channel) {
            Ok(hook) => webhook::send(tools, hook, webhook::Letter::of_notice(tools, hook.dialect, delivery)).await,
            Err(outcome) => outcome,
        },
    }
}

/// Tells the team of a matter, however many attempts that takes.
pub(super) async fn tell(tools: &Tools, memo: &Memo, channel: &Name) -> Outcome {
    if channel.as_str() == LOG_CHANNEL {
        tracing::warn!(memo = %memo.id, urgency = memo.urgency.word(), "{}: {}", memo.matter.title(), memo.title);
        return Outcome::Done;
    }
    match hook(tools, channel) {
        Ok(hook) => webhook::send(tools, hook, webhook::Letter::of_memo(tools, hook, memo)).await,
        Err(outcome) => outcome,
    }
}

fn hook<'t>(tools: &'t Tools, channel: &Name) -> Result<&'t WebhookSettings, Outcome> {
    let hook = tools.settings.webhooks.iter().find(|hook| hook.name == *channel);
    hook.ok_or_else(|| Outcome::Failed { why: format!("channel {channel} is no longer configured") })
}

fn write_line(notice: &Notice) -> Outcome {
    tracing::warn!(notice = %notice.id, stage = notice.stage.word(), slice = %notice.slice, "page: {}", notice.title);
    Outcome::Done
}

/// Where a reader of this message finds more.
pub(super) fn link(tools: &Tools, notice: &Notice) -> String {
    let root = match notice.audience {
        Audience::Public => &tools.settings.status_url,
        Audience::OnCall | Audience::Team => &tools.settings.console_url,
    };
    format!("{}/incidents/{}", root.trim_end_matches('/'), notice.id.incident)
}

/// The same for a message about a matter: its incident's room, or the front page of the console.
pub(super) fn memo_link(tools: &Tools, memo: &Memo) -> String {
    let root = tools.settings.console_url.trim_end_matches('/');
    memo.incident.map_or_else(|| format!("{root}/"), |id| format!("{root}/incidents/{id}"))
}
