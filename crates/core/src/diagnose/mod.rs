//! What explains it? Weighs every kind of cause in every place it could sit, and ranks them.
//!
//! Each candidate gets a score in nats: how well its slice fits the failures (`contrast`), plus weights for what
//! that kind of cause brings with it (a change just before, failing transport, failing checks, failing look-ups, a
//! surge of demand, one network behind it). The scores become probabilities by softmax; "unknown" stands for a fixed
//! score that a candidate has to beat. The weights are priors set by hand and meant to be read; the source for the
//! weight of changes is 151 of 356 public post-mortems (42 %) naming one. Ties fall by kind and slice, never by the
//! order of input.

mod alone;
mod contrast;
mod demand;
mod upstream;

pub use alone::Alone;
pub use contrast::Contrast;
pub use demand::{Bound, Demand, Flood, Surge};
pub use upstream::{Ailing, Upstreams};

use crate::model::{
    CauseKind, Change, ChangeKind, DiagnosePolicy, Dimension, Hypothesis, Ledger, Moment, Name, Slice, Tally, Topology,
    UpstreamHealth,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A perfect fit of the slice is worth so many nats.
const FIT: f64 = 8.0;
/// A change of the right kind just before the onset.
const CHANGE: f64 = 3.0;
/// On top of it when the change was minutes, not half an hour ago; falls by 1/e in [`CHANGE_FADES`].
const CHANGE_RECENT: f64 = 2.0;
/// See [`CHANGE_RECENT`].
const CHANGE_FADES: Duration = Duration::from_secs(600);
/// Nobody there, cut, silent: how strongly it speaks for host and network, and its absence against them.
const TRANSPORT: f64 = 3.0;
/// Failing active checks: the same.
const CHECKS: f64 = 2.0;
/// A region where not every replica is bad has no network fault.
const WHOLE_REGION: f64 = 4.0;
/// Names that do not resolve leave little to explain.
const LOOKUPS: f64 = 5.0;
/// A surge, for each further time the usual demand, up to two.
const SURGE: f64 = 2.0;
/// Refused credentials out of the network that floods.
const DENIED: f64 = 4.0;
/// What a component needs is down, by the word of those who run it; half of it when it only ails.
const UPSTREAM: f64 = 6.0;
/// What a candidate has to beat.
const UNKNOWN: f64 = 3.0;
/// Most hypotheses that are told.
const HYPOTHESES_MAX: usize = 8;
/// Candidates less likely than this are not worth telling.
const POSTERIOR_MIN: f64 = 0.001;

/// What the ranking looks at.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The service.
    pub topology: &'a Topology,
    /// The counts.
    pub ledger: &'a Ledger,
    /// Each replica's leaf as last heard.
    pub places: &'a BTreeMap<Name, Slice>,
    /// Change events, oldest first.
    pub changes: &'a [(Moment, Change)],
    /// Services of others that say that they ail.
    pub ailing: &'a [Ailing],
    /// Estimated start of the trouble.
    pub since: Moment,
    /// Now.
    pub now: Moment,
}

struct Candidate {
    kind: CauseKind,
    slice: Slice,
    change: Option<Name>,
    score: f64,
    because: Vec<String>,
    upstream: Option<String>,
}

/// Ranks the causes, most likely first; `contrast` is the scene's. The probabilities of all candidates, `unknown` included, sum to 1.
pub fn rank(scene: Scene<'_>, contrast: &Contrast, policy: &DiagnosePolicy) -> Vec<Hypothesis> {
    let demand = Demand::new(scene.ledger, scene.topology, scene.since, scene.now, policy.surge);
    let suspects = suspects(scene, policy);
    let mut candidates = Vec::new();
    candidates.extend(hosts(scene, contrast, &suspects));
    candidates.extend(networks(scene, contrast, &suspects));
    candidates.extend(suspects.iter().filter_map(|s| changed(scene, contrast, s)));
    candidates.extend(names(scene));
    candidates.extend(overload(contrast, &demand));
    candidates.extend(attack(&demand));
    candidates.extend(dependencies(scene, contrast));
    candidates.push(unknown());
    into_hypotheses(candidates)
}

/// The changes that can have brought it: not one-way in time, within the window before the onset.
///
/// A change just after the estimated onset counts too: the estimate may be early by a few seconds.
fn suspects<'a>(scene: Scene<'a>, policy: &DiagnosePolicy) -> Vec<&'a (Moment, Change)> {
    suspects_until(scene, scene.since, policy)
}

fn suspects_until<'a>(scene: Scene<'a>, latest: Moment, policy: &DiagnosePolicy) -> Vec<&'a (Moment, Change)> {
    let slack = Duration::from_secs(3);
    let fits = |at: Moment| at <= latest + slack && scene.since.since(at) <= policy.change_window;
    scene.changes.iter().filter(|(at, _)| fits(*at)).collect()
}

