//! Hashing for choices that shall come out the same way again: the same client stays with a canary, the same path with
//! a replica. Equal on all edges and over restarts. No secret: whoever picks an address picks a replica, nothing more.
//!
//! FNV-1a (Fowler, Noll, Vo) over the bytes, and the finaliser of SplitMix64 (Steele, Lea, Flood 2014) to spread them.

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A hash of some bytes.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)))
}

/// Spreads a number over all bits.
pub(crate) const fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number from 0 to below 1 that belongs to the two together.
pub(crate) fn unit(key: u64, salt: u64) -> f64 {
    // 53 bits are what a double holds exactly.
    (mix(key ^ salt) >> 11) as f64 / (1_u64 << 53) as f64
}
