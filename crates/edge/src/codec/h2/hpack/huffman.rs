//! Huffman's code of HPACK, read four bits at a time.
//!
//! The code is canonical: it follows from the lengths of its words, so these are all that stands here. What is built of
//! them while the program is compiled is a machine: for each place in the tree and each four bits, the place behind them
//! and the byte that came to its end. Source: RFC 7541, 5.2 and Appendix B.

use super::BadBlock;

/// Bytes, and the sign for the end, which stands nowhere.
const SIGNS: usize = 257;
/// Places in the tree at which a word has not ended.
const PLACES: usize = SIGNS - 1;
/// Bits of the longest word.
const BITS_MAX: u8 = 30;
/// Most bits behind the last word.
const PADDING_MAX: u8 = 7;

/// Bits of each sign's word.
#[rustfmt::skip]
const LENGTHS: [u8; SIGNS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28,
    28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6,
    12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15,
    5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20,
    22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
    23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26,
    27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// A step's place behind it.
const PLACE: u16 = 0x00ff;
/// A byte came to its end: which one stands in [`SIGN`].
const EMITS: u16 = 0x0100;
/// The sign for the end came, or a word that is none.
const FAILS: u16 = 0x0200;

/// What follows from four bits.
#[derive(Clone, Copy)]
struct Step {
    /// See [`PLACE`], [`EMITS`] and [`FAILS`].
    next: u16,
    sign: u8,
}

struct Machine {
    steps: [[Step; 16]; PLACES],
    /// Places at which a text may end: none but ones of the sign for the end have come since the last word.
    ends: [bool; PLACES],
}

/// The tree: for each place what follows a zero and a one. Below `PLACES` a place, above it a sign.
const TREE: [[u16; 2]; PLACES] = {
    let mut tree = [[0; 2]; PLACES];
    let (mut used, mut code, mut bits) = (1, 0_u32, 1);
    while bits <= BITS_MAX {
        let mut sign = 0;
        while sign < SIGNS {
            if LENGTHS[sign] == bits {
                let (mut place, mut left) = (0, bits);
                while left > 1 {
                    left -= 1;
                    let bit = (code >> left & 1) as usize;
                    if tree[place][bit] == 0 {
                        tree[place][bit] = used;
                        used += 1;
                    }
                    place = tree[place][bit] as usize;
                }
                tree[place][(code & 1) as usize] = (PLACES + sign) as u16;
                code += 1;
            }
            sign += 1;
        }
        code <<= 1;
        bits += 1;
    }
    tree
};

static MACHINE: Machine = {
    let mut steps = [[Step { next: 0, sign: 0 }; 16]; PLACES];
    let mut place = 0;
    while place < PLACES {
        let mut four = 0;
        while four < 16 {
            steps[place][four] = walk(place, four);
            four += 1;
        }
        place += 1;
    }
    let mut ends = [false; PLACES];
    let (mut place, mut ones) = (0, 0);
    while ones <= PADDING_MAX {
        ends[place] = true;
        place = TREE[place][1] as usize;
        ones += 1;
    }
    Machine { steps, ends }
};

/// Four bits from a place on. No word is shorter than five, so one at most comes to its end.
const fn walk(from: usize, four: usize) -> Step {
    let (mut place, mut emitted, mut sign, mut bit) = (from, 0, 0, 4);
    while bit > 0 {
        bit -= 1;
        let next = TREE[place][four >> bit & 1] as usize;
        if next < PLACES {
            place = next;
        } else if next == PLACES + SIGNS - 1 {
            return Step { next: FAILS, sign: 0 };
        } else {
            (place, emitted, sign) = (0, EMITS, (next - PLACES) as u8);
        }
    }
    Step { next: place as u16 | emitted, sign }
}

/// Reads a text.
///
/// # Errors
/// When the sign for the end stands in it, or what is behind the last word is no padding.
pub(super) fn decode(code: &[u8], out: &mut Vec<u8>) -> Result<(), BadBlock> {
    // The shortest word has five bits.
    out.reserve(code.len() * 8 / 5);
    let mut place = 0;
    for byte in code {
        for four in [byte >> 4, byte & 0xf] {
            let step = MACHINE.steps[place][usize::from(four)];
            if step.next & EMITS != 0 {
                out.push(step.sign);
            }
            if step.next & FAILS != 0 {
                return Err(BadBlock);
            }
            place = usize::from(step.next & PLACE);
        }
    }
    if MACHINE.ends[place] { Ok(()) } else { Err(BadBlock) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The word of each sign, right-aligned.
    fn words() -> Vec<u32> {
        let (mut words, mut code) = (vec![0; SIGNS], 0);
        for bits in 1..=BITS_MAX {
            for sign in (0..SIGNS).filter(|sign| LENGTHS[*sign] == bits) {
                words[sign] = code;
                code += 1;
            }
            code <<= 1;
        }
        words
    }

    fn bits(signs: &[usize]) -> Vec<bool> {
        let words = words();
        let word = |sign: &usize| (0..LENGTHS[*sign]).rev().map(|bit| words[*sign] >> bit & 1 == 1).collect::<Vec<_>>();
        signs.iter().flat_map(word).collect()
    }

    fn packed(bits: &[bool]) -> Vec<u8> {
        bits.chunks(8)
            .map(|eight| eight.iter().enumerate().fold(0, |byte, (i, bit)| byte | u8::from(*bit) << (7 - i)))
            .collect()
    }

    /// A text in Huffman's code.
    pub(in super::super) fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits = bits(&text.iter().map(|b| usize::from(*b)).collect::<Vec<_>>());
        bits.resize(bits.len().next_multiple_of(8), true);
        packed(&bits)
    }

    fn read(code: &[u8]) -> Result<Vec<u8>, BadBlock> {
        let mut out = Vec::new();
        decode(code, &mut out).map(|()| out)
    }

    #[test]
    fn the_words_of_the_standard() {
        let words = words();
        // RFC 7541, Appendix B.
        for (sign, word) in
            [(0, 0x1ff8), (b'0', 0), (b'a', 3), (b'z', 0x7b), (b'~', 0x1ffd), (195, 0x7fff1), (255, 0x03ff_ffee)]
        {
            assert_eq!(words[usize::from(sign)], word, "{sign}");
        }
        assert_eq!(words[256], 0x3fff_ffff);
    }

    #[test]
    fn every_byte_comes_back_wherever_it_stands() {
        let all: Vec<u8> = (0..=255).collect();
        for start in 0..=255 {
            let text: Vec<u8> = all.iter().cycle().skip(start).take(300).copied().collect();
            assert_eq!(read(&encode(&text)), Ok(text));
        }
        // RFC 7541, C.4.1.
        let code = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(read(&code), Ok(b"www.example.com".to_vec()));
        assert_eq!(encode(b"www.example.com"), code);
    }

    #[test]
    fn padding_is_ones_and_shorter_than_a_byte() {
        // An `a` has five bits.
        assert_eq!(read(&[0b0001_1111]), Ok(b"a".to_vec()));
        assert_eq!(read(&[0b0001_1110]), Err(BadBlock));
        assert_eq!(read(&[0b0001_1111, 0xff]), Err(BadBlock));
        assert_eq!(read(&[0xff]), Err(BadBlock), "eight ones are a byte too many");
        assert_eq!(read(&[]), Ok(Vec::new()));
    }

    #[test]
    fn the_sign_for_the_end_stands_nowhere() {
        assert_eq!(read(&[0xff; 4]), Err(BadBlock));
        let mut bits = bits(&[usize::from(b'a'), 256, usize::from(b'a')]);
        bits.resize(bits.len().next_multiple_of(8), true);
        assert_eq!(read(&packed(&bits)), Err(BadBlock));
    }
}
