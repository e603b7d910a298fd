//! `cargo xtask fuzz [TARGET] [--seconds N]`: the edge's readers under libFuzzer, from the kept seeds on.
//!
//! Needs a nightly compiler, and says so where there is none. What is found lies below `target`; a finding becomes a
//! seed once it is understood. The bounded run over the same seeds is an ordinary test of the edge.

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{Outcome, process};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The compiler that knows sanitizers.
const TOOLCHAIN: &str = "nightly";
/// Limits of libFuzzer for every input (invariant C3): seconds, and megabytes of one allocation and of all.
const LIMITS: [&str; 3] = ["-timeout=5", "-malloc_limit_mb=64", "-rss_limit_mb=1024"];
/// Longest input, in bytes; most of what goes wrong goes wrong early.
const LENGTH: &str = "-max_len=4096";

/// What to run, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// One target; every one, one after the other, when none is named.
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs one target or all.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let targets = chosen(targets(workspace.root())?, options.target.as_deref())?;
    if !answers(rustup(workspace).args(["rustc", "--version"])) {
        println!("SKIP: no {TOOLCHAIN} compiler, nothing was fuzzed");
        println!("hint: rustup toolchain install {TOOLCHAIN} --profile minimal");
        return Ok(Outcome::Failed);
    }
    let Some(program) = cargo_fuzz(workspace)? else {
        println!("SKIP: cargo-fuzz could not be installed, nothing was fuzzed");
        return Ok(Outcome::Failed);
    };
    let mut steps = Steps::new(targets.len());
    let mut failed = Vec::new();
    for target in &targets {
        let passed = steps.step(&format!("fuzzing {target}"), || fuzz(workspace, &program, target, options.seconds))?;
        if !passed {
            failed.push(target.as_str());
        }
    }
    println!("fuzz: {} targets, {} s each; failed: {}", targets.len(), options.seconds, list(&failed));
    Ok(Outcome::of(failed.is_empty()))
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The names of all targets: one file each.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry.with_context(|| format!("look into {}", folder.display()))?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn chosen(all: Vec<String>, wanted: Option<&str>) -> Result<Vec<String>> {
    match wanted {
        None => Ok(all),
        Some(name) if all.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("there is no target {name}, only {}", all.join(", ")),
    }
}

fn fuzz(workspace: &Workspace, program: &Path, target: &str, seconds: u64) -> Result<bool> {
    let own = workspace.target().join("fuzz");
    let (corpus, findings) = (own.join("corpus").join(target), own.join("findings").join(target));
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let mut command = rustup(workspace);
    command.arg(program).args(["run", "--fuzz-dir", "fuzz", "--target-dir"]).arg(&own).arg(target);
    // New inputs go to the first folder, the seeds stay as they are.
    command.arg(&corpus).arg(workspace.root().join("fuzz/seeds").join(target)).arg("--").args(LIMITS).arg(LENGTH);
    command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
    process::succeeds(command.arg(format!("-artifact_prefix={}/", findings.display())))
}

/// A command of the nightly toolchain. The cargo that started us is of another one and must not be taken for it.
fn rustup(workspace: &Workspace) -> Command {
    let mut command = workspace.command("rustup");
    command.args(["run", TOOLCHAIN]);
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

/// The cargo-fuzz below `target`, installed at need.
fn cargo_fuzz(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let tools = workspace.target().join("tools");
    let program = tools.join("bin/cargo-fuzz");
    if answers(workspace.command(&program).arg("--version")) {
        return Ok(Some(program));
    }
    eprintln!("cargo-fuzz is missing: installing it below {}, once", tools.display());
    let mut install = rustup(workspace);
    install.args(["cargo", "install", "--locked", "cargo-fuzz", "--root"]).arg(&tools);
    Ok(process::succeeds(&mut install)?.then_some(program))
}

fn answers(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_a_place_in_the_manifest() -> Result<()> {
        let workspace = Workspace::find()?;
        let manifest = fs::read_to_string(workspace.root().join("fuzz/Cargo.toml"))?;
        let targets = targets(workspace.root())?;
        assert!(targets.len() >= 8, "{targets:?}");
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not in the manifest");
            let seeds = workspace.root().join("fuzz/seeds").join(&target);
            assert!(fs::read_dir(&seeds)?.next().is_some(), "{} is empty", seeds.display());
        }
        Ok(())
    }

    #[test]
    fn a_target_is_one_that_there_is() {
        let all = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(all(), None).expect("all"), all());
        assert_eq!(chosen(all(), Some("b")).expect("there is one"), ["b"]);
        assert!(chosen(all(), Some("c")).is_err_and(|error| error.to_string().contains("only a, b")));
    }
}
