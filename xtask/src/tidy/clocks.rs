//! Where the edge decides it is told the time, so that its decisions can be lived through in a world whose time is made up.
//!
//! The core's clippy.toml says the same of a whole crate; the edge has sockets besides, so here it goes by places. Tests
//! may look at a clock.

use super::Finding;
use super::source::{code_only, line_at, word_places};
use super::tree::TextFile;

/// The files and folders of the edge that decide.
const TOLD: [&str; 15] = [
    "admit/",
    "ask/resume.rs",
    "change/plan.rs",
    "change/site.rs",
    "choose/",
    "codec/",
    "exchange/told.rs",
    "policy/",
    "run/experience.rs",
    "run/extra.rs",
    "run/pick.rs",
    "run/shared.rs",
    "tell/count.rs",
    "tell/report.rs",
    "tell/tally.rs",
];
const EDGE: &str = "crates/edge/src/";
/// What looks at a clock.
const CLOCKS: [&str; 3] = ["Instant::now", "SystemTime::now", ".elapsed("];

/// Finds a clock that is looked at where the time should be told.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let told = file.path.strip_prefix(EDGE).is_some_and(|inner| TOLD.iter().any(|place| inner.starts_with(place)));
    if !told {
        return Vec::new();
    }
    let code = code_only(&file.text);
    let live = &code[..code.find("#[cfg(test)]").unwrap_or(code.len())];
    let places = CLOCKS.iter().flat_map(|clock| word_places(live, clock).map(move |place| (place, clock)));
    let finding = |(place, clock): (usize, &&str)| {
        let what = format!("`{}` looks at a clock", clock.trim_matches(['.', '(']));
        Finding::new(&file.path, line_at(live, place), what, "what decides is told the time: take `now: Instant`")
    };
    places.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    #[test]
    fn who_decides_is_told_the_time() {
        let table = [
            ("crates/edge/src/choose/budget.rs", "fn f() { Instant::now() }", 1),
            ("crates/edge/src/run/shared.rs", "fn f() { std::time::SystemTime::now() }", 1),
            ("crates/edge/src/policy/mod.rs", "fn f() { since.elapsed() }", 1),
            ("crates/edge/src/run/seat.rs", "fn f() { Instant::now() }", 0),
            ("crates/edge/src/choose/budget.rs", "// Instant::now\nfn f(now: Instant) {}", 0),
            ("crates/edge/src/choose/budget.rs", "#[cfg(test)]\nmod tests { fn f() { Instant::now() } }", 0),
            ("crates/hub/src/choose/budget.rs", "fn f() { Instant::now() }", 0),
        ];
        for (path, text, found) in table {
            assert_eq!(check(&file(path, text)).len(), found, "{path}: {text}");
        }
    }
}
