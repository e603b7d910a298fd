//! What a subscriber is reached by, and where: an address is checked once, when it comes in.

use crate::channel::push::seal::Keys;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest address: what RFC 5321 allows a path is shorter, and webhooks' URLs stay below it.
const ADDRESS_MAX: usize = 2_048;
/// Longest mail address (RFC 5321, 4.5.3.1.3).
const MAIL_MAX: usize = 254;

/// What a subscriber is reached by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// By mail.
    Mail,
    /// By POST, in the shape of Statuspage's webhooks, signed.
    Webhook,
    /// An incoming webhook of Slack.
    Slack,
    /// A webhook of Discord.
    Discord,
    /// An incoming webhook of Mattermost.
    Mattermost,
    /// A workflow of Microsoft Teams.
    Teams,
    /// A browser, by the push service that it chose.
    Push,
}

impl ChannelKind {
    /// All of them, in the order of the form.
    pub const ALL: [Self; 7] =
        [Self::Mail, Self::Webhook, Self::Slack, Self::Discord, Self::Mattermost, Self::Teams, Self::Push];

    /// The word in the API and in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Mattermost => "mattermost",
            Self::Teams => "teams",
            Self::Push => "push",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Mail => "Mail",
            Self::Webhook => "Webhook",
            Self::Slack => "Slack",
            Self::Discord => "Discord",
            Self::Mattermost => "Mattermost",
            Self::Teams => "Microsoft Teams",
            Self::Push => "Browser",
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such channel; there are mail, webhook, slack, discord, mattermost, teams and push")]
pub struct NoChannel;

impl FromStr for ChannelKind {
    type Err = NoChannel;

    fn from_str(text: &str) -> Result<Self, NoChannel> {
        Self::ALL.into_iter().find(|kind| kind.word() == text).ok_or(NoChannel)
    }
}

/// Where a subscriber is reached. Made by [`Address::read`] and [`Address::of_browser`] alone, so it is one that can be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// By what.
    pub kind: ChannelKind,
    /// A mail address, its domain in lower case, or a URL.
    pub text: String,
    /// Which host takes it: all subscribers of one host share a lane. Mail has one lane, its relay's.
    pub host: String,
    /// Who can read what is sent there: a browser's keys, as they are kept.
    pub(crate) keys: Option<String>,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has no `@` in the middle, or what no mail address has.
    #[error("that is no mail address: write it as you@example.org")]
    Mail,
    /// No URL, or not one for the web.
    #[error("that is no address of the web: write it as https://example.org/path")]
    Url,
    /// A user name or a password in it.
    #[error("an address with a user name or a password in it is not kept")]
    Credentials,
    /// A browser gives its address itself.
    #[error("a browser subscribes by itself, on the page for subscribing")]
    Browser,
    /// No address of a push service, or none over TLS.
    #[error("that is no address of a push service")]
    PushService,
    /// Not the keys of a browser.
    #[error("these are not the keys of a browser")]
    Keys,
    /// Longer than any.
    #[error("an address has at most {ADDRESS_MAX} characters")]
    Long,
}

