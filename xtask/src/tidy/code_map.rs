//! The code map in ARCHITECTURE.md names every crate there is, and none that is not.

use super::source::{is_word, line_at, word_places};
use super::tree::{TextFile, Tree};
use super::{Finding, links};
use std::collections::BTreeMap;

const PAGE: &str = "ARCHITECTURE.md";

/// Compares the code map with the folders of crates.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.text(PAGE) else {
        return vec![Finding::new(PAGE, 1, "there is no such page", "write down what the parts are")];
    };
    let Some((start, map)) = code_map(page) else {
        return vec![Finding::new(PAGE, 1, "there is no section `Code map`", "name every crate in one")];
    };
    let named = named_crates(map);
    let crates: Vec<&str> = tree.paths().iter().filter_map(|path| path.strip_suffix("/Cargo.toml")).collect();
    let ghosts = named.iter().filter(|(name, _)| !crates.contains(&name.as_str())).map(|(name, place)| {
        let line = line_at(&page.text, start + place);
        Finding::new(PAGE, line, format!("`{name}` is no crate"), "take it off the map")
    });
    let unnamed = crates.iter().filter(|name| !named.contains_key(**name)).map(|name| {
        Finding::new(PAGE, line_at(&page.text, start), format!("`{name}` is not on the code map"), "say what it is for")
    });
    ghosts.chain(unnamed).collect()
}

/// The section under the heading `Code map`, up to the next heading of its level or above, and where it starts.
fn code_map(page: &TextFile) -> Option<(usize, &str)> {
    let mut place = 0;
    let mut found: Option<(usize, usize)> = None;
    for line in page.text.split_inclusive('\n') {
        if let Some((level, title)) = links::heading(line) {
            match found {
                Some((start, above)) if level <= above => return Some((start, &page.text[start..place])),
                None if title.eq_ignore_ascii_case("code map") => found = Some((place, level)),
                _ => {}
            }
        }
        place += line.len();
    }
    found.map(|(start, _)| (start, &page.text[start..]))
}

/// Crates outside `crates/`.
const ELSEWHERE: [&str; 3] = ["fuzz/", "peers/", "xtask"];

/// `crates/NAME`, `fuzz/`, `peers/` and `xtask`, with the place of their first mention.
fn named_crates(map: &str) -> BTreeMap<String, usize> {
    let mut named = BTreeMap::new();
    for place in word_places(map, "crates/") {
        let name: String = map[place + 7..].chars().take_while(|c| is_word(*c) || *c == '-').collect();
        if !name.is_empty() {
            named.entry(format!("crates/{name}")).or_insert(place);
        }
    }
    for name in ELSEWHERE {
        if let Some(place) = word_places(map, name).next() {
            named.insert(name.trim_end_matches('/').to_owned(), place);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(page: Option<&str>) -> Vec<String> {
        let mut files = vec![("Cargo.toml", ""), ("crates/core/Cargo.toml", ""), ("xtask/Cargo.toml", "")];
        files.extend(page.map(|text| (PAGE, text)));
        check(&Tree::of(&files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_map_and_its_country() {
        for (page, expected) in [
            (Some("# A\n\n## Code map\n\n`crates/core/src/lib.rs`, [xtask](xtask)\n"), vec![]),
            (None, vec!["ARCHITECTURE.md:1: there is no such page, write down what the parts are"]),
            (Some("# A\n"), vec!["ARCHITECTURE.md:1: there is no section `Code map`, name every crate in one"]),
            (
                Some("## Code map\ncrates/core\n### xtask\ncrates/old-room\n## Rules\ncrates/elsewhere\n"),
                vec!["ARCHITECTURE.md:4: `crates/old-room` is no crate, take it off the map"],
            ),
            (
                Some("# A\n## Code Map\n| `crates/core` |\n"),
                vec!["ARCHITECTURE.md:2: `xtask` is not on the code map, say what it is for"],
            ),
        ] {
            assert_eq!(findings(page), expected);
        }
    }
}
