//! Which requests belong to which feature of a component, and where that makes no sense.

use super::{Check, routes};
use crate::config::address::PathPrefix;
use crate::config::fault::Complaint;
use crate::config::written::{ComponentTable, FeatureTable};
use toml::Spanned;

/// Finds features of one name, paths that two features want, and paths that their component does not serve.
pub(super) fn check(tables: &[ComponentTable], check: &Check<'_>) {
    for table in tables {
        check.unique("features", table.features.iter().filter_map(|feature| feature.name.as_ref()));
        check_overlaps(&table.features, check);
        for path in table.features.iter().flat_map(|feature| &feature.paths) {
            check_owner(path, table, tables, check);
        }
    }
}

/// A request belongs to one feature, or to none.
fn check_overlaps(features: &[FeatureTable], check: &Check<'_>) {
    let paths: Vec<(&FeatureTable, &Spanned<PathPrefix>)> =
        features.iter().flat_map(|feature| feature.paths.iter().map(move |path| (feature, path))).collect();
    for (n, (feature, path)) in paths.iter().enumerate() {
        let both = |other: &Spanned<PathPrefix>| covers(text(other), text(path)) || covers(text(path), text(other));
        if let Some((first, other)) = paths[..n].iter().find(|(_, other)| both(other)) {
            let what = format!(
                "{} of feature {} meets {} of feature {}",
                text(path),
                label(feature),
                text(other),
                label(first)
            );
            let hint = format!("that is at {}; give each feature paths of its own", check.source.line(&other.span()));
            check.complain(path.span(), Complaint::new(what).hint(hint));
        }
    }
}

/// The component's own paths lead to it, and no longer path of another component takes the feature's requests away.
fn check_owner(path: &Spanned<PathPrefix>, table: &ComponentTable, tables: &[ComponentTable], check: &Check<'_>) {
    let Some(own) = longest(table, path) else {
        let complaint = Complaint::new(format!("{} is no path of component {}", text(path), table.label()));
        let hint = format!("the paths of the component are {}", listed(table));
        check.complain(path.span(), complaint.hint(hint));
        return;
    };
    let shares_hosts = |other: &ComponentTable| table.hosts.is_empty() == other.hosts.is_empty();
    let others = tables.iter().filter(|other| !std::ptr::eq(*other, table) && shares_hosts(other));
    if let Some(other) = others.into_iter().find(|other| longest(other, path).is_some_and(|theirs| theirs > own)) {
        let complaint = Complaint::new(format!("{} belongs to component {}", text(path), other.label()));
        let hint = format!("that is at {}; make it a feature there", check.source.line(&other.span));
        check.complain(path.span(), complaint.hint(hint));
    }
}

/// The length of the longest path of a component that leads a feature's requests to it.
fn longest(table: &ComponentTable, path: &Spanned<PathPrefix>) -> Option<usize> {
    routes::of(table).map(|(_, (_, own))| own).filter(|own| covers(own, text(path))).map(str::len).max()
}

fn listed(table: &ComponentTable) -> String {
    table.paths.iter().map(|path| path.get_ref().0.as_str()).collect::<Vec<_>>().join(", ")
}

fn label(feature: &FeatureTable) -> &str {
    feature.name.as_ref().map_or("without a name", |name| name.get_ref().as_str())
}

/// A path as the edge compares it: in whole segments.
fn text(path: &Spanned<PathPrefix>) -> &str {
    path.get_ref().0.trim_end_matches('/')
}

fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
