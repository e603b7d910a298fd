//! Input in pieces: the same bytes, cut in the ways that a network could cut them.

/// Longer inputs are not also given byte by byte: it would take most of the time and show nothing more.
const BYTE_BY_BYTE_MAX: usize = 1024;
/// Longest piece of an uneven cut.
const PIECE_MAX: u64 = 97;

/// Ways to cut `data`. They follow from the bytes alone, so that a finding is found again.
pub(super) fn cuts(data: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut ways = vec![uneven(data, seed(data)), uneven(data, !seed(data))];
    if data.len() <= BYTE_BY_BYTE_MAX {
        ways.push(data.chunks(1).collect());
    }
    ways
}

/// A number that depends on all the bytes (FNV-1a, Fowler, Noll and Vo).
fn seed(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

fn uneven(mut data: &[u8], mut state: u64) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while !data.is_empty() {
        // Knuth's linear congruential generator for 64 bits; its high bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The remainder is below 97, so it fits.
        let size = (1 + (state >> 40) % PIECE_MAX) as usize;
        let (piece, rest) = data.split_at(size.min(data.len()));
        pieces.push(piece);
        data = rest;
    }
    pieces
}
