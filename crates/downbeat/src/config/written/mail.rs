//! `[mail]` and `[subscribers]`: who takes mail for the world, and what strangers may subscribe by.

use super::hub::Secret;
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::value::FromText;
use downbeat_core::model::Name;
use downbeat_hub::settings::{ChannelKind, MailTls};
use downbeat_hub::subscribers::Address;
use std::path::PathBuf;
use toml::Spanned;

/// `[mail]`.
pub(crate) struct MailTable {
    pub(crate) host: Option<Spanned<Name>>,
    pub(crate) port: Option<u16>,
    pub(crate) tls: MailTls,
    pub(crate) user: Option<Spanned<MailUser>>,
    pub(crate) password: Option<Spanned<MailPassword>>,
    pub(crate) password_file: Option<Spanned<PathBuf>>,
    pub(crate) from: Option<String>,
}

/// A user name at a relay.
pub(crate) struct MailUser(pub(crate) String);

/// A password at a relay.
pub(crate) struct MailPassword(pub(crate) String);

/// Who mail comes from: an address, perhaps behind a name.
struct Sender(String);

impl FromText for MailUser {
    const EXPECTED: &'static str = "a user name";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        Secret::from_text(text).map(|secret| Self(secret.0))
    }
}

impl FromText for MailPassword {
    const EXPECTED: &'static str = "a password";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        Secret::from_text(text).map(|secret| Self(secret.0))
    }
}

impl FromText for Sender {
    const EXPECTED: &'static str = "a sender such as \"Encore status <status@example.org>\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let address = match text.split_once('<') {
            Some((name, rest)) if !name.contains(['"', ',', '>']) => rest.strip_suffix('>').unwrap_or_default(),
            Some(_) => "",
            None => text,
        };
        let is_one_line = !text.chars().any(char::is_control);
        if text.len() > 320 || !is_one_line || Address::read(ChannelKind::Mail, address).is_err() {
            let complaint = Complaint::new(format!("{text:?} is no sender of mail"));
            return Err(complaint.hint("write \"status@example.org\" or \"Encore status <status@example.org>\""));
        }
        Ok(Self(text.trim().into()))
    }
}

impl MailTable {
    pub(super) fn read(reader: Reader<'_>) -> Option<Self> {
        if !reader.is_there() {
            return None;
        }
        let table = Self {
            host: reader.required("host"),
            port: reader.get("port").map(Spanned::into_inner),
            tls: reader.or("tls", MailTls::Required),
            user: reader.get("user"),
            password: reader.get("password"),
            password_file: reader.get("password_file"),
            from: reader.required::<Sender>("from").map(|from| from.into_inner().0),
        };
        reader.finish();
        Some(table)
    }
}

/// `[subscribers]`.
pub(crate) struct SubscribersTable {
    pub(crate) open_to: Vec<Spanned<ChannelKind>>,
}

impl SubscribersTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let table = Self { open_to: reader.list("open_to").unwrap_or_default() };
        reader.finish();
        table
    }
}
