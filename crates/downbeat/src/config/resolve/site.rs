//! The service as it is meant: components, and the pool of replicas that serve them.

use super::{Check, features, routes};
use crate::config::address::Origin;
use crate::config::fault::Complaint;
use crate::config::spelling;
use crate::config::value::FromText;
use crate::config::written::{ComponentTable, FeatureTable, NO_REPLICAS_HINT, ReplicaRef, ReplicaTable, Service};
use downbeat_core::model::{Component, Name, Objectives, Priority, Replica, Topology};
use downbeat_edge::{ComponentSettings, FeatureSettings, ReplicaSettings, RouteRule};
use downbeat_hub::settings::Category;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// The service. What has no name or no address is left out; a fault is on record then.
pub(super) struct Site {
    service: Service,
    replicas: Vec<ReplicaTable>,
    /// With who serves each.
    components: Vec<(ComponentTable, Vec<Name>)>,
}

impl Site {
    /// Brings replicas and components together.
    pub(super) fn of(
        pool: Vec<ReplicaTable>,
        tables: Vec<ComponentTable>,
        service: Service,
        check: &Check<'_>,
    ) -> Self {
        check.unique("replicas", pool.iter().filter_map(|r| r.name.as_ref()));
        check.unique("components", tables.iter().filter_map(|c| c.name.as_ref()));
        check_statuspage_ids(&tables, check);
        routes::check(&tables, check);
        features::check(&tables, check);
        check_addresses(&pool, check);
        if tables.is_empty() {
            check.complain(
                0..0,
                Complaint::new("there is no [[component]], so nothing to protect").hint(super::super::EXAMPLE_HINT),
            );
        }
        let mut site = Self { service, replicas: pool, components: Vec::new() };
        let declared: Vec<Name> = site.names().cloned().collect();
        for table in tables {
            let serving = site.serving(&table, &declared, check);
            site.components.push((table, serving));
        }
        site.check_usefulness(check);
        site
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        self.replicas.iter().filter_map(|r| r.name.as_ref().map(Spanned::get_ref))
    }

    pub(super) fn component_names(&self) -> impl Iterator<Item = &Name> {
        self.components.iter().filter_map(|(c, _)| c.name.as_ref().map(Spanned::get_ref))
    }

    /// Who serves a component.
    fn serving(&mut self, table: &ComponentTable, declared: &[Name], check: &Check<'_>) -> Vec<Name> {
        let Some(references) = &table.replicas else {
            if declared.is_empty() {
                let complaint = Complaint::new(format!("component {} has no replicas", table.label()));
                check.complain(table.span.clone(), complaint.hint(NO_REPLICAS_HINT));
            }
            return declared.to_vec();
        };
        self.look_up_all(references, check)
    }

    fn look_up_all(&mut self, refs: &[Spanned<ReplicaRef>], check: &Check<'_>) -> Vec<Name> {
        let mut found: Vec<Name> = Vec::new();
        for reference in refs {
            let Some(name) = self.look_up(reference, check) else { continue };
            if found.contains(&name) {
                check.complain(reference.span(), Complaint::new(format!("replica {name} is in the list twice")));
            } else {
                found.push(name);
            }
        }
        found
    }

    fn look_up(&mut self, reference: &Spanned<ReplicaRef>, check: &Check<'_>) -> Option<Name> {
        match reference.get_ref() {
            ReplicaRef::Named(name) if self.names().any(|n| n == name) => Some(name.clone()),
            ReplicaRef::Named(name) => {
                let complaint = Complaint::new(format!("no [[replica]] is named \"{name}\""));
                check.complain(reference.span(), complaint.hint(self.meant(name)));
                None
            }
            ReplicaRef::At(origin) => self.adopt(&Spanned::new(reference.span(), origin.clone()), check),
        }
    }

    fn meant(&self, name: &Name) -> String {
        let known: Vec<&str> = self.names().map(Name::as_str).collect();
        match Origin::from_text(&format!("http://{name}")) {
            Ok(origin) if name.as_str().contains(':') => format!("did you mean \"{}\"?", origin.url()),
            _ if known.is_empty() => "write a URL such as \"http://10.0.0.1:9001\", or add a [[replica]]".into(),
            _ => spelling::suggest(name.as_str(), &known),
        }
    }

