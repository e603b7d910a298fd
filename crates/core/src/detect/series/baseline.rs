//! What is usual now: a level, and what this time of day adds to it, each believed as far as it has foretold.
//!
//! Picture four colleagues who guess the next figure. Two go by what was seen lately, one with a short memory and one with
//! a long one; the other two also know how this half hour usually differs from the level. For each memory the two guesses
//! are averaged, each weighed by how well it did lately (the fourth power of its mean error), so a series without days
//! never hears those who know the day, and an odd day turns them down within the hour. Nobody learns more from a figure
//! than `WINSOR` usual errors, so an outage does not become the new usual within minutes; a level that stays is accepted
//! in time, because the clipped errors all point the same way.
//!
//! Source: prediction with expert advice by recent loss (Cesa-Bianchi and Lugosi 2006); Huber's clipped updates.
//! Cost: 350 bytes, some 25 ns a point. Rejected: Holt-Winters (one outlier bends level, trend and season at once), MSTL
//! and Prophet (batch fits, thousands of times dearer), a profile for each weekday (weeks until it knows anything, and on
//! the labelled series at hand a second profile for weekends told nothing more).

use crate::model::Moment;
use std::time::Duration;

/// Half hours of a day; between their middles the profile is a line.
const KNOTS: usize = 48;
/// How far off is usual, hour by hour.
const HOURS: usize = 24;
const DAY_MS: u64 = 86_400_000;
/// What a level forgets with each point: one with a short memory, one with a long one.
const PACES: [f32; 2] = [0.1, 0.02];
/// What a half hour's profile takes of a day's error.
const DAILY: f32 = 0.3;
/// After so many days a knot's lessons are clipped.
const SETTLED_DAYS: f32 = 4.0;
/// What an hour's usual error takes of a day's errors.
const DAILY_SPREAD: f32 = 0.1;
/// Errors count as so many usual errors at most.
const WINSOR: f32 = 6.0;
/// What the usual error forgets with each point.
const SPREADING: f32 = 0.005;
/// What an expert's mean error forgets with each point.
const JUDGING: f32 = 0.01;
/// So many points are learnt as they come, before anything is clipped or said.
pub(super) const FIRST: u32 = 64;
/// The smallest error told apart from none.
const TINY: f32 = 1e-12;

/// What was expected of a point, and how far off it was.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Forecast {
    /// What the long memory expected, in the unit of the series.
    pub(super) expected: f32,
    /// What the short memory expected.
    pub(super) short: f32,
    /// What the long memory would have expected without the trouble.
    pub(super) held: Option<f32>,
    /// How far off is usual at this time of day, in the unit of the series.
    pub(super) spread: f32,
    /// How far off the point was for the short and the long memory, in usual errors; `None` while little is known.
    pub(super) errors: Option<[f32; 2]>,
}

/// One expert: a level, with or without the profile on top.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Expert {
    level: f32,
    error: f32,
}

impl Expert {
    fn learn(&mut self, error: f32, pace: f32, judging: f32) {
        self.level += pace * error;
        self.error += judging * (error.abs() - self.error);
    }
}

/// The usual course of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Baseline {
    plain: [Expert; 2],
    daily: [Expert; 2],
    profile: [f32; KNOTS],
    spread: f32,
    spreads: [f32; HOURS],
    seen: u32,
    /// What a point's knot and hour learn from it: a day's share over the points of a day.
    per_point: f32,
    knot: u8,
    /// The knots that a whole half hour taught, a bit each.
    known: u64,
    /// The long memory's levels as they were before the trouble, without and with the profile.
    held: Option<[f32; 2]>,
}

/// A place in the day: the knot, its neighbour, and the neighbour's weight.
#[derive(Clone, Copy)]
struct Place {
    knot: usize,
    other: usize,
    weight: f32,
    hour: usize,
}

impl Place {
    fn of(at: Moment) -> Self {
        let share = (at.as_millis() % DAY_MS) as f32 / DAY_MS as f32;
        let along = share * KNOTS as f32;
        let knot = (along as usize).min(KNOTS - 1);
        let offset = along - knot as f32 - 0.5;
        let other = if offset < 0.0 { (knot + KNOTS - 1) % KNOTS } else { (knot + 1) % KNOTS };
        Self { knot, other, weight: offset.abs(), hour: ((share * HOURS as f32) as usize).min(HOURS - 1) }
    }
}

impl Baseline {
    /// Knows nothing yet of a series with a point each `step`.
    pub(super) fn new(step: Duration) -> Self {
        let per_day = DAY_MS as f32 / step.as_millis().max(1) as f32;
        Self {
            plain: [Expert::default(); 2],
            daily: [Expert::default(); 2],
            profile: [0.0; KNOTS],
            known: 0,
            spread: 0.0,
            spreads: [0.0; HOURS],
            seen: 0,
            per_point: 1.0 / per_day.max(1.0),
            knot: u8::MAX,
            held: None,
        }
    }

