//! What the team has to know beside incidents: looked at once a second, told when it has lasted, and once more when it is over.
//!
//! What is seen is volatile; what was told is in the book, so a restart neither repeats nor forgets a word. What cannot be judged
//! for a while, for want of news, stays as it was told.

use super::engine::Engine;
use super::event::Event;
use crate::confirm::Eye;
use crate::detect::BudgetReading;
use crate::model::{BudgetId, Matter, Moment, Name, Urgency};
use crate::tell::matter as words;
use std::collections::BTreeMap;
use std::time::Duration;

/// A rate that goes up and down about its threshold is one matter, not many.
const BURN_OVER_FOR: Duration = Duration::from_secs(3_600);
/// A hub looks four times a second; after so long without it, it was not at work.
const LATE_AFTER: Duration = Duration::from_secs(5);
/// It is late until it has kept up for so long.
const LATE_FOR: Duration = Duration::from_secs(300);
/// A vantage point that is not heard for so long does not come back.
const GONE_AFTER: Duration = Duration::from_secs(86_400);

/// What would be told of something that is so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Concern {
    pub(super) urgency: Urgency,
    /// Since when, where that is known; else since it was first seen.
    pub(super) since: Option<Moment>,
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
    /// When the hub was last at work.
    at_work: Option<Moment>,
    /// When it came back to work last, after having been away for too long.
    late: Option<(Moment, Duration)>,
    /// Since when it has been seen so, without a break.
    holding: BTreeMap<Matter, (Moment, Concern)>,
    /// The same of what is not so.
    over: BTreeMap<Matter, (Moment, Option<String>)>,
}

impl Minder {
    /// The hub is at work. How long it was not is noticed.
    pub(super) fn turn_up(&mut self, now: Moment) {
        let away = self.at_work.replace(now).map_or(Duration::ZERO, |last| now.since(last));
        if away > LATE_AFTER {
            self.late = Some((now, away));
        }
    }

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

impl Engine {
    /// How long something has to be so before it is told, and how long it must not be so before that is told.
    fn patience(&self, matter: &Matter) -> (Duration, Duration) {
        let silence = self.policy.confirm.silence_after;
        match matter {
            Matter::Burn { .. } => (Duration::ZERO, BURN_OVER_FOR),
            Matter::Blind { .. } => (silence, silence),
            // It has lasted that long already.
            Matter::Deaf => (Duration::ZERO, silence),
            Matter::Late | Matter::WordDue { .. } | Matter::WordOverdue { .. } => (Duration::ZERO, Duration::ZERO),
        }
    }

    /// The next word to the team.
    pub(super) fn mind(&self, now: Moment) -> Vec<Event> {
        let lasts = |since: Moment, least: Duration| now.since(since) >= least;
        let began = self.minder.holding.iter().find(|(matter, (since, _))| {
            lasts(*since, self.patience(matter).0) && self.book.open_matter(matter).is_none()
        });
        if let Some((matter, (seen, concern))) = began {
            let (id, matter) = (self.book.next_matter(), matter.clone());
            let Concern { urgency, since, title, body } = concern.clone();
            let since = since.unwrap_or(*seen);
            return vec![Event::MatterBegan { id, matter, urgency, since, title, body }];
        }
        let ended = self.minder.over.iter().find_map(|(matter, (since, body))| {
            let case = self.book.open_matter(matter).filter(|_| lasts(*since, self.patience(matter).1))?;
            Some(Event::MatterEnded { id: case.id, body: body.clone() })
        });
        ended.into_iter().collect()
    }

    /// Everything that the team may have to know, as it is now.
    pub(super) fn sights(&self, now: Moment) -> Vec<(Matter, Sight)> {
        let ourselves = [(Matter::Deaf, self.deaf(now)), (Matter::Late, self.late(now))];
        [self.burns(now), self.reminders(now), self.eyes(now), ourselves.into()].concat()
    }

