//! Integers of HPACK: the low bits of a byte, and more bytes where those do not suffice (RFC 7541, 5.1).

use super::BadBlock;
use bytes::{BufMut, BytesMut};

/// Bits of each further byte.
const MORE_BITS: u32 = 7;
/// Further bytes that a number may take: enough for every length and index that is let in anywhere.
const MORE_MAX: u32 = 4;

/// Takes a number off the front, of which the first byte has the low `bits`.
pub(super) fn take(block: &mut &[u8], bits: u32) -> Result<usize, BadBlock> {
    let (first, mut rest) = block.split_first().ok_or(BadBlock)?;
    let most = (1_usize << bits) - 1;
    let mut number = usize::from(*first) & most;
    if number == most {
        let mut shift = 0;
        loop {
            let (byte, behind) = rest.split_first().ok_or(BadBlock)?;
            rest = behind;
            number += usize::from(byte & 0x7f) << shift;
            shift += MORE_BITS;
            if byte & 0x80 == 0 {
                break;
            }
            if shift == MORE_BITS * MORE_MAX {
                return Err(BadBlock);
            }
        }
    }
    *block = rest;
    Ok(number)
}

/// Writes a number into the low `bits` of a byte whose other bits are `first`, and into more bytes.
pub(super) fn put(out: &mut BytesMut, first: u8, bits: u32, number: usize) {
    let most = (1_usize << bits) - 1;
    if number < most {
        // What is below `most` fits into the byte's low bits.
        out.put_u8(first | number as u8);
        return;
    }
    out.put_u8(first | most as u8);
    let mut rest = number - most;
    while rest >= 0x80 {
        out.put_u8(rest as u8 | 0x80);
        rest >>= MORE_BITS;
    }
    out.put_u8(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        // RFC 7541, C.1.
        for (bits, number, bytes) in [(5, 10, &[0b01010_u8][..]), (5, 1337, &[31, 154, 10]), (8, 42, &[42])] {
            let mut out = BytesMut::new();
            put(&mut out, 0, bits, number);
            assert_eq!(&out[..], bytes);
            assert_eq!(take(&mut &bytes[..], bits), Ok(number));
        }
    }

    #[test]
    fn numbers_come_back_and_those_without_end_do_not() {
        for bits in 4..=8 {
            for number in [0, 14, 15, 16, 30, 31, 127, 128, 254, 255, 256, 16_383, 16_384, 200_000_000] {
                let mut out = BytesMut::new();
                put(&mut out, 0, bits, number);
                assert_eq!(take(&mut &out[..], bits), Ok(number), "{number} in {bits} bits");
                for cut in 0..out.len() {
                    assert_eq!(take(&mut &out[..cut], bits), Err(BadBlock), "{number} cut after {cut}");
                }
            }
            assert_eq!(take(&mut &[[0xff].repeat(5), vec![1]].concat()[..], bits), Err(BadBlock));
            assert_eq!(take(&mut &[0xff, 0x80, 0x80, 0x80, 0x80, 0][..], bits), Err(BadBlock));
        }
    }
}
