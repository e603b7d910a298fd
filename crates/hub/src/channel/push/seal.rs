//! Message encryption for web push (RFC 8291): `aes128gcm` (RFC 8188) under a key that only the browser and this message have.

use crate::base64;
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use std::fmt;
use std::str::FromStr;

/// An uncompressed point of P-256.
const POINT_BYTES: usize = 65;
/// The secret that a browser shares with who may send.
const AUTH_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
/// The size of a record; ours are whole in one.
const RECORD: u32 = 4_096;
/// Largest text: a record has its delimiter and its tag in it, and a service takes 4,096 bytes with the head.
pub(crate) const TEXT_MAX: usize = 3_993;

/// Who can read a message: what a browser gives to whom it lets send.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    point: [u8; POINT_BYTES],
    auth: [u8; AUTH_BYTES],
}

/// A text that is no pair of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these are not the keys of a browser")]
pub(crate) struct KeysError;

/// Why a text was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// The browser's key is not on the curve.
    #[error("the browser's key is none")]
    Key,
    /// It does not fit into one message.
    #[error("a message to a browser has at most {TEXT_MAX} bytes")]
    Long,
}

impl Keys {
    /// `p256dh` and `auth` of a subscription, in base64url.
    pub(crate) fn read(p256dh: &str, auth: &str) -> Result<Self, KeysError> {
        let bytes = |text: &str| base64::decode(text).ok_or(KeysError);
        let point: [u8; POINT_BYTES] = bytes(p256dh)?.try_into().map_err(|_| KeysError)?;
        let auth = bytes(auth)?.try_into().map_err(|_| KeysError)?;
        if point[0] == 4 { Ok(Self { point, auth }) } else { Err(KeysError) }
    }
}

impl fmt::Display for Keys {
    /// As they are kept: with a dot between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", base64::encode_url(&self.point), base64::encode_url(&self.auth))
    }
}

impl FromStr for Keys {
    type Err = KeysError;

    fn from_str(text: &str) -> Result<Self, KeysError> {
        let (point, auth) = text.split_once('.').ok_or(KeysError)?;
        Self::read(point, auth)
    }
}

/// Secrets are not for logs.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// A text as only the browser can read it.
pub(crate) fn seal(text: &[u8], keys: &Keys) -> Result<Vec<u8>, SealError> {
    let own = PrivateKey::generate(&ECDH_P256).expect("the system gives randomness, or nothing here is secret");
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).expect("the system gives randomness, or nothing here is secret");
    seal_with(text, keys, &own, salt)
}

fn seal_with(text: &[u8], keys: &Keys, own: &PrivateKey, salt: [u8; SALT_BYTES]) -> Result<Vec<u8>, SealError> {
    if text.len() > TEXT_MAX {
        return Err(SealError::Long);
    }
    let public = own.compute_public_key().map_err(|_| SealError::Key)?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, keys.point.as_slice());
    let input: [u8; 32] = agree(own, peer, SealError::Key, |shared| {
        let prk = Salt::new(HKDF_SHA256, &keys.auth).extract(shared);
        Ok(expand(&prk, &[b"WebPush: info\0", &keys.point, public.as_ref()]))
    })?;
    let prk = Salt::new(HKDF_SHA256, &salt).extract(&input);
    let key: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"]);
    let nonce: [u8; 12] = expand(&prk, &[b"Content-Encoding: nonce\0"]);

    let mut record = text.to_vec();
    // The delimiter of the last record.
    record.push(2);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("the key has the length of the cipher's"));
    let sealed = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record);
    sealed.expect("a record is far below what the cipher takes");
    let head = [salt.as_slice(), &RECORD.to_be_bytes(), &[POINT_BYTES as u8], public.as_ref()];
    Ok([head.concat(), record].concat())
}

/// How much is wanted of a key derivation.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    let filled = prk.expand(info, Length(N)).and_then(|okm| okm.fill(&mut out));
    filled.expect("less is asked for than 255 blocks");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        base64::decode(text).expect("base64")
    }

    fn keys() -> Keys {
        let point = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        Keys::read(point, "BTBZMqHH6r4Tts7J_aSIgg").expect("keys")
    }

    #[test]
    fn the_example_of_rfc_8291() {
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).expect("a key");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().expect("16 bytes");
        let sealed = seal_with(b"When I grow up, I want to be a watermelon", &keys(), &own, salt).expect("sealed");
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w\
                        EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(base64::encode_url(&sealed), expected);
    }

    #[test]
    fn no_two_messages_are_alike_and_the_longest_fits() {
        let text = vec![b'x'; TEXT_MAX];
        let (one, other) = (seal(&text, &keys()).expect("sealed"), seal(&text, &keys()).expect("sealed"));
        assert_eq!((one.len(), other.len()), (4_096, 4_096));
        assert_ne!(one, other);
        assert_eq!(seal(&[b'x'; TEXT_MAX + 1], &keys()), Err(SealError::Long));
    }

    #[test]
    fn keys_are_read_as_they_are_kept_and_nonsense_is_not() {
        assert_eq!(keys().to_string().parse(), Ok(keys()));
        let mut off_the_curve = keys();
        off_the_curve.point[40] ^= 1;
        assert_eq!(seal(b"x", &off_the_curve), Err(SealError::Key));
        for (point, auth) in [("", ""), ("BCVx", "BTBZMqHH6r4Tts7J_aSIgg"), (&"A".repeat(87), "BTBZMqHH6r4Tts7J_aSIgg")]
        {
            assert_eq!(Keys::read(point, auth), Err(KeysError), "{point}");
        }
        assert!("BCVx".parse::<Keys>().is_err() && !format!("{:?}", keys()).contains("BCVx"));
    }
}