/// How many changes could have brought a failure of this slice (A16). The first failures may be another trouble's than the one
/// that was suspected, so every change counts that came before the `latest` moment at which this one can have begun.
pub fn candidate_changes(scene: Scene<'_>, slice: &Slice, latest: Moment, policy: &DiagnosePolicy) -> usize {
    let latest = latest.max(scene.since);
    suspects_until(scene, latest, policy)
        .iter()
        .filter(|(_, change)| reach(scene, change).iter().any(|s| s.meets(slice)))
        .count()
}

/// The leaves that a change touched.
fn reach(scene: Scene<'_>, change: &Change) -> Vec<Slice> {
    let slice = affected(change);
    scene.places.values().filter(|place| slice.meets(place)).cloned().collect()
}

/// A deployment is judged by its version; a configuration by what it touched.
fn affected(change: &Change) -> Slice {
    match change.kind {
        ChangeKind::Deploy => Slice::of(Dimension::Version, change.to.clone()),
        ChangeKind::Config => change.slice.clone(),
    }
}

fn swing(share: f64) -> f64 {
    2.0 * share.clamp(0.0, 1.0) - 1.0
}

fn hosts(scene: Scene<'_>, contrast: &Contrast, suspects: &[&(Moment, Change)]) -> Vec<Candidate> {
    let transport = contrast.transport_share();
    let host = |replica: &Name, place: &Slice| {
        let slice = Slice::of(Dimension::Replica, replica.clone());
        let fit = contrast.fit(&slice);
        let checks = contrast.checks.get(replica).copied().unwrap_or(0.0);
        let changed = suspects.iter().any(|(_, change)| affected(change).covers(place));
        let score =
            FIT * fit + TRANSPORT * swing(transport) + CHECKS * swing(checks) - if changed { CHANGE } else { 0.0 };
        (fit > 0.0).then(|| Candidate {
            kind: CauseKind::Host,
            slice,
            change: None,
            score,
            because: vec![fits(fit), transport_fact(transport), checks_fact(checks)],
            upstream: None,
        })
    };
    scene.places.iter().filter_map(|(replica, place)| host(replica, place)).collect()
}

fn networks(scene: Scene<'_>, contrast: &Contrast, suspects: &[&(Moment, Change)]) -> Vec<Candidate> {
    let transport = contrast.transport_share();
    let bad = contrast.bad_replicas();
    // Where there is one region only, nothing tells its network from its hosts.
    let regions = scene.topology.regions();
    let network = |region: &Name| {
        let slice = Slice::of(Dimension::Region, region.clone());
        let fit = contrast.fit(&slice);
        let members: Vec<&Name> = scene.topology.in_region(region).map(|r| &r.name).collect();
        let whole = members.iter().all(|r| bad.contains(*r));
        let checks = members.iter().map(|r| contrast.checks.get(*r).copied().unwrap_or(0.0)).sum::<f64>()
            / members.len().max(1) as f64;
        let changed = suspects.iter().any(|(_, change)| affected(change).covers(&slice));
        let score = FIT * fit
            + TRANSPORT * swing(transport)
            + CHECKS * swing(checks)
            + if whole { WHOLE_REGION / 2.0 } else { -WHOLE_REGION }
            - if changed { CHANGE } else { 0.0 };
        (fit > 0.0 && members.len() > 1 && regions.len() > 1).then(|| Candidate {
            kind: CauseKind::Network,
            slice,
            change: None,
            score,
            because: vec![fits(fit), transport_fact(transport), checks_fact(checks)],
            upstream: None,
        })
    };
    regions.iter().filter_map(network).collect()
}

fn changed(scene: Scene<'_>, contrast: &Contrast, (at, change): &(Moment, Change)) -> Option<Candidate> {
    let slice = affected(change);
    let (best, fit) = contrast.best_within(&slice, scene.topology);
    let lag = scene.since.since(*at);
    let recent = (-lag.as_secs_f64() / CHANGE_FADES.as_secs_f64()).exp();
    let kind = match change.kind {
        ChangeKind::Deploy => CauseKind::BadDeploy,
        ChangeKind::Config => CauseKind::BadConfig,
    };
    (fit > 0.0).then(|| Candidate {
        kind,
        slice,
        change: Some(change.id.clone()),
        score: FIT * fit + CHANGE + CHANGE_RECENT * recent,
        because: vec![
            fits(fit),
            format!("{} was brought out {:.0} s before the onset", change.to, lag.as_secs_f64()),
            format!("the failures sit in {best}"),
        ],
        upstream: None,
    })
}

