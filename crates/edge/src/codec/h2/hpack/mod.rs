//! HPACK: the fields of HTTP/2 as they go over the wire.
//!
//! Reading is complete: both tables, Huffman's code, changes of the table's size. Writing keeps to the static table and
//! plain literals: a table of its own would cost the edge more than it saves, and makes no client wait.
//! Source: RFC 7541.

mod decode;
mod encode;
mod huffman;
mod integer;
mod table;

pub(crate) use decode::Decoder;
pub(crate) use encode::{Encoder, put_decimal_field, put_field, put_status};

/// Bytes of a table before anybody says otherwise; we leave it at that (RFC 9113, 6.5.2).
const TABLE_MAX: usize = 4096;

/// Why a header block cannot be read. The tables of both sides may then differ, so the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a header block that HPACK does not allow")]
pub(crate) struct BadBlock;