    /// The replica at an address; a new one when none is there yet.
    fn adopt(&mut self, origin: &Spanned<Origin>, check: &Check<'_>) -> Option<Name> {
        let same = |r: &&ReplicaTable| r.url.as_ref().is_some_and(|url| url.get_ref() == origin.get_ref());
        if let Some(known) = self.replicas.iter().find(same) {
            return known.name.as_ref().map(|name| name.get_ref().clone());
        }
        let label = origin.get_ref().label();
        match Name::new(&label) {
            Ok(name) if self.names().any(|n| *n == name) => {
                let complaint = Complaint::new(format!("another replica is named \"{name}\" already"));
                check.complain(origin.span(), complaint.hint("make it a [[replica]] with a name of its own"));
                None
            }
            Ok(name) => {
                self.replicas.push(ReplicaTable::at(name.clone(), origin.clone()));
                Some(name)
            }
            Err(error) => {
                let complaint = Complaint::new(format!("\"{label}\" cannot be the replica's name: {error}"));
                check.complain(origin.span(), complaint.hint("make it a [[replica]] with a name of its own"));
                None
            }
        }
    }

    fn check_usefulness(&self, check: &Check<'_>) {
        let used: BTreeSet<&Name> = self.components.iter().flat_map(|(_, serving)| serving).collect();
        let faulty = self.components.is_empty();
        for name in self.replicas.iter().filter_map(|r| r.name.as_ref()) {
            if !faulty && !used.contains(name.get_ref()) {
                let complaint = Complaint::new(format!("replica {} serves no component", name.get_ref()));
                check
                    .complain(name.span(), complaint.hint("add it to the replicas of a [[component]], or take it out"));
            }
        }
    }

    /// Complains when there is no such component.
    pub(super) fn check_component(&self, name: &Spanned<Name>, check: &Check<'_>) {
        let known: Vec<&str> = self.component_names().map(Name::as_str).collect();
        check_known("component", name, &known, check);
    }

    /// Complains when no replica is in the region.
    pub(super) fn check_region(&self, name: &Spanned<Name>, check: &Check<'_>) {
        let known: BTreeSet<&str> = self.replicas.iter().map(|r| r.region.as_str()).collect();
        check_known("region", name, &Vec::from_iter(known), check);
    }

    /// Complains when there is no such replica.
    pub(super) fn check_replica(&self, name: &Spanned<Name>, check: &Check<'_>) {
        let known: Vec<&str> = self.names().map(Name::as_str).collect();
        check_known("replica", name, &known, check);
    }

    /// Where a replica runs.
    pub(super) fn region_of(&self, replica: &Name) -> Option<&Name> {
        let this = |r: &&ReplicaTable| r.name.as_ref().is_some_and(|n| n.get_ref() == replica);
        self.replicas.iter().find(this).map(|r| &r.region)
    }

    /// The replicas that are whole.
    pub(super) fn whole(&self) -> impl Iterator<Item = (&Name, &Origin, &ReplicaTable)> {
        self.replicas.iter().filter_map(|r| Some((r.name.as_ref()?.get_ref(), r.url.as_ref()?.get_ref(), r)))
    }

    fn named_components(&self) -> impl Iterator<Item = (&Name, &ComponentTable, &Vec<Name>)> {
        self.components.iter().filter_map(|(c, serving)| Some((c.name.as_ref()?.get_ref(), c, serving)))
    }

    /// The service for the decisions.
    pub(super) fn topology(&self) -> Topology {
        let replica = |(name, origin, table): (&Name, &Origin, &ReplicaTable)| {
            let host = origin.ip().is_none().then(|| Name::new(&origin.host).ok()).flatten();
            let replica = Replica {
                name: name.clone(),
                region: table.region.clone(),
                version: table.version.clone(),
                host,
                proven_per_second: table.proven_per_second,
            };
            (name.clone(), replica)
        };
        let component = |(name, table, serving): (&Name, &ComponentTable, &Vec<Name>)| {
            let component = Component {
                name: name.clone(),
                title: table.title(),
                priority: Priority(table.priority),
                replicas: serving.iter().cloned().collect(),
                features: feature_names(table).cloned().collect(),
            };
            (name.clone(), component)
        };
        Topology {
            service: self.service.name.clone(),
            components: self.named_components().map(component).collect(),
            replicas: self.whole().map(replica).collect(),
            proven_versions: self.service.proven_versions.iter().cloned().collect(),
        }
    }

    /// What is promised of components.
    pub(super) fn objectives(&self) -> BTreeMap<Name, Objectives> {
        let promised = self.named_components().filter(|(_, table, _)| !table.objectives.is_empty());
        promised.map(|(name, table, _)| (name.clone(), table.objectives)).collect()
    }

    /// The group of each component that has one.
    pub(super) fn groups(&self) -> BTreeMap<Name, String> {
        self.named_components().filter_map(|(name, table, _)| Some((name.clone(), table.group.clone()?))).collect()
    }

