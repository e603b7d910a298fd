//! Mattermost: an attachment in Slack's older shape, whose texts are Markdown; what somebody wrote is escaped.

use super::Card;
use super::text::{cut, escape_markdown, plain, without_mentions};
use serde_json::{Value, json};

/// A post has 16,383 characters at most, attachments included.
const BODY_MAX: usize = 7_000;
const TITLE_MAX: usize = 300;

pub(super) fn message(card: &Card<'_>) -> Value {
    let text_of = |text: &str, most: usize| without_mentions(&escape_markdown(&cut(text, most)));
    let (label, url) = card.link;
    let mut links = format!("[{}]({url})", escape_markdown(label));
    if let Some((label, manage)) = card.manage {
        links.push_str(&format!(" · [{}]({manage})", escape_markdown(label)));
    }
    json!({
        "attachments": [{
            "fallback": without_mentions(&cut(&card.headline(), TITLE_MAX)),
            "color": card.hue.hex(),
            "title": without_mentions(&cut(&card.headline(), TITLE_MAX)),
            "title_link": url,
            "text": format!("{}\n\n{links}", text_of(&plain(card.body), BODY_MAX)),
            "footer": cut(card.service, TITLE_MAX),
        }],
    })
}