    /// The vantage points: those heard since the start, and those of which the team was told.
    fn eyes(&self, now: Moment) -> Vec<(Matter, Sight)> {
        let eyes = self.panel.eyes(now);
        let looking = eyes.values().filter(|eye| **eye == Eye::Looks).count();
        let seen = eyes.iter().map(|(vantage, eye)| {
            let concern = |since, title, body| {
                // Nobody would see what users meet and the edges do not count.
                let urgency = if looking == 0 { Urgency::Page } else { Urgency::Ticket };
                Sight::Holds(Concern { urgency, since, title, body })
            };
            let sight = match eye {
                Eye::Looks => Sight::Over(Some(words::SIGHTED.into())),
                Eye::Silent(last) if now.since(*last) > GONE_AFTER => Sight::Over(Some(words::GONE.into())),
                Eye::Silent(last) => concern(Some(*last), words::silent_title(vantage), words::silent(looking)),
                Eye::Blind(why) => concern(None, words::blind_title(vantage), words::blind(why, looking)),
            };
            (Matter::Blind { vantage: vantage.clone() }, sight)
        });
        let unheard = self.book.open_matters().filter_map(|case| {
            let is_unheard = |vantage: &Name| !eyes.contains_key(vantage);
            let gone = now.since(case.began_at) > GONE_AFTER;
            let over = || if gone { Sight::Over(Some(words::GONE.into())) } else { Sight::Unknown };
            match &case.matter {
                Matter::Blind { vantage } if is_unheard(vantage) => Some((case.matter.clone(), over())),
                _ => None,
            }
        });
        seen.chain(unheard).collect()
    }

    /// Edges that nobody hears. One that was never heard is missed only where there was one before.
    fn deaf(&self, now: Moment) -> Sight {
        let had_one = self.book.plan.epoch > 0 || self.book.open_matter(&Matter::Deaf).is_some();
        let heard = self.door.edges.values().map(|edge| edge.heard_at).max();
        match heard.or(had_one.then_some(self.book.started_at)) {
            None => Sight::Unknown,
            Some(last) if now.since(last) > self.policy.confirm.silence_after => Sight::Holds(Concern {
                // Whoever relies on being called has to know that nobody would call.
                urgency: Urgency::Page,
                since: Some(last),
                title: words::DEAF_TITLE.into(),
                body: words::DEAF.into(),
            }),
            Some(_) if heard.is_some() => Sight::Over(Some(words::HEARD.into())),
            Some(_) => Sight::Unknown,
        }
    }

    fn late(&self, now: Moment) -> Sight {
        match self.minder.late {
            Some((back, away)) if now.since(back) < LATE_FOR => Sight::Holds(Concern {
                urgency: Urgency::Ticket,
                since: Some(back.before(away)),
                title: words::LATE_TITLE.into(),
                body: words::late(away),
            }),
            _ => Sight::Over(Some(words::IN_TIME.into())),
        }
    }

    /// Budgets that burn slowly. One that burns fast is an incident's, and so is one whose component has one.
    fn burns(&self, now: Moment) -> Vec<(Matter, Sight)> {
        let readings = self.budgets.readings(now);
        let told = self.book.open_matters().filter_map(|case| match &case.matter {
            Matter::Burn { budget } if !readings.contains_key(budget) => {
                Some((case.matter.clone(), Sight::Over(Some(words::NOT_PROMISED.into()))))
            }
            _ => None,
        });
        let told: Vec<_> = told.collect();
        let sights =
            readings.iter().map(|(budget, it)| (Matter::Burn { budget: budget.clone() }, self.burn(budget, it)));
        sights.chain(told).collect()
    }

    fn burn(&self, id: &BudgetId, reading: &BudgetReading) -> Sight {
        let component = self.policy.topology.components.get(&id.component);
        let title = component.map_or(id.component.as_str(), |component| component.title.as_str());
        match &reading.burning {
            None => Sight::Over(Some(words::burn_over(reading.promise, reading.left))),
            Some(burning) if burning.rule.urgency == Urgency::Ticket => {
                let concerned = |it: &super::Incident| component.is_some_and(|c| it.touches(c, &self.policy.topology));
                if self.book.open().any(concerned) {
                    return Sight::Unknown;
                }
                Sight::Holds(Concern {
                    urgency: Urgency::Ticket,
                    since: Some(burning.since),
                    title: words::burn_title(reading.promise, title),
                    body: words::burn(
                        reading.promise,
                        (burning.rule.long, burning.rule.short),
                        burning.burn,
                        reading.left,
                    ),
                })
            }
            Some(_) => Sight::Unknown,
        }
    }
}
