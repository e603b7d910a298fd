//! Every relative link in Markdown points at a file or folder of the repository.

use super::Finding;
use super::tree::{TextFile, Tree};

/// Finds links that lead nowhere.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = tree.texts().iter().filter(|file| file.extension() == "md");
    pages.flat_map(|page| check_page(page, tree)).collect()
}

/// The level and title of a heading line; none for any other line.
pub(super) fn heading(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    (level > 0 && title.starts_with(' ')).then(|| (level, title.trim()))
}

fn check_page(page: &TextFile, tree: &Tree) -> Vec<Finding> {
    let dead = prose_lines(page).into_iter().flat_map(|(number, line)| {
        let targets = targets(&without_code(line)).into_iter().filter(|target| is_relative(target));
        targets.filter(|target| !leads_somewhere(&page.path, target, tree)).map(move |target| (number, target))
    });
    dead.map(|(number, target)| Finding::new(&page.path, number, format!("`{target}` is not there"), "mend the link"))
        .collect()
}

/// The numbered lines outside fenced code.
fn prose_lines(page: &TextFile) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in page.numbered_lines() {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        if !fenced && !fence {
            lines.push((number, line));
        }
    }
    lines
}

/// The line without what is in backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The targets of `[text](target)`, `![image](target)` and `[name]: target`.
fn targets(line: &str) -> Vec<String> {
    let inline = line.match_indices("](").map(|(place, mark)| &line[place + mark.len()..]);
    let inline = inline.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    inline.chain(definition(line)).map(bare).filter(|target| !target.is_empty()).collect()
}

/// The target of a line that defines a link; a footnote defines none.
fn definition(line: &str) -> Option<&str> {
    let (name, target) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
    (!name.starts_with('^') && !name.contains(']')).then_some(target)
}

/// A target without its brackets, its title, its place in the page.
fn bare(target: &str) -> String {
    let target = target.trim();
    let path = match target.strip_prefix('<') {
        Some(rest) => rest.split('>').next(),
        None => target.split_whitespace().next(),
    };
    path.unwrap_or_default().split(['#', '?']).next().unwrap_or_default().to_owned()
}

/// Whether a target is neither an address (`scheme:…`, `//host`) nor a place in the same page.
fn is_relative(target: &str) -> bool {
    let scheme = target.split('/').next().unwrap_or_default();
    !scheme.contains(':') && !target.starts_with("//")
}

fn leads_somewhere(page: &str, target: &str, tree: &Tree) -> bool {
    resolve(page, target).is_some_and(|path| {
        let folder = format!("{path}/");
        path.is_empty() || tree.paths().contains(&path) || tree.paths().iter().any(|known| known.starts_with(&folder))
    })
}

/// The path from the root that a page's link means; none when it leaves the repository.
fn resolve(page: &str, target: &str) -> Option<String> {
    let (start, target) = match target.strip_prefix('/') {
        Some(from_root) => ("", from_root),
        None => (page.rsplit_once('/').map_or("", |(folder, _)| folder), target),
    };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("docs/page.md", text), ("docs/other.md", ""), ("README.md", ""), ("a/b/c.rs", "")]);
        check(&tree).iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn living_links_pass() {
        for text in [
            "[other](other.md) and [root](../README.md#top)",
            "[a folder](../a/b), [from the root](/a/b/c.rs)",
            "[an address](https://example.org/x), [mail](mailto:a@example.org), [here](#below)",
            "![picture](<other.md> \"title\")",
            "`[code](gone.md)`\n```\n[code](gone.md)\n```\n",
            "[name]: other.md\n[^1]: a footnote, no link",
        ] {
            assert_eq!(dead(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn dead_links_are_found() {
        for (text, expected) in [
            ("\n[gone](gone.md)", "2: `gone.md` is not there"),
            ("[a](other.md) [b](../gone.md#x)", "1: `../gone.md` is not there"),
            ("[out](../../etc)", "1: `../../etc` is not there"),
            ("[name]: gone.md", "1: `gone.md` is not there"),
            ("```\n```\n![picture](gone.png \"title\")", "3: `gone.png` is not there"),
        ] {
            assert_eq!(dead(text), [expected], "{text}");
        }
    }

    #[test]
    fn headings_have_levels() {
        assert_eq!(heading("## Code map\n"), Some((2, "Code map")));
        assert_eq!(heading("#hashtag"), None);
        assert_eq!(heading("text"), None);
    }
}
