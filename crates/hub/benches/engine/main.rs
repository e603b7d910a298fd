//! The hub's own speed: deciding, writing, starting. `cargo xtask bench engine` writes docs/benchmarks/engine.md from it.
//!
//! Each figure is measured on data made by real folds of the golden logs, which stand for usual incidents; how much of it is
//! in each row's words.

mod append;
mod decide;
mod page;
mod replay;
mod story;

use std::path::PathBuf;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let after = |flag: &str| words.iter().position(|word| word == flag).and_then(|place| words.get(place + 1));
    let measured = [("Deciding", decide::measure()), ("Writing", append::measure()), ("Starting", replay::measure())];
    let text = page::text(&measured, after("--revision").map_or("of this tree", String::as_str));
    print!("{text}");
    if let Some(path) = after("--page").map(PathBuf::from) {
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let text = format!("{text}{}", page::kept(&before));
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }
}
