//! Microsoft Teams: an adaptive card for a workflow's webhook. Texts are runs of a `RichTextBlock`, in which Teams reads no
//! marks, unlike those of a `TextBlock`.

use super::text::{cut, plain};
use super::{Card, Hue};
use serde_json::{Value, json};

const TITLE_MAX: usize = 300;
/// A message has 28 KB at most.
const BODY_MAX: usize = 5_000;

pub(super) fn message(card: &Card<'_>) -> Value {
    let color = match card.hue {
        Hue::Bad => "Attention",
        Hue::Better => "Warning",
        Hue::Good => "Good",
        Hue::Plain => "Default",
    };
    let run = |text: String| json!({"type": "TextRun", "text": text});
    let block = |run: Value| json!({"type": "RichTextBlock", "inlines": [run]});
    let mut headline = run(cut(&card.headline(), TITLE_MAX));
    headline["weight"] = "Bolder".into();
    headline["size"] = "Large".into();
    headline["color"] = color.into();
    let open = |title: &str, url: &str| json!({"type": "Action.OpenUrl", "title": title, "url": url});
    let mut actions = vec![open(card.link.0, card.link.1)];
    actions.extend(card.manage.map(|(label, url)| open(label, url)));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    block(headline),
                    block(run(cut(&plain(card.body), BODY_MAX))),
                    block(run(cut(&format!("{}, {}", card.service, card.at), TITLE_MAX))),
                ],
                "actions": actions,
            },
        }],
    })
}
