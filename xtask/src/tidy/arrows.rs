//! The arrows between our crates: who may depend on whom, dev- and build-dependencies included.
//!
//! `edge` and `hub` never meet, `core`, `encore` and `bench` know nobody: so each can die, be tested and be understood alone.

use super::tree::{TextFile, Tree};
use super::{Finding, source};
use toml::{Table, Value};

/// A crate of ours.
struct Room {
    folder: &'static str,
    package: &'static str,
    /// The packages of ours it may depend on.
    may_use: &'static [&'static str],
    tests: Tests,
}

/// What the tests of a crate may use of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tests {
    LikeTheCrate,
    Everything,
}

const CORE: &str = "downbeat-core";
const EDGE: &str = "downbeat-edge";
const HUB: &str = "downbeat-hub";
const SIM: &str = "downbeat-sim";
const DRILL: &str = "downbeat-drill";
const ENCORE: &str = "encore";
const MODELS: &str = "downbeat-models";

const ROOMS: [Room; 14] = [
    Room { folder: "crates/core", package: CORE, may_use: &[], tests: Tests::LikeTheCrate },
    Room { folder: "crates/edge", package: EDGE, may_use: &[CORE], tests: Tests::LikeTheCrate },
    Room { folder: "crates/hub", package: HUB, may_use: &[CORE], tests: Tests::LikeTheCrate },
    Room { folder: "crates/sim", package: SIM, may_use: &[CORE, EDGE], tests: Tests::LikeTheCrate },
    Room { folder: "crates/drill", package: DRILL, may_use: &[CORE, EDGE, HUB, SIM], tests: Tests::Everything },
    Room {
        folder: "crates/downbeat",
        package: "downbeat",
        may_use: &[CORE, EDGE, HUB, DRILL, ENCORE],
        tests: Tests::Everything,
    },
    Room { folder: "crates/encore", package: ENCORE, may_use: &[], tests: Tests::LikeTheCrate },
    Room { folder: "fuzz", package: "downbeat-fuzz", may_use: &[EDGE], tests: Tests::LikeTheCrate },
    Room { folder: "crates/models", package: MODELS, may_use: &[CORE], tests: Tests::LikeTheCrate },
    Room { folder: "crates/laboratory", package: "downbeat-laboratory", may_use: &[CORE], tests: Tests::LikeTheCrate },
    Room { folder: "peers", package: "downbeat-peers", may_use: &[], tests: Tests::LikeTheCrate },
    Room { folder: "crates/bench", package: "downbeat-bench", may_use: &[], tests: Tests::LikeTheCrate },
    Room { folder: "crates/disk", package: "downbeat-disk", may_use: &[], tests: Tests::Everything },
    Room { folder: "xtask", package: "xtask", may_use: &[], tests: Tests::LikeTheCrate },
];

/// Compares the manifests with the table of rooms.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let aliases = aliases(tree.text("Cargo.toml"));
    let manifests = tree.texts().iter().filter_map(|file| Some((file, file.path.strip_suffix("/Cargo.toml")?)));
    manifests.flat_map(|(file, folder)| check_manifest(file, folder, &aliases)).collect()
}

fn check_manifest(file: &TextFile, folder: &str, aliases: &Table) -> Vec<Finding> {
    let Some(room) = ROOMS.iter().find(|room| room.folder == folder) else {
        return vec![Finding::new(
            &file.path,
            1,
            "a crate without a row in the table of arrows",
            "give it one, or none",
        )];
    };
    let manifest = match file.text.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(&file.path, 1, error.message(), "write valid TOML")],
    };
    let mut findings = Vec::new();
    if package_name(&manifest) != Some(room.package) {
        findings.push(Finding::new(&file.path, 1, "the package has another name", format!("call it {}", room.package)));
    }
    for (tests, name) in dependencies(&manifest, aliases) {
        let free = tests == Tests::Everything && room.tests == Tests::Everything;
        let ours = ROOMS.iter().any(|other| other.package == name);
        if ours && !free && !room.may_use.contains(&name.as_str()) {
            findings.push(forbidden(file, room, &name));
        }
    }
    findings
}

fn forbidden(file: &TextFile, room: &Room, name: &str) -> Finding {
    let line = source::word_places(&file.text, name).next().map_or(1, |place| source::line_at(&file.text, place));
    let what = format!("{} may not use {name}", room.package);
    let hint = match room.may_use {
        [] => "it stands alone".to_owned(),
        allowed => format!("only {}", allowed.join(", ")),
    };
    Finding::new(&file.path, line, what, hint)
}

