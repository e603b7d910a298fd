//! Reads a story's Markdown file. Unknown keys are errors, and every error names its line.

use super::{Action, Condition, Deed, Expect, Setting, Step, Story, Trouble, Worlds};
use downbeat_core::model::Name;
use downbeat_sim::span;
use serde::Deserialize;
use std::time::Duration;
use toml::{Spanned, Table, Value};

/// How the block begins.
const FENCE: &str = "```toml drill";

/// Why a story cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct StoryError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// The block as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    name: Name,
    title: String,
    #[serde(deserialize_with = "span::deserialize")]
    warm_up: Duration,
    #[serde(deserialize_with = "span::deserialize")]
    after: Duration,
    #[serde(default)]
    at: Vec<Spanned<Table>>,
    #[serde(default)]
    worlds: Worlds,
    #[serde(default)]
    simulation: Setting,
    expect: Spanned<Table>,
}

/// When a step is done, as it is written beside the action.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    #[serde(default, deserialize_with = "span::deserialize")]
    time: Duration,
    once: Option<Condition>,
    #[serde(default, deserialize_with = "span::deserialize")]
    pause: Duration,
}

/// Reads a story; `file` is for messages.
///
/// # Errors
/// The first fault, with its line.
pub(super) fn read(file: &str, text: &str) -> Result<Story, StoryError> {
    let fault = |line, what: String| StoryError { file: file.to_owned(), line, what };
    let Some((first, block, prose)) = split(text) else {
        return Err(fault(1, format!("there has to be one block from a line {FENCE} to a line ```")));
    };
    let line_of = |offset: usize| first + block[..offset.min(block.len())].matches('\n').count();
    let told = |e: toml::de::Error| fault(e.span().map_or(first, |s| line_of(s.start)), e.message().to_owned());
    let written: Block = toml::from_str(&block).map_err(told)?;
    let step = |table: Spanned<Table>| {
        let line = line_of(table.span().start);
        step(table.into_inner()).map_err(|what| fault(line, what))
    };
    let Block { name, title, warm_up, after, at, worlds, simulation: setting, expect } = written;
    let steps: Vec<Step> = at.into_iter().map(step).collect::<Result<_, _>>()?;
    setting.check().map_err(|what| fault(first, what))?;
    let line = line_of(expect.span().start);
    let (expect, expect_simulated) = expectations(expect.into_inner()).map_err(|what| fault(line, what))?;
    if worlds == Worlds::Both && steps.iter().any(|step| matches!(step.deed, Deed::Trouble(_))) {
        return Err(fault(first, "a trouble of the simulated world needs `worlds = \"simulated\"`".to_owned()));
    }
    Ok(Story { name, title, prose, warm_up, after, steps, worlds, setting, expect, expect_simulated })
}

/// What is expected, and what of it is otherwise in the simulated world: the keys below `[expect.simulated]`.
fn expectations(mut written: Table) -> Result<(Expect, Expect), String> {
    let read = |table: Table| Expect::deserialize(Value::Table(table)).map_err(|e| e.message().to_owned());
    let otherwise = match written.remove("simulated") {
        None => Table::new(),
        Some(Value::Table(otherwise)) => otherwise,
        Some(_) => return Err("`simulated` is a table of expectations".to_owned()),
    };
    let expect = read(written.clone())?;
    written.extend(otherwise);
    Ok((expect, read(written)?))
}

/// The block with the number of its first line, and the prose around it. There has to be exactly one.
fn split(text: &str) -> Option<(usize, String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let open = lines.iter().position(|line| line.trim_end() == FENCE)?;
    let close = open + lines[open..].iter().position(|line| line.trim_end() == "```")?;
    let rest = &lines[close + 1..];
    if rest.iter().any(|line| line.trim_end() == FENCE) {
        return None;
    }
    let block = lines[open + 1..close].join("\n");
    let prose = [&lines[..open], rest].concat().join("\n").trim().to_owned();
    Some((open + 2, block, prose))
}

/// One `[[at]]`: when and what stand side by side, and each key has to belong to one of them.
fn step(mut table: Table) -> Result<Step, String> {
    let when: Table = ["time", "once", "pause"]
        .into_iter()
        .filter_map(|key| table.remove(key).map(|value| (key.to_owned(), value)))
        .collect();
    let when = When::deserialize(Value::Table(when)).map_err(|e| e.message().to_owned())?;
    Ok(Step { time: when.time, once: when.once, pause: when.pause, deed: deed(table)? })
}

/// Whatever either world can do is read as such first.
fn deed(table: Table) -> Result<Deed, String> {
    let said = |e: toml::de::Error| e.message().to_owned();
    let unknown = |what: &str| what.starts_with("unknown variant `") && table.get("do").is_some();
    match Action::deserialize(Value::Table(table.clone())).map_err(said) {
        Ok(action) => check(action).map(Deed::Action),
        Err(what) if unknown(&what) => match Trouble::deserialize(Value::Table(table.clone())).map_err(said) {
            Ok(trouble) => trouble.check().map(|()| Deed::Trouble(trouble)),
            Err(also) if unknown(&also) => Err(format!("{what}, and in the simulated world {also}")),
            Err(also) => Err(also),
        },
        Err(what) => Err(what),
    }
}

