//! No file of Rust outgrows its reader.

use super::Finding;
use super::tree::TextFile;

/// Lines of Rust in one file, tests included. Files are meant to have 50 to 300; this only stops one that ran away.
const MOST_LINES: usize = 900;

/// Finds a file that is too long.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if file.extension() != "rs" || lines <= MOST_LINES {
        return Vec::new();
    }
    let what = format!("{lines} lines are more than {MOST_LINES}");
    vec![Finding::new(&file.path, MOST_LINES + 1, what, "look for the missing noun and split there")]
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    #[test]
    fn only_long_rust_is_found() {
        let lines = |count| "a\n".repeat(count);
        for (path, count, found) in [("a.rs", 900, 0), ("a.rs", 901, 1), ("a.md", 2000, 0)] {
            assert_eq!(check(&file(path, &lines(count))).len(), found, "{path} {count}");
        }
    }
}
