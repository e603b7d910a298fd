//! What is given out to be shown again: tokens of the form, and tickets of those who reported.
//!
//! Both are sealed by a key of this hub and are their own memory: nothing is kept of who has one. A token lets one report in and
//! is remembered from then on until it would have expired. A ticket says what was reported, from where and when, so that its
//! holder is told how it goes, and asked whether it works again. No cookies: a ticket is part of an address.

use downbeat_core::model::{Moment, Name};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::time::Duration;

/// A token lets a report in for so long.
pub(super) const TOKEN_LASTS: Duration = Duration::from_secs(600);
/// While many report, a token without a proof has to be so old: who presses again has waited, a flood has to keep what it asked for.
pub(super) const TOKEN_RIPENS: Duration = Duration::from_secs(3);
/// Zero bits that the hash of a proof begins with: about 16,000 hashes, a fraction of a second of a phone.
pub(super) const PROOF_BITS: u32 = 14;
/// A ticket is good for so long: an outage of a day and the way back.
const TICKET_LASTS: Duration = Duration::from_secs(48 * 3_600);
/// Most used tokens that are remembered; beyond it, no token is good until the older ones have expired.
const SPENT_MAX: usize = 65_536;
const MAC_BYTES: usize = 16;
/// Most digits of a proof.
const PROOF_MAX: usize = 20;

/// Seals and opens.
#[derive(Debug, Clone)]
pub(super) struct Seal(Hmac<Sha256>);

/// What a form carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) at: Moment,
    pub(super) nonce: u64,
}

/// What somebody reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    /// When.
    pub(super) at: Moment,
    /// The hashes of the component and the region that it is about; zero for none.
    about: [u32; 2],
}

impl Ticket {
    pub(super) fn new(at: Moment, component: Option<&Name>, region: Option<&Name>) -> Self {
        Self { at, about: [short_hash(component), short_hash(region)] }
    }

    /// The component among these that it is about.
    pub(super) fn component<'n>(&self, mut known: impl Iterator<Item = &'n Name>) -> Option<&'n Name> {
        known.find(|name| self.about[0] == short_hash(Some(name)))
    }

    /// The region among these that it is about.
    pub(super) fn region<'n>(&self, mut known: impl Iterator<Item = &'n Name>) -> Option<&'n Name> {
        known.find(|name| self.about[1] == short_hash(Some(name)))
    }
}

fn short_hash(name: Option<&Name>) -> u32 {
    let Some(name) = name else { return 0 };
    let hash = Sha256::digest(name.as_str());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).max(1)
}

impl Seal {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// A token for a form.
    pub(super) fn token(&self, now: Moment, nonce: u64) -> String {
        self.close(b"t", &[now.as_millis().to_be_bytes(), nonce.to_be_bytes()].concat())
    }

    /// The token of a form, unless it is somebody else's work, has expired, or is of tomorrow.
    pub(super) fn open_token(&self, text: &str, now: Moment) -> Option<Token> {
        let body = self.open::<16>(b"t", text)?;
        let token = Token { at: Moment::from_millis(number(&body[..8])), nonce: number(&body[8..]) };
        (token.at <= now && now.since(token.at) <= TOKEN_LASTS).then_some(token)
    }

    /// A ticket as part of an address.
    pub(super) fn ticket(&self, ticket: &Ticket) -> String {
        let [component, region] = ticket.about.map(u32::to_be_bytes);
        self.close(b"r", &[&ticket.at.as_millis().to_be_bytes()[..], &component, &region].concat())
    }

    /// A ticket, unless it is somebody else's work or too old.
    pub(super) fn open_ticket(&self, text: &str, now: Moment) -> Option<Ticket> {
        let body = self.open::<16>(b"r", text)?;
        let at = Moment::from_millis(number(&body[..8]));
        let about = [number(&body[8..12]), number(&body[12..])].map(|n| u32::try_from(n).unwrap_or(0));
        (at <= now && now.since(at) <= TICKET_LASTS).then_some(Ticket { at, about })
    }

    fn close(&self, kind: &[u8; 1], body: &[u8]) -> String {
        let mac = self.0.clone().chain_update(kind).chain_update(body).finalize().into_bytes();
        body.iter().chain(&mac[..MAC_BYTES]).map(|byte| format!("{byte:02x}")).collect()
    }

