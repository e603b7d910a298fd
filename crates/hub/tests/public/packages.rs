//! Where `cargo xtask test` puts what these tests need from outside, and how to run it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Below it, packages of npm and of Python.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/public-clients")
}

/// A file of a package, or a loud word that it is missing.
pub(crate) fn file(path: &str) -> Option<PathBuf> {
    let file = folder().join(path);
    if !file.exists() {
        eprintln!("SKIP: {path} is not there (`cargo xtask test` installs it): NOT TESTED");
    }
    file.exists().then_some(file)
}

/// A program from outside that works, or a loud word that it is missing.
pub(crate) fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let program = std::env::var_os(variable).map_or_else(|| name.into(), PathBuf::from);
    let works = Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIP: {name} is missing ({variable} names another one): NOT TESTED");
    }
    works.then_some(program)
}

/// Runs a program to its end; what it printed.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}
