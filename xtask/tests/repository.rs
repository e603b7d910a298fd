//! The repository is tidy: the rules of `cargo xtask tidy`, as a test.

use std::io;
use std::process::Command;

#[test]
fn the_repository_is_tidy() -> io::Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("tidy").output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "\n{said}{complained}");
    Ok(())
}
