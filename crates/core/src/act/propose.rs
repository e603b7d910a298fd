//! Which action answers which cause? One table from cause to remedy.
//!
//! A remedy is complete when it leaves here: exact replicas, shares, hosts. Who carries it out has nothing left to
//! decide. Causes that no action of ours can mend (a dependency, an unknown) give none: that is a person's work.

use crate::model::{
    ActPolicy, Actuation, CauseKind, Change, Dimension, FeatureId, Hypothesis, Name, Remedy, RemedyId, RemedyKind,
    Route, Slice, Strength, Topology,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a flooding network may still ask for, in requests a second: a household, not a botnet.
const CAP_PER_SECOND: u32 = 5;
/// What is proven is what was carried once, not the most that can be: so many times as much is let in. In the simulated world
/// a shed at exactly what is proven turned some away that would have been served.
const ROOM_MARGIN: f64 = 1.15;
/// A shed leaves room for so much more than usual, so that the usual users get through.
const SHED_HEADROOM: f64 = 1.3;
/// No shed admits less than this: somebody always gets through, and shows whether it is over.
const SHED_FLOOR: f64 = 0.1;

/// What a proposal looks at.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// The service.
    pub topology: &'a Topology,
    /// Each replica's leaf as last heard.
    pub places: &'a BTreeMap<Name, Slice>,
    /// The change behind the hypothesis, when there is one.
    pub change: Option<&'a Change>,
    /// The component within which the failures sit, when they sit in one.
    pub component: Option<&'a Name>,
    /// Requests a second by component: what is usual, and what is asked now.
    pub usual: &'a BTreeMap<Name, f64>,
    /// See above.
    pub demand: &'a BTreeMap<Name, f64>,
    /// Of these, those that get what they want.
    pub served: &'a BTreeMap<Name, f64>,
    /// True when what fails cannot be reached, and nothing is known of how it is.
    pub unreachable: bool,
    /// Edges that were heard lately.
    pub edges: usize,
    /// The figures.
    pub policy: &'a ActPolicy,
}

/// The remedy that answers a hypothesis, if one does.
pub fn propose(id: RemedyId, cause: &Hypothesis, means: Means<'_>) -> Option<Remedy> {
    let draft = match cause.kind {
        CauseKind::Host => host(cause, means),
        CauseKind::BadDeploy | CauseKind::BadConfig => change(cause, means),
        CauseKind::Network => network(cause, means),
        CauseKind::Dns => names(cause, means),
        CauseKind::Overload => overload(cause, means),
        CauseKind::Attack => attack(cause),
        CauseKind::Dependency | CauseKind::Unknown => None,
    }?;
    Some(Remedy {
        id,
        kind: draft.kind,
        answers: cause.kind,
        slice: cause.slice.clone(),
        route: draft.route,
        actuation: draft.actuation,
        predicted: draft.predicted,
        undo: draft.undo,
        check_after: means.policy.check_after * draft.patience,
    })
}

struct Draft {
    kind: RemedyKind,
    route: Route,
    actuation: Option<Actuation>,
    predicted: String,
    undo: String,
    /// How many times the usual its effect may take.
    patience: u32,
}

fn host(cause: &Hypothesis, means: Means<'_>) -> Option<Draft> {
    let replica = cause.slice.get(Dimension::Replica)?.clone();
    // Whoever cannot be reached may be well: a restart would only empty its caches.
    let restarts = means.policy.can_actuate && !means.unreachable;
    let kind = if restarts { RemedyKind::Restart } else { RemedyKind::Divert };
    Some(Draft {
        patience: 1,
        kind,
        actuation: restarts.then(|| Actuation::Restart { replica: replica.clone() }),
        predicted: format!("requests no longer meet {replica}; it comes back healthy"),
        undo: format!("{replica} gets its traffic back in steps"),
        route: Route::Away { replicas: vec![replica], component: None },
    })
}

fn change(cause: &Hypothesis, means: Means<'_>) -> Option<Draft> {
    let change = means.change?;
    let back = change.from.clone()?;
    let ill: Vec<Name> =
        means.places.iter().filter(|(_, place)| cause.slice.covers(place)).map(|(name, _)| name.clone()).collect();
    // What is nearly everywhere cannot be taken out of the traffic first (A2): it is taken back where it stands.
    let replicas = if means.policy.can_actuate && !may_all_leave(&ill, means) { vec![] } else { ill };
    // A configuration that breaks one component takes only that one away; a version is not to be trusted at all.
    let component = means.component.filter(|_| cause.kind == CauseKind::BadConfig).cloned();
    Some(Draft {
        patience: 1,
        kind: RemedyKind::RollBack,
        actuation: means.policy.can_actuate.then(|| Actuation::RollBack {
            slice: change.slice.clone(),
            from: change.to.clone(),
            to: back.clone(),
        }),
        predicted: format!("failures end as requests no longer meet {}; {back} takes over", change.to),
        undo: format!("{} can be brought out again by hand", change.to),
        route: Route::Away { replicas, component },
    })
}

