//! Session tokens: who, until when, and an HMAC-SHA256 over both. Every replica that knows the secret accepts them;
//! none keeps a list. The price: a token cannot be called back before it expires.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::files::hex;

/// How long a session lasts.
pub(crate) const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// Signs and checks tokens.
#[derive(Clone)]
pub(crate) struct Signer {
    keyed: Hmac<Sha256>,
}

impl Signer {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { keyed: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length") }
    }

    /// A token `<user>.<expiry in hexadecimal seconds>.<mac>`; users have no dot in their names.
    pub(crate) fn sign(&self, user: &str, now: SystemTime) -> String {
        let claim = format!("{user}.{:x}", seconds(now + LIFETIME));
        let mac = hex(&self.keyed.clone().chain_update(&claim).finalize().into_bytes());
        format!("{claim}.{mac}")
    }

    /// The user, if the token is ours and has not expired.
    pub(crate) fn user_of(&self, token: &str, now: SystemTime) -> Option<String> {
        let (claim, mac) = token.rsplit_once('.')?;
        let (user, expiry) = claim.split_once('.')?;
        self.keyed.clone().chain_update(claim).verify_slice(&unhex(mac)?).ok()?;
        let expiry = u64::from_str_radix(expiry, 16).ok()?;
        (seconds(now) < expiry).then(|| user.to_owned())
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    #[test]
    fn a_token_is_good_for_its_user_its_time_and_its_secret() {
        let signer = Signer::new(b"secret");
        let token = signer.sign("listener-7", NOW);
        assert_eq!(signer.user_of(&token, NOW).as_deref(), Some("listener-7"));
        assert_eq!(Signer::new(b"secret").user_of(&token, NOW).as_deref(), Some("listener-7"));
        assert_eq!(Signer::new(b"other").user_of(&token, NOW), None);
        assert_eq!(signer.user_of(&token, NOW + LIFETIME), None);
    }

    #[test]
    fn no_character_of_a_token_can_be_changed() {
        let signer = Signer::new(b"secret");
        let token = signer.sign("demo", NOW);
        for place in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[place] ^= 1;
            let forged = String::from_utf8(forged).expect("still ASCII");
            assert_eq!(signer.user_of(&forged, NOW), None, "{forged}");
        }
        for garbage in ["", ".", "..", "demo", "demo.ff", "demo.ff.zz", "é.ff.é"] {
            assert_eq!(signer.user_of(garbage, NOW), None, "{garbage}");
        }
    }
}
