//! Slack: blocks for people, a text for notifications. All that somebody wrote stands in `plain_text`, which Slack reads no
//! marks in; the links alone are `mrkdwn`.

use super::Card;
use super::text::{cut, plain};
use serde_json::{Value, json};

/// A header block's text.
const HEADER_MAX: usize = 150;
/// A section block's text.
const SECTION_MAX: usize = 3_000;
/// The notification: longer ones are cut off by clients anyway.
const TEXT_MAX: usize = 300;

pub(super) fn message(card: &Card<'_>) -> Value {
    let (label, url) = card.link;
    let mut links = format!("<{}|{}>", link(url), escape(label));
    if let Some((label, manage)) = card.manage {
        links.push_str(&format!(" · <{}|{}>", link(manage), escape(label)));
    }
    json!({
        "text": cut(&escape(&card.headline()), TEXT_MAX),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": cut(&card.headline(), HEADER_MAX), "emoji": false}},
            {"type": "section", "text": {"type": "plain_text", "text": cut(&plain(card.body), SECTION_MAX), "emoji": false}},
            {"type": "context", "elements": [
                {"type": "plain_text", "text": cut(card.service, HEADER_MAX), "emoji": false},
                {"type": "mrkdwn", "text": links, "verbatim": true},
            ]},
        ],
    })
}

/// Slack's three: with them gone, `<!channel>` is text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A URL ends its own mark at neither of these.
fn link(url: &str) -> String {
    escape(url).replace('|', "%7C")
}
