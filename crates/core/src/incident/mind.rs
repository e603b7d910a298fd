//! What the team has to know beside incidents: looked at once a second, told when it has lasted, and once more when it is over.
//!
//! What is seen is volatile; what was told is in the book, so a restart neither repeats nor forgets a word. What cannot be judged
//! for a while, for want of news, stays as it was told.

use super::engine::Engine;
use super::event::Event;
use crate::detect::BudgetReading;
use crate::model::{BudgetId, Matter, Moment, Urgency};
use crate::tell::matter as words;
use std::collections::BTreeMap;
use std::time::Duration;

/// A rate that goes up and down about its threshold is one matter, not many.
const BURN_OVER_FOR: Duration = Duration::from_secs(3_600);

/// What would be told of something that is so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Concern {
    pub(super) urgency: Urgency,
    pub(super) since: Moment,
    pub(super) title: String,
    pub(super) body: String,
}

/// How something is now.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sight {
    /// It is so.
    Holds(Concern),
    /// It is not so, and what is said then.
    Over(Option<String>),
    /// Nobody can say.
    Unknown,
}

/// What is seen of matters, and for how long.
#[derive(Debug, Clone, Default)]
pub(super) struct Minder {
    /// The second of the last look.
    of: Option<u64>,
    /// Since when it has been seen so, without a break.
    holding: BTreeMap<Matter, (Moment, Concern)>,
    /// The same of what is not so.
    over: BTreeMap<Matter, (Moment, Option<String>)>,
}

impl Minder {
    /// True when a second has passed since the last look.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.of != Some(now.as_millis() / 1_000)
    }

    /// Takes in how things are. What is not among them is forgotten.
    pub(super) fn look(&mut self, now: Moment, sights: Vec<(Matter, Sight)>) {
        self.of = Some(now.as_millis() / 1_000);
        let (mut holding, mut over) = (std::mem::take(&mut self.holding), std::mem::take(&mut self.over));
        for (matter, sight) in sights {
            match sight {
                Sight::Holds(concern) => {
                    let since = holding.remove(&matter).map_or(now, |(since, _)| since);
                    self.holding.insert(matter, (since, concern));
                }
                Sight::Over(body) => {
                    let since = over.remove(&matter).map_or(now, |(since, _)| since);
                    self.over.insert(matter, (since, body));
                }
                Sight::Unknown => {}
            }
        }
    }
}

/// How long something has to be so before it is told, and how long it must not be so before that is told.
fn patience(matter: &Matter) -> (Duration, Duration) {
    match matter {
        Matter::Burn { .. } => (Duration::ZERO, BURN_OVER_FOR),
    }
}

impl Engine {
    /// The next word to the team.
    pub(super) fn mind(&self, now: Moment) -> Vec<Event> {
        let lasts = |since: Moment, least: Duration| now.since(since) >= least;
        let began = self.minder.holding.iter().find(|(matter, (since, _))| {
            lasts(*since, patience(matter).0) && self.book.open_matter(matter).is_none()
        });
        if let Some((matter, (_, concern))) = began {
            let (id, matter) = (self.book.next_matter(), matter.clone());
            let Concern { urgency, since, title, body } = concern.clone();
            return vec![Event::MatterBegan { id, matter, urgency, since, title, body }];
        }
        let ended = self.minder.over.iter().find_map(|(matter, (since, body))| {
            let case = self.book.open_matter(matter).filter(|_| lasts(*since, patience(matter).1))?;
            Some(Event::MatterEnded { id: case.id, body: body.clone() })
        });
        ended.into_iter().collect()
    }

    /// Everything that the team may have to know, as it is now.
    pub(super) fn sights(&self, now: Moment) -> Vec<(Matter, Sight)> {
        self.burns(now)
    }

    /// Budgets that burn slowly. One that burns fast is an incident's, and so is one whose component has one.
    fn burns(&self, now: Moment) -> Vec<(Matter, Sight)> {
        let readings = self.budgets.readings(now);
        let told = self.book.open_matters().filter_map(|case| match &case.matter {
            Matter::Burn { budget } if !readings.contains_key(budget) => {
                Some((case.matter.clone(), Sight::Over(Some(words::NOT_PROMISED.into()))))
            }
            Matter::Burn { .. } => None,
        });
        let told: Vec<_> = told.collect();
        let sights = readings.iter().map(|(budget, it)| (Matter::Burn { budget: budget.clone() }, self.burn(budget, it)));
        sights.chain(told).collect()
    }

    fn burn(&self, id: &BudgetId, reading: &BudgetReading) -> Sight {
        let component = self.policy.topology.components.get(&id.component);
        let title = component.map_or(id.component.as_str(), |component| component.title.as_str());
        match &reading.burning {
            None => Sight::Over(Some(words::burn_over(reading.promise, reading.left))),
            Some(burning) if burning.rule.urgency == Urgency::Ticket => {
                let concerned =
                    |it: &super::Incident| component.is_some_and(|c| it.touches(c, &self.policy.topology));
                if self.book.open().any(concerned) {
                    return Sight::Unknown;
                }
                Sight::Holds(Concern {
                    urgency: Urgency::Ticket,
                    since: burning.since,
                    title: words::burn_title(reading.promise, title),
                    body: words::burn(reading.promise, (burning.rule.long, burning.rule.short), burning.burn, reading.left),
                })
            }
            Some(_) => Sight::Unknown,
        }
    }
}
