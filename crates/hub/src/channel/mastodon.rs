//! Mastodon: a status of 500 characters at most, of which a link takes 23 whatever its length.

use super::Card;
use super::text::{cut, line, plain, without_mentions};
use serde_json::{Value, json};

const STATUS_MAX: usize = 500;
const LINK_COUNTS: usize = 23;
/// Between headline, body and link.
const GAPS: usize = 4;
const HEADLINE_MAX: usize = 200;

pub(super) fn status(card: &Card<'_>) -> Value {
    let headline = cut(&without_mentions(&line(&card.headline())), HEADLINE_MAX);
    let room = STATUS_MAX - LINK_COUNTS - GAPS - headline.encode_utf16().count();
    let body = cut(&without_mentions(&plain(card.body)), room);
    json!({"status": format!("{headline}\n\n{body}\n\n{}", card.link.1), "visibility": "public"})
}
