//! Probes as they are meant: what each looks at, and which there are when nobody asks for any.

use super::Check;
use super::read_secret;
use super::site::Site;
use crate::config::fault::Complaint;
use crate::config::written::{HealthTable, ProbeTable, SecretSource, WalkTable};
use downbeat_core::model::{Dimension, Name, Slice};
use downbeat_hub::probes::authorities;
use downbeat_hub::settings::{HttpTask, ProbeSettings, ProbeTask, Secret, Trust};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use toml::Spanned;

/// Compares the probes with the service. `None` only when something is at fault.
pub(super) fn resolve(
    tables: Vec<ProbeTable>,
    site: &Site,
    health: &HealthTable,
    check: &Check<'_>,
) -> Option<Vec<ProbeSettings>> {
    if tables.is_empty() {
        return Some(defaults(site, health));
    }
    check.unique("probes", tables.iter().filter_map(|p| p.name.as_ref()));
    check_keys(&tables, check);
    // All of them are checked before one that is not whole ends it.
    let probes: Vec<Option<ProbeSettings>> = tables.into_iter().map(|table| probe(table, site, check)).collect();
    probes.into_iter().collect()
}

/// The references, which are about nothing of the service.
pub(super) fn resolve_references(tables: Vec<ProbeTable>, check: &Check<'_>) -> Option<Vec<ProbeSettings>> {
    check.unique("references", tables.iter().filter_map(|p| p.name.as_ref()));
    tables.into_iter().map(|table| settings(table, Slice::everywhere(), check)).collect()
}

/// A key belongs to one heartbeat, or nobody could tell who called.
fn check_keys(tables: &[ProbeTable], check: &Check<'_>) {
    let keyed = tables.iter().filter_map(|table| match (&table.task, &table.name) {
        (Some(ProbeTask::Heartbeat { key, .. }), Some(name)) => Some((key, name)),
        _ => None,
    });
    let mut seen: BTreeMap<&String, &Spanned<Name>> = BTreeMap::new();
    for (key, name) in keyed {
        if let Some(first) = seen.insert(key, name) {
            let complaint = Complaint::new(format!("heartbeat {} has the key of {}", name.get_ref(), first.get_ref()));
            check.complain(name.span(), complaint.hint("give each job a key of its own"));
        }
    }
}

/// One probe a replica: of its health path when one is configured, of its port when none is, because then
/// nothing says which answer at `/` would be the right one.
fn defaults(site: &Site, health: &HealthTable) -> Vec<ProbeSettings> {
    let probe =
        |(name, origin, table): (&Name, &crate::config::address::Origin, &crate::config::written::ReplicaTable)| {
            let task = match health.path_given {
                true => ProbeTask::Http(HttpTask::get(origin.url() + &health.settings.path)),
                false => ProbeTask::Tcp { address: origin.authority(), send: None, expect: None },
            };
            ProbeSettings {
                name: name.clone(),
                slice: Slice::of(Dimension::Region, table.region.clone()).with(Dimension::Replica, name.clone()),
                every: health.settings.every,
                timeout: health.settings.timeout,
                fail_after: NonZeroU32::MIN,
                task,
            }
        };
    site.whole().map(probe).collect()
}

fn probe(table: ProbeTable, site: &Site, check: &Check<'_>) -> Option<ProbeSettings> {
    let place = Place { component: &table.component, region: &table.region, replica: &table.replica };
    let slice = slice(place, site, check);
    let steps = table.walk.iter().flat_map(|walk| &walk.components);
    steps.for_each(|component| site.check_component(component, check));
    settings(table, slice, check)
}

fn settings(table: ProbeTable, slice: Slice, check: &Check<'_>) -> Option<ProbeSettings> {
    let ProbeTable { every, timeout, fail_after, .. } = table;
    let secrets = table.walk.map(|walk| secrets(walk, check));
    let (name, mut task) = (table.name?, table.task?);
    if let (ProbeTask::Journey(journey), Some(secrets)) = (&mut task, secrets) {
        journey.secrets = secrets;
    }
    if let Some(Trust::Also(file)) = task.trust_mut() {
        // Files are named from the folder of the configuration.
        *file = check.folder.join(&*file);
        if let Err(why) = authorities(file) {
            let complaint = Complaint::new(format!("trust: {why}"));
            check.complain(
                name.span(),
                complaint.hint("trust is \"system\", \"anybody\", or a PEM file of certificates"),
            );
        }
    }
    Some(ProbeSettings { name: name.into_inner(), slice, every, timeout, fail_after, task })
}

/// The secrets of a walk, from where they are.
fn secrets(walk: WalkTable, check: &Check<'_>) -> Vec<(String, Secret)> {
    let mut found = Vec::new();
    for (name, source) in walk.secrets {
        match reveal(&source, check) {
            Ok(secret) => found.push((name, secret)),
            Err(complaint) => {
                let message = format!("secrets: {name}: {}", complaint.message);
                check.complain(walk.secrets_span.clone(), Complaint { message, ..complaint });
            }
        }
    }
    found
}

/// A secret without the line's end behind it.
fn reveal(source: &SecretSource, check: &Check<'_>) -> Result<Secret, Complaint> {
    let text = match source {
        SecretSource::File(file) => {
            let path = check.folder.join(file);
            read_secret(&path).map_err(|complaint| Complaint {
                message: format!("{}: {}", path.display(), complaint.message),
                ..complaint
            })?
        }
        SecretSource::Variable(name) => {
            let hint =
                format!("start Downbeat with {name} in its environment, or name a file: {{ file = \"probe.secret\" }}");
            std::env::var(name).map_err(|error| Complaint::new(format!("{name}: {error}")).hint(hint))?
        }
    };
    let text = text.trim_end_matches(['\r', '\n']);
    match text.is_empty() || text.chars().any(char::is_control) {
        true => Err(Complaint::new("a secret is one line, and not empty")),
        false => Ok(Secret::new(text.into())),
    }
}

/// What is looked at, as it was written.
pub(super) struct Place<'t> {
    pub(super) component: &'t Option<Spanned<Name>>,
    pub(super) region: &'t Option<Spanned<Name>>,
    pub(super) replica: &'t Option<Spanned<Name>>,
}

/// What is looked at; a replica brings its region with it.
pub(super) fn slice(place: Place<'_>, site: &Site, check: &Check<'_>) -> Slice {
    let mut slice = Slice::everywhere();
    if let Some(component) = place.component {
        site.check_component(component, check);
        slice = slice.with(Dimension::Component, component.get_ref().clone());
    }
    if let Some(region) = place.region {
        site.check_region(region, check);
        slice = slice.with(Dimension::Region, region.get_ref().clone());
    }
    match place.replica {
        Some(replica) => with_replica(slice, replica, site, check),
        None => slice,
    }
}

fn with_replica(slice: Slice, replica: &Spanned<Name>, site: &Site, check: &Check<'_>) -> Slice {
    site.check_replica(replica, check);
    let slice = slice.with(Dimension::Replica, replica.get_ref().clone());
    let Some(home) = site.region_of(replica.get_ref()) else { return slice };
    if slice.get(Dimension::Region).is_some_and(|region| region != home) {
        let complaint = Complaint::new(format!("replica {} is in region {home}", replica.get_ref()));
        check.complain(replica.span(), complaint.hint("leave region out: the replica brings it with it"));
    }
    slice.with(Dimension::Region, home.clone())
}