    /// There is trouble: what is usual is kept beside what is learnt from now on, which may be the new usual. Tells whether
    /// this is new.
    pub(super) fn hold_once(&mut self) -> bool {
        let new = self.held.is_none();
        self.held.get_or_insert([self.plain[1].level, self.daily[1].level]);
        new
    }

    /// What is learnt is what is usual again.
    pub(super) fn release(&mut self) {
        self.held = None;
    }

    fn knows(&self, knot: usize) -> bool {
        self.known >> knot & 1 == 1
    }

    /// How many days have been seen, by the number of points.
    pub(super) fn days(&self) -> f32 {
        self.seen as f32 * self.per_point
    }

    /// Whether a whole day taught this time of day.
    pub(super) fn knows_days(&self, at: Moment) -> bool {
        self.knows(Place::of(at).knot)
    }

    /// What was expected of this point; then learns it.
    pub(super) fn see(&mut self, at: Moment, value: f32) -> Forecast {
        let place = Place::of(at);
        if self.seen == 0 {
            self.plain.iter_mut().chain(&mut self.daily).for_each(|expert| expert.level = value);
        }
        let profile = self.profile_at(place);
        let spread = self.spread_at(place);
        let guesses = [0, 1].map(|memory| self.guess(memory, profile));
        let errors = guesses.map(|guess| (value - guess) / spread);
        let known = self.seen >= FIRST;
        let held = self.held.map(|[plain, daily]| self.mix(plain, daily, 1, profile));
        self.learn(place, value, profile, value - guesses[0], spread);
        Forecast { expected: guesses[1], short: guesses[0], held, spread, errors: known.then_some(errors) }
    }

    /// What this half hour adds to the level; `None` until a whole day taught it.
    fn profile_at(&self, place: Place) -> Option<f32> {
        if !self.knows(place.knot) {
            return None;
        }
        let here = self.profile[place.knot];
        let there = if self.knows(place.other) { self.profile[place.other] } else { here };
        Some(here + place.weight * (there - here))
    }

    fn spread_at(&self, place: Place) -> f32 {
        let hourly = self.spreads[place.hour];
        let global = self.spread.max(TINY);
        if hourly > 0.0 { 0.5 * (global + hourly) } else { global }
    }

    fn guess(&self, memory: usize, profile: Option<f32>) -> f32 {
        self.mix(self.plain[memory].level, self.daily[memory].level, memory, profile)
    }

    /// A level without and one with the profile, each weighed by how well its expert did.
    fn mix(&self, plain: f32, daily: f32, memory: usize, profile: Option<f32>) -> f32 {
        let Some(profile) = profile else { return plain };
        let ratio = (self.plain[memory].error.max(TINY) / self.daily[memory].error.max(TINY)).min(1e4);
        let square = ratio * ratio;
        let share = square * square / (1.0 + square * square);
        plain + share * (daily + profile - plain)
    }

    fn learn(&mut self, place: Place, value: f32, profile: Option<f32>, error: f32, spread: f32) {
        self.seen = self.seen.saturating_add(1);
        let first = 1.0 / self.seen as f32;
        let most = if self.seen < FIRST { f32::INFINITY } else { WINSOR * spread };
        for (memory, pace) in PACES.into_iter().enumerate() {
            let pace = pace.max(first);
            let judging = JUDGING.max(first);
            let plain = (value - self.plain[memory].level).clamp(-most, most);
            self.plain[memory].learn(plain, pace, judging);
            let daily = (value - self.daily[memory].level - profile.unwrap_or(0.0)).clamp(-most, most);
            self.daily[memory].learn(daily, pace, judging);
        }
        let error = error.abs().min(most);
        self.spread += SPREADING.max(first) * (error - self.spread);
        self.learn_hour(place.hour, error);
        self.learn_knot(place, value, spread);
    }

    fn learn_hour(&mut self, hour: usize, error: f32) {
        let share = (DAILY_SPREAD * self.per_point * HOURS as f32).min(0.5);
        let spread = &mut self.spreads[hour];
        if *spread == 0.0 { *spread = self.spread } else { *spread += share * (error - *spread) }
    }

    /// The profile is what remains of a point beyond the slow level.
    fn learn_knot(&mut self, place: Place, value: f32, spread: f32) {
        let knot = place.knot;
        let beyond = value - self.daily[1].level - self.profile[knot];
        let most = if self.days() > SETTLED_DAYS { 4.0 * spread } else { f32::INFINITY };
        let visits = (1.0 / (self.per_point * KNOTS as f32)).max(1.0);
        // The first day is taken over faster, the first points of all fastest.
        let share = (if self.knows(knot) { DAILY } else { 2.0 } / visits).min(1.0);
        self.profile[knot] += share * beyond.clamp(-most, most);
        if usize::from(self.knot) != knot {
            if usize::from(self.knot) < KNOTS {
                self.known |= 1 << self.knot;
            }
            self.knot = knot as u8;
        }
    }
}