fn names(scene: Scene<'_>) -> Vec<Candidate> {
    let lookups = scene.ledger.lookups(scene.since, scene.now);
    let name = |(region, tally): (&Name, &Tally)| {
        let share = tally.failed() as f64 / (tally.total + 1) as f64;
        (tally.failed() >= 2).then(|| Candidate {
            kind: CauseKind::Dns,
            slice: Slice::of(Dimension::Region, region.clone()),
            change: None,
            score: FIT * share + LOOKUPS,
            because: vec![format!("{} of {} look-ups of its name failed", tally.failed(), tally.total)],
            upstream: None,
        })
    };
    lookups.iter().filter_map(name).collect()
}

fn overload(contrast: &Contrast, demand: &Demand) -> Option<Candidate> {
    let surge = demand.surge.as_ref().filter(|_| demand.flood.is_none())?;
    let slice = Slice::of(Dimension::Component, surge.component.clone());
    let fit = contrast.fit(&slice).max(contrast.fit(&Slice::everywhere()));
    let (demand, others) = match surge.beyond {
        Bound::Usual(usual) => (
            format!("demand rose from {usual:.0} to {:.0} requests a second", surge.now),
            "no single network is behind it",
        ),
        Bound::Proven(proven) => (
            format!("{:.0} requests a second are asked for; {proven:.0} are proven, for everything", surge.now),
            "what is usual is not known yet",
        ),
    };
    Some(Candidate {
        kind: CauseKind::Overload,
        slice,
        change: None,
        score: FIT * fit + SURGE * (surge.times() - 1.0).clamp(0.0, 2.0),
        because: vec![demand, fits(fit), others.into()],
        upstream: None,
    })
}

fn attack(demand: &Demand) -> Option<Candidate> {
    let flood = demand.flood.as_ref()?;
    Some(Candidate {
        kind: CauseKind::Attack,
        slice: Slice::of(Dimension::Network, flood.network.clone()),
        change: None,
        score: FIT * flood.share_of_rise + DENIED * flood.denied,
        because: vec![
            format!(
                "{:.0} requests a second for {}, {:.0} % of the rise",
                flood.now,
                flood.component,
                flood.share_of_rise * 100.0
            ),
            format!("{:.0} % of them with refused credentials", flood.denied * 100.0),
        ],
        upstream: None,
    })
}

/// A component that fails everywhere, with nothing else wrong: what it needs is somebody else's. Who that is may say so.
fn dependencies(scene: Scene<'_>, contrast: &Contrast) -> Vec<Candidate> {
    let dependency = |component: &Name| {
        let slice = Slice::of(Dimension::Component, component.clone());
        let fit = contrast.fit(&slice);
        let needed = scene.ailing.iter().filter(|upstream| upstream.components.contains(component));
        let upstream = needed.max_by_key(|upstream| upstream.health);
        let (weight, fact) = match upstream {
            Some(it) if it.health == UpstreamHealth::Down => (UPSTREAM, it.fact()),
            Some(it) => (UPSTREAM / 2.0, it.fact()),
            None => (-1.0, "no change, no surge and no place of its own explains it".into()),
        };
        (fit > 0.0).then(|| Candidate {
            kind: CauseKind::Dependency,
            slice,
            change: None,
            score: FIT * fit + weight,
            because: vec![fits(fit), fact],
            upstream: upstream.map(|it| it.title.clone()),
        })
    };
    scene.topology.components.keys().filter_map(dependency).collect()
}

fn unknown() -> Candidate {
    Candidate {
        kind: CauseKind::Unknown,
        slice: Slice::everywhere(),
        change: None,
        score: UNKNOWN,
        because: vec!["what another candidate has to beat".into()],
        upstream: None,
    }
}

fn into_hypotheses(mut candidates: Vec<Candidate>) -> Vec<Hypothesis> {
    candidates.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then_with(|| a.kind.cmp(&b.kind)).then_with(|| a.slice.cmp(&b.slice))
    });
    let top = candidates.first().map_or(0.0, |c| c.score);
    let all: f64 = candidates.iter().map(|c| (c.score - top).exp()).sum();
    let told = candidates.into_iter().map(|c| Hypothesis {
        kind: c.kind,
        slice: c.slice,
        change: c.change,
        posterior: (c.score - top).exp() / all,
        because: c.because,
        upstream: c.upstream,
    });
    told.filter(|h| h.posterior >= POSTERIOR_MIN).take(HYPOTHESES_MAX).collect()
}

fn fits(fit: f64) -> String {
    format!("its place explains {:.0} % of what is bad", fit * 100.0)
}

fn transport_fact(share: f64) -> String {
    format!("{:.0} % of the failures are of the transport: refused, cut or silent", share * 100.0)
}

fn checks_fact(share: f64) -> String {
    format!("{:.0} % of its checks and probes fail", share * 100.0)
}

#[cfg(test)]
mod tests;