/// True when so many replicas may be out at once.
fn may_all_leave(replicas: &[Name], means: Means<'_>) -> bool {
    let region = |name: &Name| means.topology.replicas.get(name).map(|r| &r.region);
    let share = replicas.len() as f64 / means.topology.replicas.len().max(1) as f64;
    share <= means.policy.removed_max && replicas.iter().map(region).collect::<BTreeSet<_>>().len() <= 1
}

fn network(cause: &Hypothesis, means: Means<'_>) -> Option<Draft> {
    let region = cause.slice.get(Dimension::Region)?;
    let replicas: Vec<Name> = means.topology.in_region(region).map(|r| r.name.clone()).collect();
    Some(Draft {
        patience: 1,
        kind: RemedyKind::Divert,
        actuation: None,
        predicted: format!("requests are served outside {region}"),
        undo: format!("{region} gets its traffic back in steps"),
        route: Route::Away { replicas, component: None },
    })
}

fn names(cause: &Hypothesis, means: Means<'_>) -> Option<Draft> {
    let region = cause.slice.get(Dimension::Region)?;
    let hosts: BTreeSet<Name> = means.topology.in_region(region).filter_map(|r| r.host.clone()).collect();
    (!hosts.is_empty()).then(|| Draft {
        patience: 1,
        kind: RemedyKind::Pin,
        actuation: None,
        predicted: format!("the edges go on with the last good addresses of {region}"),
        undo: "the name is believed again".into(),
        route: Route::Hold { hosts: hosts.into_iter().collect() },
    })
}

/// As much is admitted as the service is proven to carry beside everything else, and never less than the usual nor than what
/// is served now: only what fails anyway is turned away. Where the service suffers from less than it is proven to carry, it
/// is not the crowd, and turning it away helps nobody.
fn overload(cause: &Hypothesis, means: Means<'_>) -> Option<Draft> {
    let component = cause.slice.get(Dimension::Component)?;
    let usual = means.usual.get(component).copied();
    let now = means.demand.get(component).copied().unwrap_or(0.0).max(1.0);
    let room = room_for(component, means).unwrap_or(0.0) * ROOM_MARGIN;
    if room >= now {
        return None;
    }
    let served = means.served.get(component).copied().unwrap_or(0.0);
    let floor = Strength::ratio(((usual.unwrap_or(0.0) * SHED_HEADROOM).max(room).max(served) / now).max(SHED_FLOOR));
    // Whole requests; nothing comes near what a u32 holds.
    let of = Some((now / means.edges.max(1) as f64) as u32);
    let usual = usual.map(|usual| usual.ceil() as u32);
    Some(Draft {
        // What waits already has to be worked off first.
        patience: 2,
        kind: RemedyKind::Shed,
        actuation: None,
        predicted: format!("with {floor} of {component} admitted, everything else is served as usual"),
        undo: "all requests are admitted again in steps".into(),
        route: Route::Admit {
            components: vec![component.clone()],
            floor,
            of,
            usual,
            features: features_of(component, means),
        },
    })
}

fn features_of(component: &Name, means: Means<'_>) -> Vec<FeatureId> {
    let names = means.topology.components.get(component).map(|c| c.features.as_slice()).unwrap_or_default();
    names.iter().map(|feature| FeatureId { component: component.clone(), feature: feature.clone() }).collect()
}

/// Requests a second of a component that its replicas are proven to carry beside the others, which ask again and again while it
/// is crowded, and no more than usual once it is not; `None` where nothing is proven.
fn room_for(component: &Name, means: Means<'_>) -> Option<f64> {
    let replicas = &means.topology.components.get(component)?.replicas;
    let proven: Option<f64> = replicas.iter().map(|r| means.topology.replicas.get(r)?.proven_per_second).sum();
    let calm = |other: &Name, rate: f64| means.usual.get(other).map_or(rate, |usual| rate.min(usual * SHED_HEADROOM));
    let others = means.demand.iter().filter(|(other, _)| *other != component);
    let others = others.map(|(other, rate)| calm(other, *rate)).sum::<f64>();
    Some((proven? - others).max(0.0))
}

fn attack(cause: &Hypothesis) -> Option<Draft> {
    let network = cause.slice.get(Dimension::Network)?.clone();
    Some(Draft {
        patience: 1,
        kind: RemedyKind::Limit,
        actuation: None,
        predicted: format!("{network} gets {CAP_PER_SECOND} requests a second through; everybody else is as usual"),
        undo: "the limit is lifted when the flood has ended".into(),
        route: Route::Cap { network, component: None, per_second: CAP_PER_SECOND },
    })
}
