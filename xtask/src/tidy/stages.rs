//! Inside the core each stage of an outage knows the model and no other stage; `incident` alone strings them together.
//!
//! Read off the paths that start at the crate's root: `crate::x`, and `super::x` where it climbs that far.

use super::Finding;
use super::source::{code_only, is_word, line_at};
use super::tree::TextFile;

const CORE: &str = "crates/core/src/";

/// The modules under this rule, with what each may use besides itself and the model.
const STAGES: [(&str, &[&str]); 9] = [
    ("model", &[]),
    ("signal", &[]),
    ("detect", &[]),
    ("confirm", &[]),
    ("diagnose", &[]),
    ("act", &[]),
    ("tell", &[]),
    ("fault", &[]),
    // Reads what is left of finished incidents: their events.
    ("learn", &["incident"]),
];

/// Finds a stage of the core that uses another one.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let Some((stage, depth)) = module(&file.path) else { return Vec::new() };
    let Some((_, besides)) = STAGES.iter().find(|(name, _)| *name == stage) else { return Vec::new() };
    let code = code_only(&file.text);
    let allowed = |name: &str| name == stage || name == "model" || besides.contains(&name);
    let uses = root_uses(&code, depth).into_iter().filter(|(_, name)| !allowed(name));
    uses.map(|(place, name)| finding(file, line_at(&code, place), stage, &name)).collect()
}

fn finding(file: &TextFile, line: usize, stage: &str, name: &str) -> Finding {
    let hint = "a stage knows `crate::model` only: let `incident` hand over what it needs";
    Finding::new(&file.path, line, format!("`{stage}` uses `crate::{name}`"), hint)
}

/// The first module on a file's path in the core, and how many modules deep the file is.
fn module(path: &str) -> Option<(&str, usize)> {
    let inner = path.strip_prefix(CORE)?.strip_suffix(".rs")?;
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    Some((inner.split('/').next()?, inner.split('/').count()))
}

/// The names used directly below the crate's root, each with its place in the code.
fn root_uses(code: &str, depth: usize) -> Vec<(usize, String)> {
    let from_crate = path_starts(code, "crate::").flat_map(|(place, rest)| at(place, names(rest)));
    let from_super = path_starts(code, "super::").flat_map(|(place, rest)| {
        let climbed = rest.trim_start_matches("super::");
        let steps = 1 + (rest.len() - climbed.len()) / "super::".len();
        let found = if steps >= depth { names(climbed) } else { Vec::new() };
        // Inline modules make a file deeper than its path says; only what is a module of the core counts here.
        at(place, found.into_iter().filter(|name| is_module(name)).collect())
    });
    from_crate.chain(from_super).collect()
}

fn at(place: usize, names: Vec<String>) -> impl Iterator<Item = (usize, String)> {
    names.into_iter().map(move |name| (place, name))
}

fn is_module(name: &str) -> bool {
    name == "incident" || STAGES.iter().any(|(stage, _)| *stage == name)
}

/// Where a path begins with `start`, and what follows it.
fn path_starts<'a>(code: &'a str, start: &'a str) -> impl Iterator<Item = (usize, &'a str)> + 'a {
    let begins = |place: usize| !code[..place].ends_with(|c: char| is_word(c) || c == ':');
    code.match_indices(start)
        .filter(move |(place, _)| begins(*place))
        .map(|(place, s)| (place, &code[place + s.len()..]))
}

/// The names at the head of a path: one, or those of a group in braces.
fn names(path: &str) -> Vec<String> {
    match path.strip_prefix('{') {
        Some(group) => group_items(group).iter().map(|item| head(item)).filter(|name| !name.is_empty()).collect(),
        None => vec![head(path)],
    }
}

/// The first name of a path; `*` for everything.
fn head(path: &str) -> String {
    let path = path.trim_start();
    if path.starts_with('*') { "*".to_owned() } else { path.chars().take_while(|c| is_word(*c)).collect() }
}

/// The outermost items of a group, up to its closing brace.
fn group_items(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0_usize, 0, Vec::new());
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[start..place]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    /// The lines and names that are found in a text at a path below the core.
    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let findings = check(&file(&format!("{CORE}{path}"), text));
        let name = |what: &str| what.rsplit("crate::").next().unwrap_or_default().trim_end_matches('`').to_owned();
        findings.iter().map(|finding| (finding.line, name(&finding.what))).collect()
    }

    #[test]
    fn the_model_and_the_stage_itself_are_fine() {
        for (path, text) in [
            ("detect.rs", "use crate::model::Slice;\nuse crate::detect::Scan;"),
            ("detect/counts.rs", "use super::Scan;\nuse crate::model::{Slice, Moment};"),
            ("detect.rs", "mod tests { use super::*; }"),
            ("learn.rs", "use crate::incident::Event;"),
            ("incident.rs", "use crate::{detect, act, tell};"),
            ("lib.rs", "pub use crate::act::Remedy;"),
            ("act.rs", "/// See [`crate::tell`].\nfn f() { g(\"crate::tell\") }"),
            ("act.rs", "use other_crate::tell; macro_rules! m { () => { $crate::model::X } }"),
            ("tell/pages.rs", "use super::signal::Quiet;"),
        ] {
            assert_eq!(found(path, text), [], "{path}: {text}");
        }
    }

    #[test]
    fn other_stages_are_found() {
        for (path, text, expected) in [
            ("detect.rs", "\nuse crate::act::Remedy;", vec![(2, "act")]),
            ("act.rs", "use crate::{model::X, tell::{A, B}, incident};", vec![(1, "tell"), (1, "incident")]),
            ("model.rs", "use crate::signal::Count;", vec![(1, "signal")]),
            ("confirm/mod.rs", "fn f(x: crate::detect::Found) {}", vec![(1, "detect")]),
            ("confirm/sum.rs", "use super::super::detect::Found;", vec![(1, "detect")]),
            ("tell.rs", "use super::{model, learn};", vec![(1, "learn")]),
            ("signal.rs", "use crate::*;", vec![(1, "*")]),
            ("learn.rs", "use crate::fault::Fault;", vec![(1, "fault")]),
            ("fault.rs", "use crate::{\n    model::A,\n    helpers,\n};", vec![(1, "helpers")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(line, name)| (line, name.to_owned())).collect();
            assert_eq!(found(path, text), expected, "{path}: {text}");
        }
    }

    #[test]
    fn other_crates_are_not_its_business() {
        assert_eq!(check(&file("crates/hub/src/act.rs", "use crate::tell::X;")), []);
    }
}