impl Address {
    /// Checks what somebody wrote.
    ///
    /// # Errors
    /// [`AddressError`], for people.
    pub fn read(kind: ChannelKind, text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.len() > ADDRESS_MAX {
            return Err(AddressError::Long);
        }
        if kind == ChannelKind::Mail {
            return read_mail(text).map(|text| Self { kind, text, host: "mail".into(), keys: None });
        }
        if kind == ChannelKind::Push {
            return Err(AddressError::Browser);
        }
        let url = Url::parse(text).map_err(|_| AddressError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(AddressError::Url);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let host = format!("{}:{port}", url.host_str().ok_or(AddressError::Url)?);
        Ok(Self { kind, text: url.into(), host, keys: None })
    }

    /// Checks what a browser gave: where its push service takes messages, and its keys.
    ///
    /// # Errors
    /// [`AddressError`], for people.
    pub fn of_browser(endpoint: &str, p256dh: &str, auth: &str) -> Result<Self, AddressError> {
        let keys = Keys::read(p256dh, auth).map_err(|_| AddressError::Keys)?;
        // Push services speak TLS (RFC 8030, 8). This machine itself needs none, and `[outbound] allow` has to open it.
        let is_near = |url: &Url| matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        let is_sound = |url: &Url| url.scheme() == "https" || is_near(url);
        Url::parse(endpoint).ok().filter(is_sound).ok_or(AddressError::PushService)?;
        let address = Self::read(ChannelKind::Webhook, endpoint).map_err(|_| AddressError::PushService)?;
        Ok(Self { kind: ChannelKind::Push, keys: Some(keys.to_string()), ..address })
    }
}

/// What mail servers agree on: visible ASCII without quotes and brackets around one `@`, and a domain with a dot.
fn read_mail(text: &str) -> Result<String, AddressError> {
    let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Mail)?;
    let in_local = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
    let in_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(in_label)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let dots_are_apart = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    let good_local = (1..=64).contains(&local.len()) && local.chars().all(in_local) && dots_are_apart;
    let good_domain = domain.contains('.') && domain.split('.').all(is_label);
    if text.len() > MAIL_MAX || !good_local || !good_domain {
        return Err(AddressError::Mail);
    }
    Ok(format!("{local}@{}", domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_address() {
        use ChannelKind::{Mail, Slack, Webhook};
        let long = format!("{}@example.org", "a".repeat(65));
        let table = [
            (Mail, " Anna.B+x@Example.ORG ", Ok(("Anna.B+x@example.org", "mail"))),
            (Mail, "anna", Err(AddressError::Mail)),
            (Mail, "a@b@example.org", Err(AddressError::Mail)),
            (Mail, "anna@localhost", Err(AddressError::Mail)),
            (Mail, "anna@example.org\r\nBcc: bob@example.org", Err(AddressError::Mail)),
            (Mail, "<anna@example.org>", Err(AddressError::Mail)),
            (Mail, "anna@-x.org", Err(AddressError::Mail)),
            (Mail, "a..b@example.org", Err(AddressError::Mail)),
            (Mail, &long, Err(AddressError::Mail)),
            (Webhook, "https://Hooks.example/x?y=1", Ok(("https://hooks.example/x?y=1", "hooks.example:443"))),
            (Webhook, "http://hooks.example:8080", Ok(("http://hooks.example:8080/", "hooks.example:8080"))),
            (Slack, "ftp://hooks.example/x", Err(AddressError::Url)),
            (Slack, "javascript:alert(1)", Err(AddressError::Url)),
            (Slack, "https://anna:x@hooks.example/x", Err(AddressError::Credentials)),
        ];
        for (kind, text, expected) in table {
            let read = Address::read(kind, text);
            let read = read.as_ref().map(|it| (it.text.as_str(), it.host.as_str())).map_err(|error| *error);
            assert_eq!(read, expected, "{kind} {text:?}");
        }
        assert_eq!(Address::read(Slack, &format!("https://x.example/{}", "a".repeat(3_000))), Err(AddressError::Long));
    }

    #[test]
    fn what_is_a_browser() {
        let point = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let auth = "BTBZMqHH6r4Tts7J_aSIgg";
        let long = format!("https://push.example/{}", "a".repeat(3_000));
        let table = [
            ("https://push.example/x", point, auth, Ok("push.example:443")),
            ("http://127.0.0.1:9000/x", point, auth, Ok("127.0.0.1:9000")),
            ("http://push.example/x", point, auth, Err(AddressError::PushService)),
            ("https://a:b@push.example/x", point, auth, Err(AddressError::PushService)),
            ("file:///etc/passwd", point, auth, Err(AddressError::PushService)),
            (&long, point, auth, Err(AddressError::PushService)),
            ("https://push.example/x", auth, point, Err(AddressError::Keys)),
            ("https://push.example/x", point, "", Err(AddressError::Keys)),
        ];
        for (endpoint, p256dh, auth, expected) in table {
            let read = Address::of_browser(endpoint, p256dh, auth);
            let kept = format!("{p256dh}.{auth}");
            assert!(read.as_ref().is_ok_and(|it| it.keys.as_deref() == Some(&*kept)) == expected.is_ok());
            assert_eq!(read.as_ref().map(|it| it.host.as_str()).map_err(|error| *error), expected, "{endpoint}");
        }
        assert_eq!(Address::read(ChannelKind::Push, "https://push.example/x"), Err(AddressError::Browser));
    }
}
