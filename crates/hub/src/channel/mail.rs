//! Mail: plain text and simple HTML of the same card, through the relay that the configuration names.
//!
//! A repeat has the same `Message-ID`, so a mail server or client that knows it shows one. All mails of a story refer to the
//! same id, so a client shows them as one conversation. `List-Unsubscribe` takes one click (RFC 8058).

use super::Card;
use super::post::Refused;
use super::relay::{PATIENCE, Relay};
use super::text::{cut, escape_html, line, plain};
use crate::outbound::Outbound;
use crate::settings::MailSettings;
use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart};
use lettre::{Address, Message};
use std::sync::Arc;

/// Longest subject.
const SUBJECT_MAX: usize = 200;
/// Longest body: a public word has 5,000 characters at most.
const BODY_MAX: usize = 20_000;

/// Sends mail. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Mailer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    from: Mailbox,
    /// Who speaks at the relay, and what ids end with: the status page's host.
    own_host: String,
    relay: Relay,
}

/// One mail.
#[derive(Debug)]
pub(crate) struct Mail<'a> {
    /// To whom.
    pub(crate) to: &'a str,
    /// What tells it from all others: visible ASCII without spaces.
    pub(crate) key: &'a str,
    /// What is the same in all mails to this reader about the same thing.
    pub(crate) thread: &'a str,
    /// What it says.
    pub(crate) card: Card<'a>,
    /// Where one POST ends the subscription.
    pub(crate) unsubscribe: &'a str,
}

/// The bare address in who mail comes from.
pub(crate) fn sender(from: &str) -> Option<String> {
    from.parse::<Mailbox>().ok().map(|mailbox| mailbox.email.to_string())
}

impl Mailer {
    /// A mailer by these settings; `None` when the sender is none, which the configuration has checked.
    pub(crate) fn new(settings: MailSettings, status_url: &str, outbound: Outbound) -> Option<Self> {
        let from = settings.from.parse().ok()?;
        let url = reqwest::Url::parse(status_url).ok();
        let own_host = url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "localhost".into());
        let relay = Relay::new(settings, &own_host, outbound, PATIENCE);
        Some(Self(Arc::new(Shared { from, own_host, relay })))
    }

    /// Makes one attempt.
    pub(crate) async fn attempt(&self, mail: &Mail<'_>) -> Result<(), Refused> {
        let (to, message) = self.message(mail).map_err(|error| Refused::ForGood(error.to_string()))?;
        self.0.relay.attempt(&self.0.from.email, &to, &message.formatted()).await
    }

    fn message(&self, mail: &Mail<'_>) -> Result<(Address, Message), MailFault> {
        let host = &self.0.own_host;
        let thread = format!("<{}@{host}>", mail.thread);
        let subject = cut(&line(&format!("{}: {}", mail.card.standing, mail.card.title)), SUBJECT_MAX);
        let to: Address = mail.to.parse()?;
        let builder = Message::builder()
            .from(self.0.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(subject)
            .message_id(Some(format!("<{}@{host}>", mail.key)))
            .in_reply_to(thread.clone())
            .references(thread);
        let builder = raw(builder, "List-Unsubscribe", format!("<{}>", mail.unsubscribe));
        let builder = raw(builder, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into());
        let builder = raw(builder, "List-Id", format!("<status.{host}>"));
        let builder = raw(builder, "Auto-Submitted", "auto-generated".into());
        let parts = MultiPart::alternative_plain_html(text_of(&mail.card), html_of(&mail.card));
        Ok((to, builder.multipart(parts)?))
    }
}

/// Why a mail cannot be written.
#[derive(Debug, thiserror::Error)]
enum MailFault {
    #[error("that is no mail address: {0}")]
    Address(#[from] AddressError),
    #[error(transparent)]
    Message(#[from] lettre::error::Error),
}

fn raw(builder: MessageBuilder, name: &'static str, value: String) -> MessageBuilder {
    builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value))
}

fn text_of(card: &Card<'_>) -> String {
    let (label, url) = card.link;
    let body = cut(&plain(card.body), BODY_MAX);
    let mut text = format!("{}\n\n{body}\n\n{label}: {url}\n\n{}, {}\n", card.headline(), card.service, card.at);
    if let Some((label, manage)) = card.manage {
        text.push_str(&format!("{label}: {manage}\n"));
    }
    text
}

fn html_of(card: &Card<'_>) -> String {
    let (label, url) = card.link;
    let body = escape_html(&cut(&plain(card.body), BODY_MAX));
    let paragraphs: String =
        body.split("\n\n").map(|part| format!("<p>{}</p>\n", part.replace('\n', "<br>"))).collect();
    let manage = card
        .manage
        .map(|(label, manage)| format!("<br><a href=\"{}\">{}</a>", escape_html(manage), escape_html(label)));
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"></head>\n\
         <body style=\"font-family:sans-serif;line-height:1.5;max-width:40em\">\n\
         <h1 style=\"font-size:1.25em;border-left:6px solid {};padding-left:.5em\">{}</h1>\n{paragraphs}\
         <p><a href=\"{}\">{}</a></p>\n<p><small>{}, {}{}</small></p>\n</body></html>\n",
        card.language,
        card.hue.hex(),
        escape_html(&card.headline()),
        escape_html(url),
        escape_html(label),
        escape_html(card.service),
        escape_html(card.at),
        manage.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{HOSTILE, card};
    use super::*;
    use crate::settings::MailTls;
    use downbeat_core::model::Topology;

    fn mailer() -> Mailer {
        let settings = MailSettings {
            host: "127.0.0.1".into(),
            port: 25,
            tls: MailTls::Off,
            login: None,
            from: "Encore status <status@example.org>".into(),
        };
        let outbound = Outbound::new(vec![], &Topology::default());
        Mailer::new(settings, "https://status.example", outbound).expect("a sender")
    }

    fn written(title: &str, body: &str) -> String {
        let mail = Mail {
            to: "anna@example.org",
            key: "3.1-17",
            thread: "3-17",
            card: card(title, body),
            unsubscribe: "https://status.example/subscription/0123456789abcdef0123456789abcdef/unsubscribe",
        };
        let bytes = mailer().message(&mail).expect("a mail").1.formatted();
        String::from_utf8(bytes).expect("text").replace("\r\n", "\n")
    }

    #[test]
    fn a_mail_can_be_threaded_and_unsubscribed_by_one_click() {
        let mail = written("Problems with Playback", "We look into it.");
        for line in [
            "From: \"Encore status\" <status@example.org>",
            "To: anna@example.org",
            "Subject: Investigating: Problems with Playback",
            "Message-ID: <3.1-17@status.example>",
            "In-Reply-To: <3-17@status.example>",
            "References: <3-17@status.example>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(mail.lines().any(|it| it == line), "{line} is not in\n{mail}");
        }
        assert!(mail.contains("<https://status.example/subscription/0123456789abcdef0123456789abcdef/unsubscribe>"));
    }

    #[test]
    fn hostile_words_add_no_line_and_no_mark() {
        let mail = written("x\r\nBcc: bob@example.org\r\n\r\n<b>", HOSTILE);
        assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
        let html = html_of(&card("<img src=x>", HOSTILE));
        assert!(!html.contains("<img") && !html.contains("<script"), "{html}");
    }
}
