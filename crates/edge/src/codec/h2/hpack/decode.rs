//! Header blocks, read.

use super::table::Dynamic;
use super::{BadBlock, TABLE_MAX, huffman, integer};

/// Reads the blocks of one connection, all of them and in order: each may rely on what the ones before have left.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: Dynamic,
}

/// A literal's text.
enum Text<'a> {
    Plain(&'a [u8]),
    /// It was in Huffman's code.
    Read(Vec<u8>),
}

impl Text<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Read(bytes) => bytes,
        }
    }
}

impl Decoder {
    pub(crate) const fn new() -> Self {
        Self { table: Dynamic::new(TABLE_MAX) }
    }

    /// Reads a whole block and tells of each field, name and value.
    ///
    /// # Errors
    /// When the block is not allowed; nothing can be read on this connection any more.
    pub(crate) fn decode(&mut self, mut block: &[u8], mut tell: impl FnMut(&[u8], &[u8])) -> Result<(), BadBlock> {
        // The size may change before the first field only (RFC 7541, 4.2).
        while block.first().is_some_and(|first| first & 0xe0 == 0x20) {
            let size = integer::take(&mut block, 5)?;
            if size > TABLE_MAX {
                return Err(BadBlock);
            }
            self.table.resize(size);
        }
        while let Some(first) = block.first() {
            match first {
                0x80.. => {
                    let (name, value) = self.table.get(integer::take(&mut block, 7)?)?;
                    tell(name, value);
                }
                0x40.. => self.literal(&mut block, 6, Then::Insert, &mut tell)?,
                0x20.. => return Err(BadBlock),
                // Not to be kept, or never: what goes on to a replica is in no table anyway.
                _ => self.literal(&mut block, 4, Then::Forget, &mut tell)?,
            }
        }
        Ok(())
    }

    fn literal(
        &mut self,
        block: &mut &[u8],
        bits: u32,
        then: Then,
        tell: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<(), BadBlock> {
        let index = integer::take(block, bits)?;
        let literal = if index == 0 { Some(text(block)?) } else { None };
        let value = text(block)?;
        let name = match &literal {
            Some(name) => name.bytes(),
            None => self.table.get(index)?.0,
        };
        tell(name, value.bytes());
        if then == Then::Insert {
            // An entry's name may be that of another entry, which goes when there is no room for both.
            let name = name.to_vec();
            self.table.insert(&name, value.bytes());
        }
        Ok(())
    }
}

/// What becomes of a literal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Insert,
    Forget,
}

fn text<'a>(block: &mut &'a [u8]) -> Result<Text<'a>, BadBlock> {
    let coded = block.first().ok_or(BadBlock)? & 0x80 != 0;
    let length = integer::take(block, 7)?;
    let (text, rest) = block.split_at_checked(length).ok_or(BadBlock)?;
    *block = rest;
    if !coded {
        return Ok(Text::Plain(text));
    }
    let mut out = Vec::new();
    huffman::decode(text, &mut out)?;
    Ok(Text::Read(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits");
        digits.chunks(2).map(byte).collect()
    }

    /// The fields of a block, a line each.
    fn read(decoder: &mut Decoder, block: &[u8]) -> Result<String, BadBlock> {
        let mut lines = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decoder.decode(block, |name, value| lines.push(format!("{}: {}", text(name), text(value))))?;
        Ok(lines.join("|"))
    }

    /// RFC 7541, Appendix C.2 to C.6: blocks of one connection, the fields in them, and the table's size behind them.
    #[test]
    fn the_examples_of_the_standard() {
        let requests = [
            (":method: GET|:scheme: http|:path: /|:authority: www.example.com", 57),
            (":method: GET|:scheme: http|:path: /|:authority: www.example.com|cache-control: no-cache", 110),
            (
                ":method: GET|:scheme: https|:path: /index.html|:authority: www.example.com|custom-key: custom-value",
                164,
            ),
        ];
        let answers = [
            (
                ":status: 302|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com",
                222,
            ),
            (
                ":status: 307|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com",
                222,
            ),
            (
                ":status: 200|cache-control: private|date: Mon, 21 Oct 2013 20:13:22 GMT|location: https://www.example.com|content-encoding: gzip|set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                215,
            ),
        ];
        let c3 = [
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ];
        let c4 = [
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ];
        let c5 = [
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
            "4803333037c1c0bf",
            "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
        ];
        let c6 = [
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
            "4883640effc1c0bf",
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        ];
        for (most, blocks, expected) in
            [(TABLE_MAX, c3, &requests), (TABLE_MAX, c4, &requests), (256, c5, &answers), (256, c6, &answers)]
        {
            let mut decoder = Decoder { table: Dynamic::new(most) };
            for (block, (fields, size)) in blocks.iter().zip(expected) {
                assert_eq!(read(&mut decoder, &bytes(block)).as_deref(), Ok(*fields));
                assert_eq!(decoder.table.size(), *size, "{fields}");
            }
        }
        // C.2: literals that are kept, not kept, and never kept.
        for (block, fields, size) in [
            ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header", 55),
            ("040c2f73616d706c652f70617468", ":path: /sample/path", 0),
            ("100870617373776f726406736563726574", "password: secret", 0),
            ("82", ":method: GET", 0),
        ] {
            let mut decoder = Decoder::new();
            assert_eq!(read(&mut decoder, &bytes(block)).as_deref(), Ok(fields));
            assert_eq!(decoder.table.size(), size, "{fields}");
        }
    }

    #[test]
    fn the_table_keeps_to_its_size() {
        let mut decoder = Decoder::new();
        let kept = bytes("400a637573746f6d2d6b65790d637573746f6d2d686561646572");
        read(&mut decoder, &kept).expect("a literal");
        assert_eq!(read(&mut decoder, &bytes("be")).as_deref(), Ok("custom-key: custom-header"));
        // A new size of 0 empties it; of 54 there is no room for 55.
        for size in ["20", "3f17"] {
            assert_eq!(
                read(&mut decoder, &[bytes(size), kept.clone()].concat()).as_deref(),
                Ok("custom-key: custom-header")
            );
            assert_eq!(read(&mut decoder, &bytes("be")), Err(BadBlock), "{size}");
        }
        // An entry whose name is that of the one which goes for it: 56 bytes of 56.
        read(&mut decoder, &[bytes("3f19"), kept].concat()).expect("a literal");
        assert_eq!(read(&mut decoder, &bytes("7e0161 be")).as_deref(), Ok("custom-key: a|custom-key: a"));
        assert_eq!(decoder.table.size(), 43);
    }

    #[test]
    fn what_is_not_allowed() {
        for block in [
            "80",         // Index 0.
            "be",         // An index without an entry.
            "ff80808080", // An index without an end.
            "00",         // No name.
            "000161",     // No value.
            "0001610562", // A value that is cut.
            "7f000161",   // A name without an entry.
            "3fe21f",     // A size of 4097.
            "8220",       // A size behind a field.
            "0081ff0161", // A name that is nothing but padding, and too much of it.
        ] {
            assert_eq!(read(&mut Decoder::new(), &bytes(block)), Err(BadBlock), "{block}");
        }
        assert_eq!(read(&mut Decoder::new(), &bytes("3fe11f 82")).as_deref(), Ok(":method: GET"), "a size of 4096");
    }
}