/// What the types cannot say.
fn check(action: Action) -> Result<Action, String> {
    match &action {
        Action::Surge { rate, .. } | Action::Attack { rate, .. } if !(1.0..=5_000.0).contains(rate) => {
            Err(format!("a rate is 1 to 5000 a second, not {rate}"))
        }
        Action::Thin { delay, bytes_per_second, .. } if delay.is_some() == bytes_per_second.is_some() => {
            Err("`thin` takes either `delay` or `bytes_per_second`".to_owned())
        }
        _ => Ok(action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::ReplicaId;
    use crate::story::Healing;

    const HEAD: &str = "name = \"n\"\ntitle = \"t\"\nwarm_up = \"1s\"\nafter = \"2m\"\n";

    fn story(block: &str) -> Result<Story, StoryError> {
        read("n.md", &format!("# Title\n\nWhat happened.\n\n```toml drill\n{block}\n```\n\nAnd after.\n"))
    }

    #[test]
    fn a_whole_story() {
        let story = story(&format!(
            "{HEAD}[[at]]\ndo = \"kill\"\nreplica = \"eu-1\"\n[[at]]\ntime = \"3s\"\nonce = \"all_up\"\npause = \"1s\"\n\
             do = \"heal\"\nwhat = \"network\"\n[expect]\nincidents = 1\nhelped = [\"restart\"]\n\
             cause = {{ kind = \"host\", where = \"replica=eu-1\" }}"
        ))
        .expect("a good story");
        assert_eq!(story.prose, "# Title\n\nWhat happened.\n\n\nAnd after.");
        let kill = Action::Kill { replica: ReplicaId::ALL[0] };
        let heal = Action::Heal { what: Healing::Network };
        let second = Duration::from_secs(1);
        let expected = [
            Step { time: Duration::ZERO, once: None, pause: Duration::ZERO, deed: Deed::Action(kill) },
            Step { time: second * 3, once: Some(Condition::AllUp), pause: second, deed: Deed::Action(heal) },
        ];
        assert_eq!(story.steps, expected);
    }

    #[test]
    fn faults_name_their_line() {
        let expect = "[expect]\nincidents = 0";
        let step = |step: &str| format!("{HEAD}[[at]]\n{step}\n{expect}");
        let table = [
            (format!("{HEAD}colour = 1\n{expect}"), 10, "unknown field `colour`"),
            (format!("{HEAD}[expect]\nincidents = 0\nmood = 1"), 10, "unknown field `mood`"),
            (format!("{HEAD}[expect]\nincidents = 0\n[expect.simulated]\nmood = 1"), 10, "unknown field `mood`"),
            (step("do = \"disk\""), 6, "needs `worlds = "),
            (HEAD.to_owned(), 6, "missing field `expect`"),
            (format!("name = \n{expect}"), 6, ""),
            (HEAD.replace("2m", "2 min") + expect, 9, "no length of time"),
            (step("do = \"kill\""), 10, "missing field `replica`"),
            (step("do = \"kill\"\nreplica = \"eu-9\""), 10, "no replica \"eu-9\""),
            (step("do = \"kill\"\nreplica = \"eu-1\"\nregion = \"eu\""), 10, "unknown field `region`"),
            (step("do = \"explode\""), 10, "unknown variant `explode`"),
            (step("do = \"kill_hub\"\ntime = 3"), 10, "invalid type"),
            (step("do = \"kill_hub\"\nonce = \"bored\""), 10, "unknown variant `bored`"),
            (step("do = \"surge\"\ncomponent = \"search\"\nrate = 0.0"), 10, "a rate is 1 to 5000"),
            (step("do = \"attack\"\nnetwork = \"10.0.0.0/24\"\nrate = 5.0"), 10, "no loopback network"),
            (step("do = \"flap\"\nreplica = \"eu-1\"\nevery = \"0s\""), 10, "`every` is 100ms or more"),
            (step("do = \"publish\""), 10, "missing field `to`"),
            (format!("{HEAD}simulation = {{ edges = 9 }}\n{expect}"), 6, "1 to 3 edges"),
            (step("do = \"thin\"\nregion = \"eu\""), 10, "either `delay` or"),
        ];
        for (block, line, says) in table {
            let fault = story(&block).expect_err("a fault");
            assert!(fault.what.contains(says), "{block}\ngave {fault}");
            assert_eq!(fault.line, line, "{block}\ngave {fault}");
        }
    }

    #[test]
    fn there_is_exactly_one_block() {
        for text in ["# Only prose", "```toml drill\nname = \"n\"\n", "```toml drill\n```\n```toml drill\n```\n"] {
            let fault = read("n.md", text).expect_err("no story");
            assert!(fault.to_string().starts_with("n.md:1: there has to be one block"), "{fault}");
        }
    }
}