    /// The id in Statuspage's API of each component that has one of its own there.
    pub(super) fn statuspage_ids(&self) -> BTreeMap<Name, Name> {
        let id = |(name, table, _): (&Name, &ComponentTable, &Vec<Name>)| {
            Some((name.clone(), table.statuspage_id.as_ref()?.get_ref().clone()))
        };
        self.named_components().filter_map(id).collect()
    }

    /// The routes for the edge.
    pub(super) fn route_rules(&self) -> Vec<RouteRule> {
        let rules = self.named_components().flat_map(|(name, table, _)| {
            routes::of(table).map(|(_, (host, path))| RouteRule {
                component: name.clone(),
                host: host.map(str::to_owned),
                prefix: format!("{path}/"),
            })
        });
        rules.collect()
    }

    /// The components for the edge.
    pub(super) fn edge_components(&self) -> Vec<ComponentSettings> {
        let component = |(name, table, serving): (&Name, &ComponentTable, &Vec<Name>)| ComponentSettings {
            name: name.clone(),
            priority: table.priority,
            slow: table.slow,
            replicas: serving.clone(),
            balance: table.balance.clone(),
            per_second: table.per_second,
            network_per_second: table.network_per_second,
            cache: table.cache.clone(),
            features: table.features.iter().filter_map(feature_settings).collect(),
        };
        self.named_components().map(component).collect()
    }

    /// The replicas for the edge.
    pub(super) fn edge_replicas(&self) -> Vec<ReplicaSettings> {
        let replica = |(name, origin, table): (&Name, &Origin, &ReplicaTable)| ReplicaSettings {
            name: name.clone(),
            region: table.region.clone(),
            version: table.version.clone(),
            url: origin.url(),
            weight: table.weight,
            max_in_flight: table.max_in_flight,
        };
        self.whole().map(replica).collect()
    }

    /// What users can report when nobody says: that a component does not work, or something else.
    pub(super) fn categories(&self) -> Vec<Category> {
        let of_component =
            |(name, table, _): (&Name, &ComponentTable, &Vec<Name>)| Category::does_not_work(name, &table.title());
        self.named_components().map(of_component).chain([Category::something_else()]).collect()
    }
}

fn feature_names(table: &ComponentTable) -> impl Iterator<Item = &Name> {
    table.features.iter().filter_map(|feature| feature.name.as_ref().map(Spanned::get_ref))
}

fn feature_settings(table: &FeatureTable) -> Option<FeatureSettings> {
    Some(FeatureSettings {
        name: table.name.as_ref()?.get_ref().clone(),
        prefixes: table.paths.iter().map(|path| path.get_ref().0.clone()).collect(),
        status: table.status,
        retry_after: table.retry_after,
    })
}

fn check_known(what: &str, name: &Spanned<Name>, known: &[&str], check: &Check<'_>) {
    if !known.contains(&name.get_ref().as_str()) {
        let complaint = Complaint::new(format!("no {what} is named \"{}\"", name.get_ref()));
        check.complain(name.span(), complaint.hint(spelling::suggest(name.get_ref().as_str(), known)));
    }
}

/// Clients tell components apart by these: one is no other's id, and no other's name.
fn check_statuspage_ids(tables: &[ComponentTable], check: &Check<'_>) {
    check.unique("components with a statuspage_id", tables.iter().filter_map(|table| table.statuspage_id.as_ref()));
    for (n, table) in tables.iter().enumerate() {
        let Some(id) = &table.statuspage_id else { continue };
        let names = tables.iter().enumerate().filter(|(m, _)| *m != n).filter_map(|(_, other)| other.name.as_ref());
        if let Some(name) = names.map(Spanned::get_ref).find(|name| *name == id.get_ref()) {
            let complaint = Complaint::new(format!("statuspage_id: another component is named \"{name}\""));
            check.complain(id.span(), complaint.hint("an id is one component's alone; rename the other one"));
        }
    }
}

/// Two replicas at one address would be one that is asked twice as often.
fn check_addresses(pool: &[ReplicaTable], check: &Check<'_>) {
    for (i, url) in pool.iter().enumerate().filter_map(|(i, r)| r.url.as_ref().map(|url| (i, url))) {
        let first = pool[..i].iter().filter_map(|r| r.url.as_ref()).find(|u| u.get_ref() == url.get_ref());
        if let Some(first) = first {
            let complaint = Complaint::new(format!("there are two replicas at {}", url.get_ref().url()));
            check.complain(url.span(), complaint.hint(format!("the first is at {}", check.source.line(&first.span()))));
        }
    }
}
