//! From findings to an incident that is believed: opening, growing, confirming, dismissing.

use super::book::Incident;
use super::engine::Engine;
use super::event::Event;
use super::state::State;
use super::territory::Territory;
use crate::confirm::{Evidence, Surroundings, Verdict, Whole, judge};
use crate::diagnose::{Alone, Contrast, Demand};
use crate::model::mutation::{Mutation, is_on};
use crate::model::{Bits, Finding, Moment, Slice, SourceClass};
use crate::signal::EdgeLine;
use crate::tell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The estimate of an onset reaches back so far at most.
const ONSET_MAX: Duration = Duration::from_secs(60);
/// Counts of whole seconds: the second in which it began is looked at whole.
const SECOND: Duration = Duration::from_secs(1);
/// Evidence is written down again when it has grown by this factor.
const GROWTH: f64 = 1.5;
/// A finding below this is not worth a line.
const WORTH_A_LINE: f64 = 12.0;
/// And there is at most one such line in so long.
const LINE_EVERY: Duration = Duration::from_secs(2);
/// What was told counts for so long besides what is found now: edges that take a bad replica out hear no more of it.
pub(super) const REMEMBERED: Duration = Duration::from_secs(60);
/// An edge that saw a replica do badly so lately is a witness.
const WITNESSED: Duration = Duration::from_secs(5);
/// Most findings told in one line.
const LINE_MAX: usize = 16;

