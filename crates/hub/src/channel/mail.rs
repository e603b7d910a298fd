//! Mail: plain text and simple HTML of the same card, through the relay that the configuration names.
//!
//! A repeat has the same `Message-ID`, so a mail server or client that knows it shows one. All mails of a story refer to the
//! same id, so a client shows them as one conversation. `List-Unsubscribe` takes one click (RFC 8058).

use super::Card;
use super::post::Refused;
use super::text::{cut, escape_html, line, plain};
use crate::outbound::{NamedBy, Outbound, causes};
use crate::settings::{MailSettings, MailTls};
use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// Connections to the relay side by side: more than most relays take from one client would be refused.
const CONNECTIONS: usize = 16;
/// How long the relay may take for one command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest subject.
const SUBJECT_MAX: usize = 200;
/// Longest body: a public word has 5,000 characters at most.
const BODY_MAX: usize = 20_000;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends mail. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Mailer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: MailSettings,
    from: Mailbox,
    /// Who speaks at the relay, and what ids end with: the status page's host.
    own_host: String,
    outbound: Outbound,
    transport: Mutex<Option<Transport>>,
    /// Which of the relay's addresses is used.
    turn: AtomicUsize,
    connections: Semaphore,
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

impl Mailer {
    /// A mailer by these settings; `None` when the sender is none, which the configuration has checked.
    pub(crate) fn new(settings: MailSettings, status_url: &str, outbound: Outbound) -> Option<Self> {
        let from = settings.from.parse().ok()?;
        let url = reqwest::Url::parse(status_url).ok();
        let own_host = url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "localhost".into());
        let (transport, connections) = (Mutex::new(None), Semaphore::new(CONNECTIONS));
        let turn = AtomicUsize::new(0);
        Some(Self(Arc::new(Shared { settings, from, own_host, outbound, transport, turn, connections })))
    }

    /// Makes one attempt.
    pub(crate) async fn attempt(&self, mail: &Mail<'_>) -> Result<(), Refused> {
        let message = self.message(mail).map_err(|error| Refused::ForGood(error.to_string()))?;
        // Nobody closes it.
        let _place = self.0.connections.acquire().await;
        let transport = self.transport().await.map_err(Refused::ForNow)?;
        match transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let why = causes(&error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
                if error.status().is_some_and(|code| is_about_the_reader(code.into())) {
                    return Err(Refused::ForGood(why));
                }
                if error.status().is_none() {
                    // Nobody answered: the relay's name is looked up anew.
                    *self.0.transport.lock().await = None;
                    self.0.turn.fetch_add(1, Relaxed);
                }
                Err(Refused::ForNow(why))
            }
        }
    }

    async fn transport(&self) -> Result<Transport, String> {
        let mut known = self.0.transport.lock().await;
        if let Some(transport) = &*known {
            return Ok(transport.clone());
        }
        let settings = &self.0.settings;
        let found = self.0.outbound.look_up(&settings.host, settings.port, NamedBy::Service).await;
        let found = found.map_err(|error| error.to_string())?;
        // A name may have addresses at which nobody listens: after a failure, the next one has its turn.
        let turn = self.0.turn.load(Relaxed) % found.len().max(1);
        let address = found.get(turn).ok_or_else(|| format!("{} has no address", settings.host))?;
        let pool = PoolConfig::new().max_size(CONNECTIONS as u32).idle_timeout(Duration::from_secs(30));
        let mut builder = Transport::builder_dangerous(address.ip().to_string())
            .port(settings.port)
            .hello_name(ClientId::Domain(self.0.own_host.clone()))
            .timeout(Some(COMMAND_TIMEOUT))
            .tls(self.tls()?)
            .pool_config(pool);
        if let Some((user, password)) = &settings.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(known.insert(builder.build()).clone())
    }

    fn tls(&self) -> Result<Tls, String> {
        let settings = &self.0.settings;
        let parameters = || TlsParameters::new(settings.host.clone()).map_err(|error| error.to_string());
        Ok(match settings.tls {
            MailTls::Off => Tls::None,
            MailTls::Required => Tls::Required(parameters()?),
            MailTls::Wrapped => Tls::Wrapper(parameters()?),
        })
    }

    fn message(&self, mail: &Mail<'_>) -> Result<Message, MailFault> {
        let host = &self.0.own_host;
        let thread = format!("<{}@{host}>", mail.thread);
        let subject = cut(&line(&format!("{}: {}", mail.card.standing, mail.card.title)), SUBJECT_MAX);
        let to: lettre::Address = mail.to.parse()?;
        let builder = Message::builder()
            .from(self.0.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(format!("<{}@{host}>", mail.key)))
            .in_reply_to(thread.clone())
            .references(thread);
        let builder = raw(builder, "List-Unsubscribe", format!("<{}>", mail.unsubscribe));
        let builder = raw(builder, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into());
        let builder = raw(builder, "List-Id", format!("<status.{host}>"));
        let builder = raw(builder, "Auto-Submitted", "auto-generated".into());
        let parts = MultiPart::alternative_plain_html(text_of(&mail.card), html_of(&mail.card));
        Ok(builder.multipart(parts)?)
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

/// The mailbox is not there or takes nothing (RFC 5321, 4.2.3). All other refusals are about us or the relay, and pass.
const fn is_about_the_reader(code: u16) -> bool {
    matches!(code, 550..=553)
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
        let bytes = mailer().message(&mail).expect("a mail").formatted();
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

    #[test]
    fn who_is_to_blame_for_a_refusal() {
        for (code, reader) in [(550, true), (553, true), (535, false), (530, false), (554, false), (421, false)] {
            assert_eq!(is_about_the_reader(code), reader, "{code}");
        }
    }
}
