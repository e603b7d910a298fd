//! Metrics of others: what each is about, and where it is looked at.

use super::Check;
use super::probes::{Place, slice};
use super::site::Site;
use crate::config::written::MetricTable;
use downbeat_core::model::{Metric, Name};
use downbeat_hub::settings::MetricSettings;
use std::collections::BTreeMap;
use toml::Spanned;

/// Those that are whole, for the policy.
pub(super) fn policy_of(tables: &[MetricTable], site: &Site, check: &Check<'_>) -> BTreeMap<Name, Metric> {
    check.unique("metrics", tables.iter().filter_map(|metric| metric.name.as_ref()));
    let metric = |table: &MetricTable| {
        let place = Place { component: &table.component, region: &table.region, replica: &table.replica };
        let slice = slice(place, site, check);
        let MetricTable { sense, every, series_max, cold_start, .. } = *table;
        let name = table.name.as_ref().map(|name| name.get_ref().clone())?;
        Some((name, Metric { slice, kind: table.kind?, sense, every, series_max, cold_start }))
    };
    tables.iter().filter_map(metric).collect()
}

/// Where they are looked at.
pub(super) fn settings(tables: Vec<MetricTable>) -> Vec<MetricSettings> {
    let settings = |table: MetricTable| {
        Some(MetricSettings { name: table.name.map(Spanned::into_inner)?, source: table.source?, every: table.every })
    };
    tables.into_iter().filter_map(settings).collect()
}
