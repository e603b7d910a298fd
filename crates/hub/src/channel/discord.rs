//! Discord: one embed, and `allowed_mentions` that allow none.

use super::Card;
use super::text::{cut, escape_markdown, plain};
use serde_json::{Value, json};

const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;
const FOOTER_MAX: usize = 2_048;
/// All texts of an embed together.
const TOTAL_MAX: usize = 6_000;

pub(super) fn message(card: &Card<'_>) -> Value {
    let title = cut(&card.headline(), TITLE_MAX);
    let footer = cut(card.service, FOOTER_MAX.min(TITLE_MAX));
    let (label, url) = card.link;
    let mut links = format!("\n\n[{}]({url})", escape_markdown(label));
    if let Some((label, manage)) = card.manage {
        links.push_str(&format!(" · [{}]({manage})", escape_markdown(label)));
    }
    // An escape may be cut in two; the backslash that is left shows as itself before the ellipsis.
    let room = DESCRIPTION_MAX.min(TOTAL_MAX - 2 * TITLE_MAX) - links.encode_utf16().count().min(2_048);
    let description = format!("{}{links}", cut(&escape_markdown(&plain(card.body)), room));
    json!({
        "allowed_mentions": {"parse": []},
        "embeds": [{
            "title": title,
            "url": url,
            "description": description,
            "color": card.hue.rgb(),
            "timestamp": card.at,
            "footer": {"text": footer},
        }],
    })
}