impl Engine {
    /// Opens an incident for findings that belong to none.
    pub(super) fn suspect(&self, now: Moment) -> Vec<Event> {
        let mut territories: Vec<Territory<'_>> = match self.findings() {
            [] => vec![],
            // What was found in force says nothing about what is wrong now.
            [..] => {
                let known = self.book.open().filter(|incident| !incident.waits_for_a_person());
                known.map(|incident| self.territory(incident)).collect()
            }
        };
        let is_stray = |f: &&Finding| !territories.iter_mut().any(|territory| territory.holds(f));
        let strays: Vec<&Finding> = self.findings().iter().filter(is_stray).collect();
        let (Verdict::Suspected(evidence) | Verdict::Confirmed(evidence, _)) = self.verdict(&strays, now) else {
            return vec![];
        };
        let since = onset(&evidence.pillars.iter().collect::<Vec<_>>(), now);
        let findings: Vec<Finding> = strays.into_iter().take(LINE_MAX).cloned().collect();
        let slice = evidence.pillars.first().map_or_else(Slice::everywhere, |f| f.slice.clone());
        let facts = tell::Facts::new(&evidence.pillars, None, &self.policy.topology, self.policy.tell.next_update);
        vec![Event::Suspected {
            incident: self.book.next_incident(),
            title: tell::title(&facts),
            slice,
            since,
            findings,
            bits: evidence.bits,
        }]
    }

    /// Confirms, dismisses, or lets the evidence grow.
    pub(super) fn believe(&self, now: Moment) -> Vec<Event> {
        self.book.open().find_map(|incident| self.weigh(incident, now)).into_iter().collect()
    }

    fn weigh(&self, incident: &Incident, now: Moment) -> Option<Event> {
        let findings = self.findings_of(incident);
        let verdict = self.verdict(&findings, now);
        match (incident.state, verdict) {
            (State::Suspected, Verdict::Confirmed(evidence, why)) => {
                Some(Event::Confirmed { incident: incident.id, first: evidence.first, bits: evidence.bits, why })
            }
            (State::Suspected, Verdict::Healthy) if self.has_faded(incident, now) => {
                Some(Event::Dismissed { incident: incident.id, why: "nothing more came".into() })
            }
            (State::Suspected | State::Confirmed, Verdict::Suspected(e) | Verdict::Confirmed(e, _)) => {
                grown(incident, &findings, e, now)
            }
            _ => None,
        }
    }

    fn has_faded(&self, incident: &Incident, now: Moment) -> bool {
        // Nothing can come while no hub listens.
        let listened = now.since(incident.evidence_at.max(self.book.started_at));
        !is_on(Mutation::NeverDismisses) && listened >= self.policy.incident.dismiss_after
    }

    /// The findings that belong to an incident.
    pub(super) fn findings_of(&self, incident: &Incident) -> Vec<&Finding> {
        let mut territory = self.territory(incident);
        self.findings().iter().filter(|f| territory.holds(f)).collect()
    }

    fn territory<'a>(&'a self, incident: &'a Incident) -> Territory<'a> {
        Territory::of(incident, self.policy.incident.merge_within, &self.kept_to)
    }

    /// How far these findings carry.
    pub(super) fn verdict(&self, findings: &[&Finding], now: Moment) -> Verdict {
        if findings.is_empty() {
            return if self.deaf_for(now).is_some() { Verdict::Unknown } else { Verdict::Healthy };
        }
        let around = Surroundings {
            threshold: self.threshold,
            panic_share: self.policy.act.panic_share,
            deaf: self.deaf_for(now).is_some(),
            witnesses: &|place| self.witnesses(place, now),
            course: &|finding| self.watch.course(finding),
            reported_broadly: &|place| self.watch.is_reported_broadly(now, place),
            of_one_network: &|| self.alone(now).is_some(),
            whole: &|| self.whole(onset(findings, now), now),
        };
        judge(findings, around, &self.policy.confirm)
    }

    /// The one network whose clients suffer, while others are well.
    fn alone(&self, now: Moment) -> Option<Alone> {
        Alone::find(&self.ledger, &self.door.owners, now)
    }

    /// How many vantage points and edges see something fail in a place now.
    fn witnesses(&self, place: &Slice, now: Moment) -> usize {
        let topology = &self.policy.topology;
        let sees = |edge: &&EdgeLine| {
            let mut lately = edge.ailing.iter().filter(|(_, at)| now.since(**at) < WITNESSED);
            lately.any(|(replica, _)| topology.place(replica).meets(place))
        };
        self.panel.witnesses(now, place).len() + self.door.edges.values().filter(sees).count()
    }

    /// The service as a whole since a moment.
    fn whole(&self, since: Moment, now: Moment) -> Whole {
        let contrast = Contrast::new(&self.ledger, since, now + SECOND, &self.places());
        let replicas = self.policy.topology.replicas.len().max(1);
        Whole {
            spread: contrast.bad_replicas().len() as f64 / replicas as f64,
            surging: self.demand_since(since, now).surge.is_some(),
        }
    }

    fn demand_since(&self, since: Moment, now: Moment) -> Demand {
        Demand::new(&self.ledger, &self.policy.topology, since, now + SECOND, self.policy.diagnose.surge)
    }

    /// How long no edge has been heard, when that is too long (A15). Without edges there is nothing to be deaf to.
    pub(super) fn deaf_for(&self, now: Moment) -> Option<Duration> {
        self.door.edges.values().next()?;
        self.unheard_for(now)
    }

    /// The same for whoever wants to act: a hub that has heard no edge since it started knows of no traffic.
    pub(super) fn unheard_for(&self, now: Moment) -> Option<Duration> {
        let Some(heard) = self.door.edges.values().map(|edge| edge.heard_at).max() else {
            return Some(now.since(self.book.started_at));
        };
        let silence = now.since(heard);
        (silence > self.policy.confirm.silence_after).then_some(silence)
    }

    /// The classes whose evidence agrees about an incident: what is found now, and what was told of it lately.
    pub(super) fn classes(&self, incident: &Incident, now: Moment) -> BTreeSet<SourceClass> {
        const AGREES: Bits = Bits(8.0);
        let live = self.findings_of(incident).into_iter().map(|f| (f.class, f.bits));
        let is_recent = |class: &SourceClass| incident.told_at.get(class).is_some_and(|at| now.since(*at) < REMEMBERED);
        let kept = incident.bits.iter().filter(|(class, _)| is_recent(class)).map(|(class, bits)| (*class, *bits));
        let mut classes: BTreeSet<SourceClass> =
            live.chain(kept).filter(|(_, bits)| *bits >= AGREES).map(|(class, _)| class).collect();
        let reported = |f: &&Finding| f.class == SourceClass::Report && self.watch.is_reported_broadly(now, &f.slice);
        if !self.findings_of(incident).iter().any(reported) {
            // G1: a handful of forgers is no class of evidence.
            classes.remove(&SourceClass::Report);
        }
        // A5: that fewer ask, or that a figure is off, says of no replica that it is bad.
        classes.remove(&SourceClass::Metric);
        classes
    }
}

/// The estimated start of what was found: whole seconds, and not before the memory of the counts makes sense.
pub(super) fn onset(findings: &[&Finding], now: Moment) -> Moment {
    let earliest = findings.iter().filter(|f| f.bits.0 >= WORTH_A_LINE).map(|f| f.since).min().unwrap_or(now);
    let whole = Moment::from_millis(earliest.as_millis() / 1_000 * 1_000);
    whole.max(now.before(ONSET_MAX))
}

fn grown(incident: &Incident, findings: &[&Finding], evidence: Evidence, now: Moment) -> Option<Event> {
    if now.since(incident.evidence_at) < LINE_EVERY {
        return None;
    }
    let known: BTreeMap<_, f64> =
        incident.findings.iter().map(|f| ((f.class, f.measure, &f.slice), f.bits.0)).collect();
    let news = |f: &&&Finding| {
        let old = known.get(&(f.class, f.measure, &f.slice)).copied().unwrap_or(0.0);
        f.bits.0 >= WORTH_A_LINE && f.bits.0 >= GROWTH * old
    };
    let findings: Vec<Finding> = findings.iter().filter(news).take(LINE_MAX).map(|f| Finding::clone(f)).collect();
    (!findings.is_empty()).then_some(Event::EvidenceGrew { incident: incident.id, findings, bits: evidence.bits })
}
