//! Words that belong to one machine: absolute paths of somebody's disk, and hosts of package registries.
//!
//! The repository must read and build the same everywhere. The lock file's usual source lines are the one place where
//! a registry is named.

use super::Finding;
use super::source::{is_word, line_at};
use super::tree::TextFile;

/// Folders whose names in a text mean one particular machine.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/ro", "ot"), concat!("/wo", "rk"), concat!("/t", "mp"), concat!("/Us", "ers")];

/// Below it, a name means one particular person.
const HOMES: &str = concat!("/ho", "me/");

/// Where packages are fetched from.
const REGISTRIES: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("proxy.", "golang.org"),
    concat!("deb.", "debian.org"),
];

/// How the lock file names the source of a package.
const LOCK_SOURCE: &str = concat!("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");

/// Finds machine paths and registry hosts.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let lock = file.name() == "Cargo.lock";
    let lines = file.numbered_lines().filter(|(_, line)| !(lock && line.trim() == LOCK_SOURCE));
    lines.flat_map(|(number, line)| check_line(&file.path, number, line)).chain(foreign_sources(file, lock)).collect()
}

fn check_line(path: &str, number: usize, line: &str) -> Vec<Finding> {
    let machine = MACHINE_PATHS.iter().filter(|word| names_folder(line, word)).map(|word| (*word, "a machine's path"));
    let home = names_home(line).then_some((HOMES, "somebody's home"));
    let registries = REGISTRIES.iter().filter(|host| line.contains(**host)).map(|host| (*host, "a registry's host"));
    let found = machine.chain(home).chain(registries);
    found
        .map(|(word, kind)| Finding::new(path, number, format!("`{word}` is {kind}"), "say it without the place"))
        .collect()
}

/// A package in the lock file that comes from anywhere but the usual registry.
fn foreign_sources(file: &TextFile, lock: bool) -> Vec<Finding> {
    let foreign = |line: &str| line.starts_with("source = ") && line != LOCK_SOURCE;
    let places = file.text.match_indices("source = ").filter(|(place, _)| {
        let line = file.text[*place..].lines().next().unwrap_or_default();
        lock && foreign(line)
    });
    let finding = |place| {
        let line = line_at(&file.text, place);
        Finding::new(&file.path, line, "a package from an unusual source", "take it from the default registry")
    };
    places.map(|(place, _)| finding(place)).collect()
}

/// Whether the line names this folder of the root, or something in it.
fn names_folder(line: &str, folder: &str) -> bool {
    absolute_places(line, folder).any(|place| {
        let after = line[place + folder.len()..].chars().next();
        !after.is_some_and(|c| is_word(c) || c == '-' || c == '.')
    })
}

fn names_home(line: &str) -> bool {
    absolute_places(line, HOMES).any(|place| line[place + HOMES.len()..].starts_with(is_word))
}

/// Where a path begins with `start`: not in the middle of a longer one, nor of an address.
fn absolute_places<'a>(line: &'a str, start: &'a str) -> impl Iterator<Item = usize> + 'a {
    let begins = |place: usize| !line[..place].ends_with(|c: char| is_word(c) || "-./}>*~".contains(c));
    line.match_indices(start).map(|(place, _)| place).filter(move |place| begins(*place))
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&file(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn ordinary_text_passes() {
        for text in [
            "see docs/work/plan.md and ./tmp/x",
            "https://example.org/work/1 and ${HOME}/work/x",
            "the /workers page, /rooted, /tmpfs, /home/ and /homepage",
            "crates of the io kind",
        ] {
            assert_eq!(lines("README.md", text), [0; 0], "{text}");
        }
    }

    #[test]
    fn machine_words_are_found() {
        for text in [
            concat!("cd /ro", "ot/project"),
            concat!("built in `/wo", "rk`"),
            concat!("let path = \"/t", "mp/x\";"),
            concat!("in /ho", "me/ada/music"),
            concat!("fetch https://index.crates", ".io/config.json"),
            concat!("from py", "pi.org"),
        ] {
            assert_eq!(lines("src/a.rs", &format!("fine\n{text}\n")), [2], "{text}");
        }
    }

    #[test]
    fn the_lock_file_may_name_the_usual_registry_only() {
        let usual = format!("[[package]]\nname = \"a\"\n{LOCK_SOURCE}\n");
        assert_eq!(lines("Cargo.lock", &usual), [0; 0]);
        assert_eq!(lines("README.md", &usual), [3]);
        let git = "[[package]]\nsource = \"git+https://example.org/a#1\"\n";
        assert_eq!(lines("Cargo.lock", git), [2]);
    }
}
