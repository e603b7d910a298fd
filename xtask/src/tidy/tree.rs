//! The files of the repository, read once for all rules: what git lists, or every file where there is no git.

use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Folders that hold no file of ours; only for a copy of the repository without its git folder.
const NOT_OURS: [&str; 3] = [".git", "target", "downbeat-data"];

/// A file of text, by its path from the root with `/` between the parts.
pub(super) struct TextFile {
    pub(super) path: String,
    pub(super) text: String,
}

impl TextFile {
    /// The part of the file's name after its last dot; empty when there is none.
    pub(super) fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The lines of the text, counted from 1.
    pub(super) fn numbered_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Every file of the repository.
pub(super) struct Tree {
    paths: BTreeSet<String>,
    texts: Vec<TextFile>,
}

impl Tree {
    /// The paths of all files, of text or not.
    pub(super) fn paths(&self) -> &BTreeSet<String> {
        &self.paths
    }

    /// The files of text.
    pub(super) fn texts(&self) -> &[TextFile] {
        &self.texts
    }

    /// The file of text at this path.
    pub(super) fn text(&self, path: &str) -> Option<&TextFile> {
        self.texts.iter().find(|file| file.path == path)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let texts = files.iter().map(|(path, text)| file(path, text)).collect();
        Self { paths, texts }
    }
}

#[cfg(test)]
pub(super) fn file(path: &str, text: &str) -> TextFile {
    TextFile { path: path.to_owned(), text: text.to_owned() }
}

/// Reads every file that is tracked, or new and not ignored.
pub(super) fn read(workspace: &Workspace) -> Result<Tree> {
    let root = workspace.root();
    let listed = if root.join(".git").exists() { list(workspace)? } else { walk(root)? };
    let mut tree = Tree { paths: BTreeSet::new(), texts: Vec::new() };
    for path in listed {
        let place = root.join(&path);
        // A path that is listed and gone was deleted and not committed yet; a link's target is read where it lies.
        if !place.is_file() || place.is_symlink() {
            continue;
        }
        let bytes = fs::read(&place).with_context(|| format!("read {path}"))?;
        if let Some(text) = text_of(bytes) {
            tree.texts.push(TextFile { path: path.clone(), text });
        }
        tree.paths.insert(path);
    }
    Ok(tree)
}

/// What is UTF-8 without a zero byte is text.
fn text_of(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

fn list(workspace: &Workspace) -> Result<BTreeSet<String>> {
    // The repository may belong to another user, in a container for instance; reading its list is harmless.
    let arguments = ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = workspace.command("git").args(arguments).output().context("run git ls-files")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    let names = String::from_utf8(output.stdout).context("read the names of git ls-files")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(root: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let entry = entry.with_context(|| format!("list {}", folder.display()))?;
            let kind = entry.file_type().with_context(|| format!("look at {}", entry.path().display()))?;
            let ours = !NOT_OURS.iter().any(|name| entry.file_name() == *name);
            if kind.is_dir() && ours {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.insert(entry.path().strip_prefix(root).unwrap_or(&entry.path()).display().to_string());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_extensions() {
        for (path, name, extension) in [
            ("crates/core/src/lib.rs", "lib.rs", "rs"),
            (".ci/run", "run", ""),
            (".cargo/config.toml", "config.toml", "toml"),
            ("README.md", "README.md", "md"),
        ] {
            let file = file(path, "");
            assert_eq!((file.name(), file.extension()), (name, extension), "{path}");
        }
    }

    #[test]
    fn only_text_is_text() {
        assert_eq!(text_of(b"text\n".to_vec()), Some("text\n".to_owned()));
        assert_eq!(text_of(b"zero \0 byte".to_vec()), None);
        assert_eq!(text_of(vec![0xff, 0xd8, 0xff]), None);
    }

    #[test]
    fn git_and_a_walk_find_this_file() -> Result<()> {
        let workspace = Workspace::find()?;
        let this = "xtask/src/tidy/tree.rs";
        assert!(walk(workspace.root())?.contains(this));
        assert!(read(&workspace)?.text(this).is_some());
        Ok(())
    }
}