fn package_name(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

/// The workspace's own dependencies, where a name may stand for another package.
fn aliases(root: Option<&TextFile>) -> Table {
    let manifest = root.and_then(|file| file.text.parse::<Table>().ok()).unwrap_or_default();
    let found = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    found.and_then(Value::as_table).cloned().unwrap_or_default()
}

/// The packages a manifest names, with what they are for: the tests alone may enjoy more freedom.
fn dependencies(manifest: &Table, aliases: &Table) -> Vec<(Tests, String)> {
    let for_targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = for_targets.filter_map(Value::as_table).chain([manifest]);
    let mut found = Vec::new();
    for table in tables {
        for (section, tests) in [
            ("dependencies", Tests::LikeTheCrate),
            ("build-dependencies", Tests::LikeTheCrate),
            ("dev-dependencies", Tests::Everything),
        ] {
            let entries = table.get(section).and_then(Value::as_table).into_iter().flatten();
            found.extend(entries.map(|(key, value)| (tests, real_name(key, value, aliases))));
        }
    }
    found
}

/// The package behind a key: named by the entry itself, by the workspace's entry, or by the key.
fn real_name(key: &str, value: &Value, aliases: &Table) -> String {
    let renamed = |value: &Value| value.get("package").and_then(Value::as_str).map(str::to_owned);
    renamed(value).or_else(|| aliases.get(key).and_then(renamed)).unwrap_or_else(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    const ROOT: &str = "[workspace.dependencies]\ndownbeat-core = { path = \"crates/core\" }\nsecret = { package = \"downbeat-hub\" }\n";

    fn findings(folder: &str, package: &str, rest: &str) -> Vec<String> {
        let manifest = file(&format!("{folder}/Cargo.toml"), &format!("[package]\nname = \"{package}\"\n{rest}"));
        let aliases = aliases(Some(&file("Cargo.toml", ROOT)));
        check_manifest(&manifest, folder, &aliases).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn the_right_arrows_pass() {
        for (folder, package, rest) in [
            ("crates/core", "downbeat-core", "[dependencies]\nserde = { workspace = true }"),
            ("crates/edge", "downbeat-edge", "[dependencies]\ndownbeat-core = { workspace = true }"),
            ("crates/drill", "downbeat-drill", "[dev-dependencies]\nencore = { workspace = true }"),
            ("crates/downbeat", "downbeat", "[dependencies]\nencore = { workspace = true }"),
            ("xtask", "xtask", "[dependencies]\nanyhow = \"1\""),
        ] {
            assert_eq!(findings(folder, package, rest), [""; 0], "{folder}: {rest}");
        }
    }

    #[test]
    fn the_wrong_arrows_are_found() {
        for (folder, package, rest, expected) in [
            (
                "crates/core",
                "downbeat-core",
                "[dependencies]\nencore = \"1\"",
                "4: downbeat-core may not use encore, it stands alone",
            ),
            (
                "crates/edge",
                "downbeat-edge",
                "[dev-dependencies]\ndownbeat-hub = \"1\"",
                "4: downbeat-edge may not use downbeat-hub, only downbeat-core",
            ),
            (
                "crates/hub",
                "downbeat-hub",
                "[target.'cfg(unix)'.dependencies]\ndownbeat-edge = \"1\"",
                "4: downbeat-hub may not use downbeat-edge, only downbeat-core",
            ),
            (
                "crates/edge",
                "downbeat-edge",
                "[build-dependencies]\nother = { package = \"encore\" }",
                "4: downbeat-edge may not use encore, only downbeat-core",
            ),
            (
                "crates/edge",
                "downbeat-edge",
                "[dependencies]\nsecret = { workspace = true }",
                "1: downbeat-edge may not use downbeat-hub, only downbeat-core",
            ),
            (
                "crates/drill",
                "downbeat-drill",
                "[dependencies]\nencore = \"1\"",
                "4: downbeat-drill may not use encore, only downbeat-core, downbeat-edge, downbeat-hub, downbeat-sim",
            ),
            ("crates/hub", "hub", "", "1: the package has another name, call it downbeat-hub"),
            ("crates/new", "new", "", "1: a crate without a row in the table of arrows, give it one, or none"),
        ] {
            assert_eq!(findings(folder, package, rest), [format!("{folder}/Cargo.toml:{expected}")]);
        }
    }

    #[test]
    fn a_broken_manifest_is_a_finding() {
        assert_eq!(findings("crates/hub", "downbeat-hub", "[dependencies").len(), 1);
    }

    #[test]
    fn only_manifests_below_the_root_are_rooms() {
        let tree = Tree::of(&[("Cargo.toml", ROOT), ("xtask/Cargo.toml", "[package]\nname = \"xtask\"\n")]);
        assert_eq!(check(&tree), []);
    }
}
