//! Header blocks, written: known names and a few known values by their index, everything else as it is.

use super::table::STATIC;
use super::{TABLE_MAX, integer};
use crate::codec::serialise::{DIGITS_MAX, digits};
use bytes::{BufMut, BytesMut};

/// First byte of a literal that goes into no table.
const LITERAL: u8 = 0x00;
/// First byte of an index.
const INDEXED: u8 = 0x80;
/// First byte of a table's size.
const TABLE_SIZE: u8 = 0x20;
/// Where `:status` stands, with 200 as its value.
const STATUS: usize = 8;
/// The statuses that stand there, from [`STATUS`] on.
const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];

/// What the blocks of one connection have to say besides their fields.
#[derive(Debug)]
pub(crate) struct Encoder {
    table: Table,
}

/// The client's table, which we leave empty. A client that makes it smaller awaits a word at the beginning of the next
/// block that we keep to it (RFC 7541, 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    /// As large as it was in the beginning.
    Untouched,
    /// The word is owed.
    Owed,
    /// It was said that the table has no bytes; it cannot become smaller.
    Gone,
}

impl Encoder {
    pub(crate) const fn new() -> Self {
        Self { table: Table::Untouched }
    }

    /// Takes in that the client's table has so many bytes at most.
    pub(crate) fn table_size(&mut self, size: u32) {
        if self.table == Table::Untouched && (size as usize) < TABLE_MAX {
            self.table = Table::Owed;
        }
    }

    /// Begins a block.
    pub(crate) fn begin(&mut self, out: &mut BytesMut) {
        if self.table == Table::Owed {
            integer::put(out, TABLE_SIZE, 5, 0);
            self.table = Table::Gone;
        }
    }
}

/// Writes the pseudo-field of an answer.
pub(crate) fn put_status(out: &mut BytesMut, status: u16) {
    match STATUSES.iter().position(|known| *known == status) {
        // Seven statuses from the eighth entry on: far below 127.
        Some(at) => out.put_u8(INDEXED | (STATUS + at) as u8),
        None => {
            integer::put(out, LITERAL, 4, STATUS);
            put_decimal(out, status.into());
        }
    }
}

/// Writes a field. The name may be in any case; it goes out in lower case.
pub(crate) fn put_field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 12);
    put_name(out, name);
    integer::put(out, 0, 7, value.len());
    out.extend_from_slice(value);
}

/// Writes a field whose value is a number.
pub(crate) fn put_decimal_field(out: &mut BytesMut, name: &str, value: u64) {
    put_name(out, name.as_bytes());
    put_decimal(out, value);
}

fn put_name(out: &mut BytesMut, name: &[u8]) {
    match known(name) {
        Some(index) => integer::put(out, LITERAL, 4, index),
        None => {
            out.put_u8(LITERAL);
            integer::put(out, 0, 7, name.len());
            let start = out.len();
            out.extend_from_slice(name);
            out[start..].make_ascii_lowercase();
        }
    }
}

fn put_decimal(out: &mut BytesMut, number: u64) {
    let mut room = [0; DIGITS_MAX];
    let digits = digits(number, &mut room);
    // Twenty digits at most.
    out.put_u8(digits.len() as u8);
    out.extend_from_slice(digits);
}

/// Longest name in the static table, and one more.
const LENGTHS: usize = 28;
/// Most names of one length among those that answers have.
const ALIKE: usize = 6;

/// The names of answers that stand in the static table, by their length.
static KNOWN: [[u8; ALIKE]; LENGTHS] = {
    let mut known = [[0; ALIKE]; LENGTHS];
    let mut index = FIRST_FIELD;
    while index <= STATIC.len() {
        let name = STATIC[index - 1].0;
        let mut at = 0;
        while known[name.len()][at] != 0 {
            at += 1;
        }
        known[name.len()][at] = index as u8;
        index += 1;
    }
    known
};

/// The first entry of the static table that is no pseudo-field and no field of requests alone.
const FIRST_FIELD: usize = 18;

fn known(name: &[u8]) -> Option<usize> {
    let (first, last) = (name.first()? | 0x20, name.last()? | 0x20);
    let is = |index: &u8| {
        let Some((known, _)) = usize::from(*index).checked_sub(1).and_then(|at| STATIC.get(at)) else { return false };
        // First and last letter nearly always tell already.
        let known = known.as_bytes();
        known.first() == Some(&first) && known.last() == Some(&last) && name.eq_ignore_ascii_case(known)
    };
    KNOWN.get(name.len())?.iter().find(|index| is(index)).map(|index| usize::from(*index))
}

#[cfg(test)]
mod tests {
    use super::super::Decoder;
    use super::*;

    fn read(block: &[u8]) -> Vec<(String, String)> {
        let (mut fields, text) = (Vec::new(), |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned());
        Decoder::new().decode(block, |name, value| fields.push((text(name), text(value)))).expect("what we write");
        fields
    }

    #[test]
    fn what_is_written_is_read() {
        let long = "x".repeat(5_000);
        let names = STATIC.iter().skip(FIRST_FIELD - 1).map(|(name, _)| *name).chain(["x-own", "Content-TYPE", &long]);
        for name in names {
            for value in ["", "a b", "text/html; charset=utf-8", &long] {
                let mut out = BytesMut::new();
                put_field(&mut out, name.as_bytes(), value.as_bytes());
                assert_eq!(read(&out), [(name.to_ascii_lowercase(), value.to_owned())]);
            }
        }
        for status in 100..600 {
            let mut out = BytesMut::new();
            put_status(&mut out, status);
            assert_eq!(read(&out), [(":status".to_owned(), status.to_string())]);
        }
        for number in [0, 9, 10, 4_096, u64::MAX] {
            let mut out = BytesMut::new();
            put_decimal_field(&mut out, "content-length", number);
            assert_eq!(read(&out), [("content-length".to_owned(), number.to_string())]);
        }
    }

    #[test]
    fn names_that_everybody_knows_are_not_spelt_out() {
        for (name, bytes) in [("Content-Type", 3), ("date", 3), ("server", 3), ("etag", 3), ("cache-control", 3)] {
            let mut out = BytesMut::new();
            put_field(&mut out, name.as_bytes(), b"");
            assert_eq!(out.len(), bytes, "{name}");
        }
        let mut out = BytesMut::new();
        put_status(&mut out, 200);
        assert_eq!(&out[..], [0x88]);
    }

    #[test]
    fn a_table_that_becomes_smaller_is_mentioned_once() {
        let said = |sizes: &[u32]| {
            let (mut encoder, mut out) = (Encoder::new(), BytesMut::new());
            for size in sizes {
                encoder.table_size(*size);
                encoder.begin(&mut out);
            }
            out.to_vec()
        };
        assert_eq!([said(&[4096, 65_536]), said(&[4096, 4095, 0, 100, 0])], [vec![], vec![0x20]]);
    }
}
