//! The bodies that are served: the same in every process, so that whoever downloads one can tell whether it is whole.

/// Bytes of the small body.
const SMALL: usize = 1024;
/// Bytes of the middle one.
const MIDDLE: usize = 64 * 1024;
/// Bytes of the large one.
const LARGE: usize = 10 * 1024 * 1024;

/// One body and how it is described.
pub(crate) struct Content {
    pub(crate) path: &'static str,
    pub(super) media_type: &'static str,
    pub(super) etag: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// All bodies, small to large.
pub(crate) fn all() -> [Content; 3] {
    [small(), middle(), large()]
}

/// 1 KB of JSON.
pub(crate) fn small() -> Content {
    let frame = "{\"pad\":\"\"}";
    let text = format!("{{\"pad\":\"{}\"}}", "x".repeat(SMALL - frame.len()));
    Content { path: "/1k", media_type: "application/json", etag: "\"bench-1k\"", bytes: text.into_bytes() }
}

fn middle() -> Content {
    let media_type = "application/octet-stream";
    Content { path: "/64k", media_type, etag: "\"bench-64k\"", bytes: noise(MIDDLE) }
}

/// 10 MB.
pub(crate) fn large() -> Content {
    let media_type = "application/octet-stream";
    Content { path: "/10m", media_type, etag: "\"bench-10m\"", bytes: noise(LARGE) }
}

/// Bytes that look like chance and are always the same: Marsaglia's xorshift64.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_sizes_and_never_repeat_early() {
        let lengths = all().map(|content| content.bytes.len());
        assert_eq!(lengths, [SMALL, MIDDLE, LARGE]);
        let noise = noise(MIDDLE);
        assert_ne!(noise[..1024], noise[1024..2048]);
    }
}
