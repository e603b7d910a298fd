//! The status page: groups of components, and a look that can be read.

use super::site::Site;
use super::{Check, secret_in};
use crate::config::fault::Complaint;
use crate::config::spelling;
use crate::config::written::{CopyTable, GroupTable, PageTable, place};
use downbeat_core::model::Name;
use downbeat_hub::settings::{BucketSettings, CopySettings, PageSettings};
use downbeat_hub::theme::{LOGO_MAX, Logo, Theme};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The settings; what is at fault is left out.
pub(super) fn resolve(table: PageTable, site: &Site, check: &Check<'_>) -> PageSettings {
    let colours = table.colours.iter().map(|(key, colour)| (*key, *colour.get_ref())).collect();
    let theme = Theme { name: table.name.clone(), logo: None, colours };
    for poor in theme.poor_contrasts() {
        let complaint = Complaint::new(poor.words);
        let hint = format!("choose another {} in [status_page.{}]", poor.token.key(), poor.scheme.key());
        check.complain(place(&table, poor.scheme, poor.token), complaint.hint(hint));
    }
    let logo = table.logo.as_ref().and_then(|path| logo(path, check));
    let copy = table.copy.and_then(|table| copy(table, check));
    let group_ids = group_ids(table.groups, site, check);
    let (groups, ids) = (site.groups(), site.statuspage_ids());
    PageSettings { groups, ids, group_ids, theme: Theme { logo, ..theme }, copy }
}

/// Clients tell groups apart by their ids, and from components as well.
fn group_ids(tables: Vec<GroupTable>, site: &Site, check: &Check<'_>) -> BTreeMap<String, Name> {
    check.unique("groups", tables.iter().filter_map(|table| table.title.as_ref()));
    check.unique("groups with a statuspage_id", tables.iter().filter_map(|table| table.statuspage_id.as_ref()));
    let (groups, components) = (site.groups(), site.statuspage_ids());
    let titles: BTreeSet<&str> = groups.values().map(String::as_str).collect();
    for title in tables.iter().filter_map(|table| table.title.as_ref()) {
        if !titles.contains(title.get_ref().as_str()) {
            let complaint = Complaint::new(format!("no component stands in the group \"{}\"", title.get_ref()));
            let known: Vec<&str> = titles.iter().copied().collect();
            let hint = match known.as_slice() {
                [] => format!("write group = \"{}\" in a [[component]]", title.get_ref()),
                known => spelling::suggest(title.get_ref(), known),
            };
            check.complain(title.span(), complaint.hint(hint));
        }
    }
    for id in tables.iter().filter_map(|table| table.statuspage_id.as_ref()) {
        if site.component_names().chain(components.values()).any(|taken| taken == id.get_ref()) {
            let complaint = Complaint::new(format!("statuspage_id: \"{}\" is a component", id.get_ref()));
            check.complain(id.span(), complaint.hint("an id is one group's alone"));
        }
    }
    let whole = |table: GroupTable| Some((table.title?.into_inner(), table.statuspage_id?.into_inner()));
    tables.into_iter().filter_map(whole).collect()
}

fn copy(table: CopyTable, check: &Check<'_>) -> Option<CopySettings> {
    let secret_key = secret_in(&table.secret_key_file?, "secret_key_file", check);
    let (bucket, prefix) = table.place?;
    let bucket = BucketSettings {
        endpoint: table.endpoint?,
        bucket,
        prefix,
        region: table.region?,
        access_key: table.access_key?,
        secret_key: secret_key?,
        session_token: None,
    };
    Some(CopySettings { bucket, every: table.every })
}

fn logo(path: &Spanned<PathBuf>, check: &Check<'_>) -> Option<Logo> {
    let file = check.folder.join(path.get_ref());
    let looked_at = read(&file)
        .map_err(|error| format!("logo: cannot read {}: {error}", file.display()))
        .and_then(|bytes| Logo::of(bytes).map_err(|error| error.to_string()));
    looked_at.map_err(|why| check.complain(path.span(), Complaint::new(why))).ok()
}

/// No more than tells that it is too much.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(LOGO_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