    fn open<const N: usize>(&self, kind: &[u8; 1], text: &str) -> Option<[u8; N]> {
        let bytes = from_hex(text, N + MAC_BYTES)?;
        let (body, mac) = bytes.split_at(N);
        self.0.clone().chain_update(kind).chain_update(body).verify_truncated_left(mac).ok()?;
        body.try_into().ok()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// The bytes of so many pairs of hexadecimal digits, no more and no fewer.
pub(super) fn from_hex(text: &str, bytes: usize) -> Option<Vec<u8>> {
    if text.len() != 2 * bytes || !text.is_ascii() {
        return None;
    }
    (0..bytes).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()).collect()
}

/// True when somebody has worked for this token: the SHA-256 of `TOKEN:PROOF` begins with [`PROOF_BITS`] zero bits.
pub(super) fn is_proven(token: &str, proof: &str) -> bool {
    if proof.is_empty() || proof.len() > PROOF_MAX {
        return false;
    }
    let hash = Sha256::new().chain_update(token).chain_update(":").chain_update(proof).finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).leading_zeros() >= PROOF_BITS
}

/// What was used once, for as long as it could be used again.
#[derive(Debug, Default)]
pub(super) struct Spent {
    since: Moment,
    now: HashSet<u64>,
    before: HashSet<u64>,
}

impl Spent {
    /// True when this is its first use within [`TOKEN_LASTS`].
    pub(super) fn spend(&mut self, now: Moment, it: u64) -> bool {
        let age = now.since(self.since);
        if age >= TOKEN_LASTS {
            let last = std::mem::take(&mut self.now);
            self.before = if age < 2 * TOKEN_LASTS { last } else { HashSet::new() };
            self.since = now;
        }
        self.now.len() < SPENT_MAX && !self.before.contains(&it) && self.now.insert(it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_millis(1_795_356_185_000);

    #[test]
    fn tokens_are_opened_by_who_gave_them_out_until_they_expire() {
        let seal = Seal::new(&[7; 32]);
        let text = seal.token(NOW, 42);
        assert_eq!(seal.open_token(&text, NOW), Some(Token { at: NOW, nonce: 42 }));
        let late = NOW + TOKEN_LASTS + Duration::from_millis(1);
        let forged = text.replace(&text[..2], "ff");
        for (text, now) in
            [(text.as_str(), late), (&text, NOW.before(TOKEN_LASTS)), (&forged, NOW), ("", NOW), ("é", NOW)]
        {
            assert_eq!(seal.open_token(text, now), None, "{text}");
        }
        assert_eq!(Seal::new(&[8; 32]).open_token(&text, NOW), None);
        assert_eq!(seal.open_ticket(&text, NOW), None, "a token is no ticket");
    }

    #[test]
    fn a_ticket_says_what_was_reported() {
        let name = |text: &str| Name::new(text).expect("a good name");
        let (playback, eu, us) = (name("playback"), name("eu"), name("us"));
        let seal = Seal::new(&[7; 32]);
        let ticket = Ticket::new(NOW, Some(&playback), Some(&us));
        let again = seal.open_ticket(&seal.ticket(&ticket), NOW + Duration::from_secs(3_600)).expect("it is good");
        assert_eq!(again, ticket);
        assert_eq!(again.component([&eu, &playback].into_iter()), Some(&playback));
        assert_eq!(again.region([&eu, &us].into_iter()), Some(&us));
        assert_eq!(Ticket::new(NOW, None, None).component([&playback].into_iter()), None);
    }

    #[test]
    fn what_is_spent_is_spent_and_memory_is_bounded() {
        let mut spent = Spent::default();
        assert!(spent.spend(NOW, 1) && !spent.spend(NOW, 1));
        let later = NOW + TOKEN_LASTS;
        assert!(!spent.spend(later, 1), "it could still be good");
        assert!(spent.spend(later + 2 * TOKEN_LASTS, 1));
        let mut flood = Spent::default();
        let taken = (0..100_000).filter(|n| flood.spend(NOW, *n)).count();
        assert_eq!(taken, SPENT_MAX);
    }

    #[test]
    fn a_proof_is_work() {
        let token = Seal::new(&[7; 32]).token(NOW, 1);
        let proof = (0..1_000_000).map(|n: u32| n.to_string()).find(|proof| is_proven(&token, proof)).expect("found");
        assert!(!is_proven("another", &proof) && !is_proven(&token, "") && !is_proven(&token, &"1".repeat(21)));
    }
}
