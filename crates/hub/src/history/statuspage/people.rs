//! Subscribers of a page of Statuspage's: who can be taken over, and why others cannot.
//!
//! The manage API lists by state. Only those that are `active` have confirmed by the source's own word; they stay confirmed. Nobody
//! else is taken over, and channels that lead to another company's account cannot be.

use super::shapes::rows;
use super::{Notes, ReadError, json};
use crate::subscribers::{Address, ChannelKind};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Somebody who can be taken over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// By what they are reached.
    pub channel: ChannelKind,
    /// Where.
    pub address: String,
    /// The source's ids of the components that they chose; all when empty.
    pub components: BTreeSet<String>,
}

/// The subscribers that were read.
#[derive(Debug, Default)]
pub struct People {
    some: BTreeSet<Person>,
    notes: Notes,
}

/// A subscriber, in the manage API.
#[derive(Debug, Deserialize)]
struct PersonDoc {
    id: Option<String>,
    mode: Option<String>,
    email: Option<String>,
    endpoint: Option<String>,
    quarantined_at: Option<String>,
    components: Option<Vec<String>>,
    page_access_user_id: Option<String>,
}

impl People {
    /// Takes a page of those in, who are active. How many rows it has.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn active(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        let rows = rows(&json(bytes)?, "subscribers")?;
        let count = rows.len();
        for row in rows {
            match serde_json::from_value::<PersonDoc>(row) {
                Ok(doc) => self.take(doc),
                Err(_) => self.notes.note("subscribers cannot be read and are left out", "a row of no known shape"),
            }
        }
        Ok(count)
    }

    /// Takes a page of those in, who never confirmed. How many rows it has.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn unconfirmed(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        let rows = rows(&json(bytes)?, "subscribers")?;
        for row in &rows {
            let id = row.get("id").and_then(|id| id.as_str()).unwrap_or_default();
            self.notes.note("subscribers never confirmed there and are left out", id);
        }
        Ok(rows.len())
    }

    fn take(&mut self, doc: PersonDoc) {
        let id = doc.id.clone().unwrap_or_default();
        match person(doc) {
            Ok(person) => drop(self.some.insert(person)),
            Err(why) => self.notes.note(why, &id),
        }
    }

    /// All of them, with what was left out and why. Notes have the source's ids in them, never an address.
    pub fn finish(self) -> (Vec<Person>, Vec<String>) {
        (self.some.into_iter().collect(), self.notes.lines())
    }
}

fn person(doc: PersonDoc) -> Result<Person, &'static str> {
    if doc.quarantined_at.is_some() {
        return Err("subscribers are quarantined there, for nothing reached them, and are left out");
    }
    if doc.page_access_user_id.is_some() {
        return Err("subscribers see only a part of the page there and are left out");
    }
    let (channel, address) = match (doc.mode.as_deref(), &doc.email, &doc.endpoint) {
        (Some("webhook"), _, Some(url)) | (None, _, Some(url)) => (ChannelKind::Webhook, url),
        (Some("email") | None, Some(email), None) | (Some("email"), Some(email), _) => (ChannelKind::Mail, email),
        (Some("sms"), ..) => {
            return Err("subscribers are reached by SMS, which this page does not send; they are left out");
        }
        (Some("slack" | "teams"), ..) => {
            return Err(
                "subscribers are reached by the source's own app for Slack or Teams; they have to subscribe here anew",
            );
        }
        _ => return Err("subscribers are reached by a channel that is not known here and are left out"),
    };
    let address =
        Address::read(channel, address).map_err(|_| "subscribers have an address that is none and are left out")?;
    let components = doc.components.unwrap_or_default().into_iter().collect();
    Ok(Person { channel, address: address.text, components })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_is_taken_over_and_who_is_not() {
        let rows = json!([
            {"id": "s1", "mode": "email", "email": "Anna@Example.org", "components": ["rhznvxg4v7yh"]},
            {"id": "s2", "mode": "webhook", "email": "ops@example.org", "endpoint": "https://hooks.example/x"},
            {"id": "s3", "mode": "sms", "phone_number": "+4915112345678"},
            {"id": "s4", "mode": "slack", "workspace_name": "W", "obfuscated_channel_name": "#s…"},
            {"id": "s5", "mode": "email", "email": "bob@example.org", "quarantined_at": "2026-11-01T00:00:00Z"},
            {"id": "s6", "mode": "email", "email": "no address\r\nBcc: x@example.org"},
            {"id": "s7", "mode": "email", "email": "cyn@example.org", "page_access_user_id": "u1"},
            {"id": "s8", "mode": "pigeon"},
            {"id": 9},
            {"id": "s10", "mode": "email", "email": "Anna@Example.org", "components": ["rhznvxg4v7yh"]},
        ]);
        let mut people = People::default();
        assert_eq!(people.active(rows.to_string().as_bytes()), Ok(10));
        assert_eq!(people.unconfirmed(br#"[{"id": "s11", "email": "dan@example.org"}]"#), Ok(1));
        let (some, notes) = people.finish();
        let anna = ["rhznvxg4v7yh".to_owned()].into();
        let expected = [
            Person { channel: ChannelKind::Mail, address: "Anna@example.org".into(), components: anna },
            Person { channel: ChannelKind::Webhook, address: "https://hooks.example/x".into(), components: [].into() },
        ];
        assert_eq!(some, expected);
        assert_eq!(notes.len(), 8, "{notes:#?}");
        assert!(notes.iter().all(|note| !note.contains('@')), "addresses are not for terminals: {notes:#?}");
        assert!(
            notes.contains(&"1 subscribers never confirmed there and are left out: \"s11\"".to_owned()),
            "{notes:#?}"
        );
    }
}
