//! Features that the plan keeps out, wholly or in part.
//!
//! A row holds as long as the hub speaks for its plan: an edge without a hub lets everything in again after the row's time,
//! and one that comes back from a restart keeps nothing out before it has heard that the plan is still in force.

use crate::admit::limit::Sieve;
use crate::change::site::{ComponentId, FeatureNumber, Site};
use crate::run::sync::locked;
use downbeat_core::model::{Feature, Strength, TrafficPlan};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The rows of the plan in force.
#[derive(Debug)]
pub(crate) struct Features {
    /// By component and feature; no places for a component of which everything is in.
    rows: Vec<Vec<Option<Row>>>,
    /// When the hub last spoke for the plan.
    confirmed: Mutex<Option<Instant>>,
}

/// What becomes of the requests beyond a feature's share. The greater one lets more in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rest {
    /// They are turned away.
    KeptOut,
    /// They get what the shed of their component leaves over.
    Leftover,
}

impl Rest {
    /// What a plan says of the feature of a row.
    pub(crate) fn of(plan: &TrafficPlan, row: &Feature) -> Self {
        let gets_leftovers = plan.leftovers.iter().any(|id| row.is_about(id));
        if gets_leftovers { Self::Leftover } else { Self::KeptOut }
    }
}

#[derive(Debug)]
struct Row {
    admitted: Strength,
    rest: Rest,
    ttl: Duration,
    sieve: Sieve,
}

impl Features {
    /// The rows of a plan that nobody has spoken for yet. A row on a feature that is not configured here says nothing.
    pub(crate) fn of(plan: &TrafficPlan, site: &Site) -> Self {
        let mut rows: Vec<Vec<Option<Row>>> = site.component_ids().map(|_| Vec::new()).collect();
        for row in &plan.features {
            let component = site.component_ids().find(|id| site.component(*id).settings.name == row.component);
            let Some(component) = component else { continue };
            let known = site.component(component);
            let Some(feature) = known.feature_named(&row.feature) else { continue };
            let places = &mut rows[component.0];
            places.resize_with(known.settings.features.len(), || None);
            let ttl = Duration::from_millis(row.ttl_ms);
            let (admitted, rest) = (row.admitted, Rest::of(plan, row));
            places[feature.0] = Some(Row { admitted, rest, ttl, sieve: Sieve::default() });
        }
        Self { rows, confirmed: Mutex::new(None) }
    }

    /// The hub spoke for the plan.
    pub(crate) fn confirm(&self, now: Instant) {
        *locked(&self.confirmed) = Some(now);
    }

    /// When it last did.
    pub(crate) fn confirmed(&self) -> Option<Instant> {
        *locked(&self.confirmed)
    }

    /// The share of a feature's requests that is admitted now.
    pub(crate) fn admitted(&self, component: ComponentId, feature: FeatureNumber, now: Instant) -> Strength {
        self.row(component, feature, now).map_or(Strength::FULL, |row| row.admitted)
    }

    /// How many of some requests for a feature are let in.
    pub(crate) fn admits(&self, component: ComponentId, feature: FeatureNumber, came: u32, now: Instant) -> u32 {
        self.row(component, feature, now).map_or(came, |row| row.sieve.admits(row.admitted.into(), came))
    }

    /// What becomes of the others.
    pub(crate) fn rest(&self, component: ComponentId, feature: FeatureNumber, now: Instant) -> Rest {
        self.row(component, feature, now).map_or(Rest::Leftover, |row| row.rest)
    }

    fn row(&self, component: ComponentId, feature: FeatureNumber, now: Instant) -> Option<&Row> {
        let row = self.rows[component.0].get(feature.0)?.as_ref()?;
        self.confirmed().is_some_and(|at| now < at + row.ttl).then_some(row)
    }
}
