//! Features on their way back (B1): after their component, in their order, each step by step; a step that fails takes that one
//! out and leaves the others as they are; and nothing stays out that nobody keeps out.

use super::{Case, Judge};
use downbeat_core::incident::Switch;
use downbeat_core::model::{Feature, FeatureId, Moment, RemedyId, Strength, TrafficPlan};

/// A feature that a remedy keeps out, as far as the judge follows it.
#[derive(Debug)]
pub(super) struct Out {
    id: FeatureId,
    admitted: Strength,
    failures: u32,
}

/// What a plan admits of a feature.
fn shown(plan: &TrafficPlan, id: &FeatureId) -> Strength {
    let row = plan.features.iter().find(|row| row.component == id.component && row.feature == id.feature);
    row.map_or(Strength::FULL, |row| row.admitted)
}

impl Case {
    /// Its features are out with it.
    pub(super) fn keep_features_out(&mut self) {
        let out = |id: &FeatureId| Out { id: id.clone(), admitted: Strength::NONE, failures: 0 };
        self.features = self.remedy.route.features().iter().map(out).collect();
    }

    pub(super) fn has_features_out(&self) -> bool {
        self.features.iter().any(|feature| feature.admitted < Strength::FULL)
    }

    /// It is over as soon as its component has all shares and no feature is out.
    pub(super) fn look_whether_over(&mut self) {
        self.over |= self.step.is_some_and(|(share, _)| share == Strength::FULL) && !self.has_features_out();
    }
}

impl Judge {
    /// A feature is admitted to another share, by automation.
    pub(super) fn feature_stepped(
        &mut self,
        at: Moment,
        id: RemedyId,
        feature: &FeatureId,
        admitted: Strength,
        plan: &TrafficPlan,
    ) {
        let others = self.remedies.iter().any(|(other, case)| *other != id && case.is_lifting());
        if others {
            self.find("B1", format!("{feature} is on its way back beside another remedy"));
        }
        let wrong = self.wrong_step(at, id, feature, admitted, plan);
        if let Some(what) = wrong {
            self.find("B1", format!("remedy {id}: {what}"));
        }
        let Some(case) = self.remedies.get_mut(&id) else { return };
        if let Some(out) = case.features.iter_mut().find(|out| out.id == *feature) {
            out.failures += u32::from(admitted == Strength::NONE);
            out.admitted = admitted;
        }
        case.step = Some((Strength::FULL, at));
        case.look_whether_over();
    }

    fn wrong_step(
        &self,
        at: Moment,
        id: RemedyId,
        feature: &FeatureId,
        admitted: Strength,
        plan: &TrafficPlan,
    ) -> Option<String> {
        let case = self.remedies.get(&id)?;
        let Some((Strength::FULL, last)) = case.step else {
            return Some(format!("{feature} steps before its component has all its shares"));
        };
        let place = case.features.iter().position(|out| out.id == *feature);
        let Some(place) = place else { return Some(format!("{feature} steps, which it does not keep out")) };
        let (before, this) = (&case.features[..place], &case.features[place]);
        let others = case.features.iter().filter(|out| out.id != *feature);
        if let Some(other) = others.into_iter().find(|out| shown(plan, &out.id) != self.expected(out)) {
            return Some(format!("a step of {feature} changes {}", other.id));
        }
        if admitted == Strength::NONE {
            return None;
        }
        if let Some(earlier) = before.iter().find(|out| out.admitted < Strength::FULL) {
            return Some(format!("{feature} steps while {} is not in", earlier.id));
        }
        let act = &self.policy.act;
        let expected = act.ramp.iter().copied().find(|next| *next > this.admitted);
        let is_first = this.admitted == Strength::NONE && this.failures == 0;
        let (waited, dwell) = (at.since(last), act.ramp_dwell * 2_u32.pow(this.failures.min(4)));
        match expected {
            // What never failed may come in whole, and at once: whether the crowd is known to be gone is not the judge's to say.
            Some(step) if step != admitted && !(is_first && admitted == Strength::FULL) => {
                Some(format!("{feature} steps to {admitted}, not to {step}"))
            }
            _ if is_first && admitted == Strength::FULL => None,
            _ if waited < dwell => Some(format!("{feature} steps after {} ms", waited.as_millis())),
            _ => None,
        }
    }

    /// What a plan has to admit of a feature that a remedy keeps out.
    fn expected(&self, out: &Out) -> Strength {
        if self.switched_off.contains(&out.id) { Strength::NONE } else { out.admitted }
    }

    /// A person switches a feature off or on.
    pub(super) fn feature_switched(&mut self, feature: &FeatureId, to: Switch) {
        if to == Switch::Off {
            self.switched_off.insert(feature.clone());
            return;
        }
        self.switched_off.remove(feature);
        for case in self.remedies.values_mut() {
            case.features.iter_mut().filter(|out| out.id == *feature).for_each(|out| out.admitted = Strength::FULL);
            case.look_whether_over();
        }
    }

    /// Nothing is out but what a person has switched off and what a remedy in force keeps out.
    pub(super) fn nothing_left_out(&mut self, plan: &TrafficPlan) {
        let kept = |row: &Feature| {
            let is_it = |id: &FeatureId| id.component == row.component && id.feature == row.feature;
            let out = |case: &Case| case.is_in_force() && case.features.iter().any(|out| is_it(&out.id));
            self.switched_off.iter().any(is_it) || self.remedies.values().any(out)
        };
        if let Some(row) = plan.features.iter().find(|row| !kept(row)) {
            let what = format!("{} of {} is out, and nothing in force keeps it out", row.feature, row.component);
            self.find("B1", what);
        }
    }
}
