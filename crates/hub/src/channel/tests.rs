//! Every shape within its limits, whatever it is made of.

use super::*;
use crate::faces::Phrases;

pub(super) const HOSTILE: &str =
    "@everyone <!channel> [x](javascript:alert(1)) <script>alert(1)</script> **bold** `code`\u{202e}";

pub(super) fn card<'a>(title: &'a str, body: &'a str) -> Card<'a> {
    Card {
        service: "Encore",
        standing: "Investigating",
        title,
        body,
        hue: Hue::Bad,
        at: "2026-11-22T14:03:08.125Z",
        link: ("Read more", "https://status.example/incidents/3"),
        manage: Some((
            "Change or end this subscription",
            "https://status.example/subscription/0123456789abcdef0123456789abcdef",
        )),
        language: Language::En,
    }
}

fn drawn(dialect: Dialect, title: &str, body: &str) -> Value {
    draw(dialect, &card(title, body)).expect("drawn from cards")
}

fn units(value: &Value) -> usize {
    value.as_str().expect("a text").encode_utf16().count()
}

#[test]
fn slack_reads_no_marks_in_what_somebody_wrote() {
    let message = drawn(Dialect::Slack, HOSTILE, HOSTILE);
    assert!(!message["text"].as_str().expect("a text").contains("<!channel>"));
    for block in [&message["blocks"][0], &message["blocks"][1]] {
        assert_eq!(block["text"]["type"], "plain_text");
    }
    let links = message["blocks"][2]["elements"][1]["text"].as_str().expect("links");
    assert!(
        links.starts_with("<https://status.example/incidents/3|Read more> · <https://status.example/subscription/")
    );
}

#[test]
fn discord_mentions_nobody_and_escapes() {
    let message = drawn(Dialect::Discord, HOSTILE, HOSTILE);
    assert_eq!(message["allowed_mentions"], serde_json::json!({"parse": []}));
    let description = message["embeds"][0]["description"].as_str().expect("a description");
    assert!(
        description.contains(r"\[x\]\(javascript\:alert") && description.contains(r"\*\*bold\*\*"),
        "{description}"
    );
}

#[test]
fn mattermost_escapes_and_names_nobody() {
    let message = drawn(Dialect::Mattermost, HOSTILE, HOSTILE);
    let text = message["attachments"][0]["text"].as_str().expect("a text");
    assert!(!text.contains("@everyone") && text.contains(r"\[x\]\("), "{text}");
}

/// What is said besides a word is built in, in each language, and is text as well.
#[test]
fn every_language_is_drawn_in_every_shape() {
    for language in Language::ALL {
        let s = &Phrases::of(language).subscribing;
        let hostile = card(HOSTILE, HOSTILE);
        let manage = Some((s.manage, hostile.link.1));
        let card =
            Card { language, standing: s.please_confirm, link: (s.read_more, hostile.link.1), manage, ..hostile };
        for dialect in Dialect::ALL {
            let Some(drawn) = draw(dialect, &card) else { continue };
            let text = drawn.to_string();
            let is_linked = text.replace('\\', "").contains(s.manage);
            assert_eq!(is_linked, dialect != Dialect::Mastodon, "{dialect:?} {language}: {text}");
        }
    }
}

#[test]
fn mastodon_names_nobody() {
    let status = drawn(Dialect::Mastodon, "@bob@social.example", HOSTILE)["status"].clone();
    let status = status.as_str().expect("a text");
    assert!(!status.contains("@bob") && !status.contains("@everyone"), "{status}");
}

#[test]
fn long_texts_are_cut_at_each_services_limits() {
    let (title, body) = ("t😀".repeat(2_000), "*😀".repeat(20_000));
    let slack = drawn(Dialect::Slack, &title, &body);
    assert!(units(&slack["blocks"][0]["text"]["text"]) <= 150 && units(&slack["blocks"][1]["text"]["text"]) <= 3_000);
    let discord = &drawn(Dialect::Discord, &title, &body)["embeds"][0];
    let (head, text, foot) =
        (units(&discord["title"]), units(&discord["description"]), units(&discord["footer"]["text"]));
    assert!(head <= 256 && text <= 4_096 && head + text + foot <= 6_000, "{head} {text} {foot}");
    assert!(drawn(Dialect::Mattermost, &title, &body).to_string().encode_utf16().count() < 60_000);
    let post = &drawn(Dialect::Mattermost, &title, &body)["attachments"][0];
    assert!(units(&post["text"]) + units(&post["title"]) + units(&post["fallback"]) <= 16_383);
    assert!(drawn(Dialect::Teams, &title, &body).to_string().len() <= 28 * 1024);
    let status = drawn(Dialect::Mastodon, &title, &body)["status"].clone();
    let link = "https://status.example/incidents/3";
    assert!(units(&status) - link.len() + 23 <= 500, "{}", units(&status));
    assert!(status.as_str().expect("a text").ends_with(link));
}
