//! Which requests belong to which component, and where two components want the same ones.

use super::Check;
use crate::config::fault::Complaint;
use crate::config::written::ComponentTable;
use std::collections::BTreeMap;
use std::ops::Range;

/// A route as the edge compares it: paths in whole segments, so `/media` and `/media/` are the same.
pub(super) type Route<'t> = (Option<&'t str>, &'t str);

/// The routes of one component: each of its hosts, or any, with each of its paths.
pub(super) fn of(table: &ComponentTable) -> impl Iterator<Item = (Range<usize>, Route<'_>)> {
    let hosts: Vec<Option<&str>> = match table.hosts.as_slice() {
        [] => vec![None],
        hosts => hosts.iter().map(|host| Some(host.get_ref().0.as_str())).collect(),
    };
    hosts
        .into_iter()
        .flat_map(|host| table.paths.iter().map(move |path| (path.span(), (host, whole(&path.get_ref().0)))))
}

fn whole(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// Finds routes that two components, or one twice, want to answer.
pub(super) fn check(tables: &[ComponentTable], check: &Check<'_>) {
    let mut seen: BTreeMap<Route<'_>, &ComponentTable> = BTreeMap::new();
    for table in tables {
        for (span, route) in of(table) {
            if let Some(first) = seen.insert(route, table) {
                let complaint = Complaint::new(format!("{} belongs to {} already", text(route), title(first)));
                let hint = format!(
                    "that is at {}; the longest path wins, so give one of them paths of its own",
                    check.source.line(&first.span)
                );
                check.complain(span, complaint.hint(hint));
            }
        }
    }
}

fn text((host, path): Route<'_>) -> String {
    format!("{}{path}/", host.unwrap_or_default())
}

fn title(table: &ComponentTable) -> String {
    table.name.as_ref().map_or("another component".into(), |name| format!("component {}", name.get_ref()))
}
