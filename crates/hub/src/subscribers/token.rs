//! Secrets that cannot be guessed: who has one may change or end a subscription.

use std::fmt::Write;

/// Bytes of randomness in a token: nobody guesses 128 bits.
const TOKEN_BYTES: usize = 16;

/// A fresh token: 32 hexadecimal digits.
pub(super) fn random_token() -> String {
    let mut bytes = [0; TOKEN_BYTES];
    // Without randomness a token could be guessed, and whoever guesses it acts for somebody else.
    getrandom::fill(&mut bytes).expect("the system gives randomness, or nothing here is secret");
    bytes.iter().fold(String::with_capacity(2 * TOKEN_BYTES), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

/// True for what may be a token; everything else is not looked up.
pub(super) fn is_token(text: &str) -> bool {
    text.len() == 2 * TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
