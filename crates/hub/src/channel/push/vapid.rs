//! Who sends, for push services (VAPID, RFC 8292): a token that is signed by a key which each subscription names.

use crate::base64;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use downbeat_core::model::Moment;
use serde_json::json;
use std::time::Duration;

/// How long a token counts: a day is the most that services take.
const LASTS: Duration = Duration::from_secs(12 * 3_600);

/// The hub's key, and where those of a service find who runs it.
#[derive(Debug)]
pub(crate) struct Vapid {
    pair: EcdsaKeyPair,
    contact: Option<String>,
}

/// What is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key for push services is none")]
pub(crate) struct VapidError;

impl Vapid {
    /// A fresh key, as it is kept (PKCS #8).
    pub(crate) fn fresh() -> Vec<u8> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        document.expect("the system gives randomness, or nothing here is secret").as_ref().to_vec()
    }

    /// A key that was kept. The contact is a `mailto:` or an `https:` address.
    pub(crate) fn of(key: &[u8], contact: Option<String>) -> Result<Self, VapidError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key).map_err(|_| VapidError)?;
        Ok(Self { pair, contact })
    }

    /// What a browser is told when it subscribes.
    pub(crate) fn public(&self) -> String {
        base64::encode_url(self.pair.public_key().as_ref())
    }

    /// `Authorization` of a message to a service.
    pub(crate) fn authorization(&self, audience: &str, now: Moment) -> String {
        format!("vapid t={}, k={}", self.token(audience, now), self.public())
    }

    fn token(&self, audience: &str, now: Moment) -> String {
        let mut claims = json!({"aud": audience, "exp": (now + LASTS).as_millis() / 1_000});
        if let Some(contact) = &self.contact {
            claims["sub"] = contact.as_str().into();
        }
        let part = |text: String| base64::encode_url(text.as_bytes());
        let signed =
            format!("{}.{}", part(json!({"typ": "JWT", "alg": "ES256"}).to_string()), part(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.expect("a key that was read signs");
        format!("{signed}.{}", base64::encode_url(signature.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    #[test]
    fn a_token_says_for_whom_until_when_and_is_signed() {
        let vapid = Vapid::of(&Vapid::fresh(), Some("mailto:status@example.org".into())).expect("a key");
        let header = vapid.authorization("https://push.example", Moment::from_millis(1_000_000));
        let (token, key) = header.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).expect("both");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let bytes = |text: &str| base64::decode(text).expect("base64");
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(key));
        assert!(public.verify(signed.as_bytes(), &bytes(signature)).is_ok());
        let claims: serde_json::Value =
            serde_json::from_slice(&bytes(signed.split_once('.').expect("two").1)).expect("JSON");
        let expected = json!({"aud": "https://push.example", "exp": 44_200, "sub": "mailto:status@example.org"});
        assert_eq!((claims, bytes(key).len()), (expected, 65));
        assert!(Vapid::of(b"nothing", None).is_err());
    }
}
