//! `[edge.access_log]`.

use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::value::{FromText, one_of};
use downbeat_edge::{AccessLogSettings, ClientWord, LogTarget, QueryWord};
use std::path::PathBuf;

/// Written instead of a file.
const STDOUT: &str = "stdout";

impl FromText for LogTarget {
    const EXPECTED: &'static str = "a file such as \"access.log\", or \"stdout\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        match text {
            "" => Err(Complaint::new("a file has a name")),
            STDOUT => Ok(Self::Stdout),
            file => Ok(Self::File(PathBuf::from(file))),
        }
    }
}

impl FromText for ClientWord {
    const EXPECTED: &'static str = "\"network\", \"address\" or \"nothing\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let words = [("network", Self::Network), ("address", Self::Address), ("nothing", Self::Nothing)];
        one_of(text, &words)
    }
}

/// The table, when it is there.
pub(super) fn read(reader: Reader<'_>) -> Option<AccessLogSettings> {
    if !reader.is_there() {
        reader.finish();
        return None;
    }
    let target = reader.required("to");
    let sample = reader.or("sample", 1.0);
    if sample > 1.0 {
        let complaint = Complaint::new(format!("sample: a share from 0 to 1, not {sample}"));
        reader.complain(reader.span_of("sample"), complaint.hint("0.01 writes one request in a hundred"));
    }
    let clients = reader.or("clients", ClientWord::Network);
    let queries = if reader.or("queries", false) { QueryWord::Written } else { QueryWord::Left };
    reader.finish();
    target.map(|target| AccessLogSettings { target: target.into_inner(), sample, clients, queries })
}
