//! What people and upstreams say: the table of networks is read here, so that a bad line of it is a fault of the configuration.

use super::Check;
use super::site::Site;
use crate::config::fault::Complaint;
use crate::config::written::{FeedTable, ReportsTable, UpstreamTable};
use downbeat_core::model::{Name, Upstream};
use downbeat_hub::reports::{NetworkTable, TableError};
use downbeat_hub::settings::{FeedSettings, ReportSettings, UpstreamSettings};
use std::collections::BTreeMap;
use std::error::Error;
use std::iter::successors;
use std::sync::Arc;
use toml::Spanned;

/// What to write in the table.
const TABLE_HINT: &str = "a line is prefix,asn,name or prefix,asn,name,region: 192.0.2.0/24,64500,Example,eu";

/// Where it is looked for.
const PLACE_HINT: &str = "its path goes from the folder of this file";

/// How reports are taken in.
pub(super) fn resolve(table: ReportsTable, check: &Check<'_>) -> ReportSettings {
    let networks = table.as_table.as_ref().and_then(|file| {
        let path = check.folder.join(file.get_ref());
        match NetworkTable::read(&path) {
            Ok(networks) => Some(networks),
            Err(error) => {
                let causes: Vec<String> =
                    successors(Some(&error as &dyn Error), |&error| error.source()).map(ToString::to_string).collect();
                let complaint = Complaint::new(format!("as_table: {}: {}", path.display(), causes.join(": ")));
                let hint = if matches!(error, TableError::Line { .. }) { TABLE_HINT } else { PLACE_HINT };
                check.complain(file.span(), complaint.hint(hint));
                None
            }
        }
    });
    let networks = Arc::new(networks.unwrap_or_default());
    ReportSettings { networks, app_key: table.app_key, proxies: table.proxies }
}

/// The feeds that are whole.
pub(super) fn feeds(tables: Vec<FeedTable>, site: &Site, check: &Check<'_>) -> Vec<FeedSettings> {
    check.unique("feeds", tables.iter().filter_map(|feed| feed.name.as_ref()));
    tables.iter().filter_map(|feed| feed.component.as_ref()).for_each(|name| site.check_component(name, check));
    let feed = |table: FeedTable| {
        let (name, component) = (table.name?.into_inner(), table.component.map(Spanned::into_inner));
        Some(FeedSettings { name, url: table.url?, every: table.every, words: table.words, component })
    };
    tables.into_iter().filter_map(feed).collect()
}

/// The services that ours depends on, for the policy.
pub(super) fn policy_of(tables: &[UpstreamTable], site: &Site, check: &Check<'_>) -> BTreeMap<Name, Upstream> {
    check.unique("upstreams", tables.iter().filter_map(|upstream| upstream.name.as_ref()));
    tables.iter().flat_map(|upstream| &upstream.components).for_each(|name| site.check_component(name, check));
    let upstream = |table: &UpstreamTable| {
        let name = table.name.as_ref()?.get_ref().clone();
        let components = table.components.iter().map(|component| component.get_ref().clone()).collect();
        let title = table.title.clone().unwrap_or_else(|| name.to_string());
        Some((name, Upstream { title, components }))
    };
    tables.iter().filter_map(upstream).collect()
}

/// Where they say how they are.
pub(super) fn upstreams(tables: Vec<UpstreamTable>) -> Vec<UpstreamSettings> {
    let upstream = |table: UpstreamTable| {
        let name = table.name?.into_inner();
        Some(UpstreamSettings { name, url: table.url?, every: table.every, parts: table.parts })
    };
    tables.into_iter().filter_map(upstream).collect()
}
