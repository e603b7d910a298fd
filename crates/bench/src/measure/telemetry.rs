//! Which share of the edge's work is telemetry: counting, and telling the hub once a second.
//!
//! Instructions are counted by `valgrind --tool=callgrind` while the edge answers small requests, from its start to its
//! end. Telemetry is every instruction whose source line, inlined or not, is in the edge's folder `tell`, and all that is
//! called from there. Instructions of the kernel count for neither side; nearly all of them are the requests', so the
//! share of processor time is smaller. On the other hand the edge is slow under this tool, so what is done once a
//! second weighs more than it does: both errors make the share larger than it is.

use super::fleet::Fleet;
use crate::load::wrk;
use crate::subject::Subject;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Telemetry's sources.
const PLACE: &str = "/edge/src/tell/";
/// How long it is loaded.
const LOAD: Duration = Duration::from_secs(8);
/// Connections: few, for it answers a tenth of what it answers otherwise.
const CONNECTIONS: u32 = 4;
/// To drain, and to write down what was counted.
const END: Duration = Duration::from_secs(60);

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// Instructions, all of them.
    pub(crate) all: u64,
    /// Those of telemetry.
    pub(crate) telemetry: u64,
}

/// Loads the edge under the tool.
pub(crate) fn run(edge: Subject, folder: &Path) -> Result<Share> {
    let counts = folder.join("callgrind.out");
    let tool =
        ["valgrind".to_owned(), "--tool=callgrind".to_owned(), format!("--callgrind-out-file={}", counts.display())];
    let fleet = Fleet::start(3, folder)?;
    let mut proxy = edge.under(&tool).start(folder, fleet.ports(), None)?;
    let url = format!("http://127.0.0.1:{}/1k", proxy.port);
    let seen = wrk::run(&url, CONNECTIONS, LOAD, folder)?;
    proxy.process.finish(END)?;
    let text = fs::read_to_string(&counts).with_context(|| format!("read {}", counts.display()))?;
    let (all, telemetry) = sums(&text);
    ensure!(all > 0 && telemetry > 0, "the counts tell of no sources: was the edge built without them?");
    Ok(Share { requests: seen.requests, errors: seen.errors, all, telemetry })
}

/// All instructions and those of telemetry, from a file in callgrind's format, version 1
/// (<https://valgrind.org/docs/manual/cl-format.html>).
fn sums(text: &str) -> (u64, u64) {
    let (mut files, mut all, mut telemetry) = (Files::default(), 0, 0);
    let (mut function, mut here, mut callee) = (false, false, None);
    let mut in_call = false;
    for line in text.lines() {
        match line.split_once('=') {
            Some(("fl", name)) => {
                function = files.is_telemetry(name);
                here = function;
            }
            Some(("fi" | "fe", name)) => here = files.is_telemetry(name),
            Some(("fn", _)) => here = function,
            Some(("cfi" | "cfl", name)) => callee = Some(files.is_telemetry(name)),
            Some(("calls", _)) => in_call = true,
            _ if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) => {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok()).unwrap_or(0);
                // What a call costs in all stands at its caller; what is of telemetry itself counts where it stands.
                let called = std::mem::take(&mut in_call).then(|| callee.take().unwrap_or(function));
                all += if called.is_none() { cost } else { 0 };
                telemetry += if here && called != Some(true) { cost } else { 0 };
            }
            _ => {}
        }
    }
    (all, telemetry)
}

/// The numbers that stand for names of files.
#[derive(Default)]
struct Files(HashMap<String, bool>);

impl Files {
    /// `(7) path` the first time, `(7)` from then on.
    fn is_telemetry(&mut self, name: &str) -> bool {
        match name.split_once(' ') {
            Some((number, path)) => {
                let is = path.contains(PLACE);
                self.0.insert(number.to_owned(), is);
                is
            }
            None => self.0.get(name).copied().unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inlined_lines_and_calls_count_where_they_belong() {
        let text = "\
version: 1
events: Ir

fl=(1) /x/crates/edge/src/exchange/mod.rs
fn=(1) exchange
10 100
fi=(2) /x/crates/edge/src/tell/count.rs
20 7
cfi=(3) /x/core/sketch.rs
cfn=(2) sketch
calls=1 5
+1 30
cfi=(2)
cfn=(3) add
calls=1 5
* 1000
fe=(1)
-3 50
cfi=(2)
cfn=(3)
calls=1 5
* 1000

fl=(2)
fn=(3)
5 40

fl=(3)
fn=(2)
5 30
";
        assert_eq!(sums(text), (100 + 7 + 50 + 40 + 30, 7 + 30 + 40));
    }
}
