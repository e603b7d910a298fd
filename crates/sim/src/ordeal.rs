//! Ordeals: worlds that put one rule to the test. What goes wrong in them is chosen so that this rule alone stands between
//! the hub and a mistake; where, when and how long is the dice's. Chance alone would come to such places once in many
//! thousand worlds.

use crate::dice::Dice;
use crate::fault::{CALM_S, Defect, Fault, Planned, Verb};
use crate::shape::{COMPONENTS, LOGIN, Shape, all_featured};
use std::time::Duration;

/// What is put to the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ordeal {
    /// A10: a region comes and goes, of any period and phase, and a person lets it in again.
    Flapping,
    /// A9: a replica dies again and again, and each restart helps for a while.
    Mortal,
    /// A16: two changes explain the same.
    TwoChanges,
    /// A9: the version before has proven nothing, or the change cannot be taken back.
    NoWayBack,
    /// A15: the edges are not heard, and what is left agrees.
    Deaf,
    /// A18: what was wrong has passed when automation is let loose.
    TooLate,
    /// A2, A11: the replicas of one large region die one after the other.
    OneByOne,
    /// A2: one region is restored when the next one goes.
    InTurn,
    /// A5: only the edges see it.
    OneClass,
    /// A4: most replicas look bad, and the rest could carry the load.
    MostIll,
    /// A12: a second incident finds the cause of the first one.
    SameCause,
    /// G1, G2: many reports, of nothing that anybody measures.
    Rumour,
    /// B1: two remedies of one incident could be lifted at the same time.
    TwoWaysBack,
    /// B1: what comes back is only half well.
    HalfWell,
    /// A13: what was armed has not been tried in time, everywhere or on one component.
    Untried,
    /// One outage, one incident: a second thing goes wrong later, elsewhere, while the first one lasts.
    Apart,
    /// B1: a crowd is shed with its features, and something fails while they come back.
    Crowded,
    /// B1: the same, and the hub has started amidst the crowd: it does not know what is usual.
    CrowdedAnew,
    /// A13: the hub dies and starts again while a person holds the automation.
    HeldOver,
}

impl Ordeal {
    /// Those that take turns in one world of eight.
    const IN_TURNS: [Self; 14] = [
        Self::Flapping,
        Self::Mortal,
        Self::TwoChanges,
        Self::NoWayBack,
        Self::Deaf,
        Self::TooLate,
        Self::OneByOne,
        Self::InTurn,
        Self::OneClass,
        Self::MostIll,
        Self::SameCause,
        Self::Rumour,
        Self::TwoWaysBack,
        Self::HalfWell,
    ];

    /// The ordeal of a seed: one world in eight is one, those in turns. An ordeal that comes new takes seeds of its own, one in
    /// 112, so that all others keep their worlds.
    pub(crate) fn of(seed: u64) -> Option<Self> {
        let nth = usize::try_from(seed / 8).unwrap_or(0) % Self::IN_TURNS.len();
        match seed {
            _ if seed % 8 == 5 => Some(Self::IN_TURNS[nth]),
            _ if seed % 112 == 62 => Some(Self::Untried),
            _ if seed % 112 == 14 => Some(Self::Apart),
            _ if seed % 112 == 30 => Some(Self::Crowded),
            _ if seed % 112 == 78 => Some(Self::CrowdedAnew),
            _ if seed % 112 == 46 => Some(Self::HeldOver),
            _ => None,
        }
    }

    /// The service that it takes, and what goes wrong in it.
    pub(crate) fn draw(self, seed: u64, shape: &Shape) -> (Shape, Vec<Planned>) {
        let mut draft = Draft { dice: Dice::stream(seed, 8), faults: Vec::new() };
        let shape = match self {
            Self::Flapping => draft.flapping(shape),
            Self::Mortal => draft.mortal(shape),
            Self::TwoChanges => draft.two_changes(shape),
            Self::NoWayBack => draft.no_way_back(shape),
            Self::Deaf => draft.deaf(shape),
            Self::TooLate => draft.too_late(shape),
            Self::OneByOne => draft.one_by_one(shape),
            Self::InTurn => draft.in_turn(shape),
            Self::OneClass => draft.one_class(shape),
            Self::MostIll => draft.most_ill(shape),
            Self::SameCause => draft.same_cause(shape),
            Self::Rumour => draft.rumour(shape),
            Self::TwoWaysBack => draft.two_ways_back(shape),
            Self::HalfWell => draft.half_well(shape),
            Self::Untried => draft.untried(shape),
            Self::Apart => draft.apart(shape),
            Self::Crowded => draft.crowded(shape),
            Self::CrowdedAnew => draft.crowded_anew(shape),
            Self::HeldOver => draft.held_over(shape),
        };
        draft.faults.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        (shape, draft.faults)
    }
}

/// An ordeal while it is drawn.
struct Draft {
    dice: Dice,
    faults: Vec<Planned>,
}

impl Draft {
    fn add(&mut self, at_s: f64, for_s: f64, fault: Fault) {
        let round = |seconds: f64| (seconds * 100.0).round() / 100.0;
        self.faults.push(Planned { at_s: round(at_s), for_s: round(for_s), fault });
    }

    /// A length of time, or a share, between the two.
    fn within(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.dice.share()
    }

    /// When it begins.
    fn begin(&mut self) -> f64 {
        CALM_S + self.within(0.0, 5.0)
    }

    /// A component whose requests may be tried again, so that users hardly notice.
    fn repeatable(&mut self) -> usize {
        *self.dice.pick(&[0, 2]).unwrap_or(&0)
    }

    fn flapping(&mut self, shape: &Shape) -> Shape {
        let each = 1 + self.dice.below(2);
        let busy = self.within(0.15, 0.3);
        let (period, down) = (self.within(22.0, 60.0), self.within(0.2, 0.6));
        let (begin, times) = (self.begin(), 8);
        let region = self.dice.below(3);
        for n in 0..times {
            let at = begin + period * f64::from(n);
            self.add(at, period * down, Fault::Cut(region));
            // What is held back so as not to flap is let in by a person, who knows better.
            let verb = if self.dice.chance(0.5) { Verb::Undo } else { Verb::Resolve };
            if n >= 3 {
                self.add(at + period * 0.95, 1.0, Fault::Operator(verb));
            }
        }
        shape.reshaped(&[each; 3], 1, busy)
    }

    fn mortal(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.3);
        let (begin, period) = (self.begin(), self.within(28.0, 60.0));
        let replica = self.dice.below(6);
        for n in 0..6 {
            let fault = if self.dice.chance(0.5) { Fault::Kill(replica) } else { Fault::Hang(replica) };
            self.add(begin + period * f64::from(n), period * 0.8, fault);
        }
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn two_changes(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.35);
        let begin = self.begin();
        let (region, component) = (self.dice.below(3), self.repeatable());
        let later = self.within(4.0, 15.0);
        let defect = Defect::Fails(component, self.dice.between(50, 100) as u8);
        self.add(begin, 70.0, Fault::Deploy(0, 6, Defect::None));
        self.add(begin + later, 50.0, Fault::Configure(region, defect));
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn no_way_back(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.35);
        let begin = self.begin();
        let (first, component) = (2 * self.dice.below(3), self.repeatable());
        let count = 1 + self.dice.below(2);
        let defect = Defect::Fails(component, self.dice.between(50, 100) as u8);
        if self.dice.chance(0.5) {
            self.add(begin, 70.0, Fault::Slip(first, count));
            let later = self.within(4.0, 15.0);
            self.add(begin + later, 50.0, Fault::Deploy(first, count, defect));
        } else {
            self.add(begin, 50.0, Fault::OneWay(first, count, defect));
        }
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn deaf(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.35);
        let begin = self.begin();
        let (replica, component) = (self.dice.below(6), self.repeatable());
        let later = begin + self.within(31.0, 36.0);
        self.add(begin, 75.0, Fault::Part(0));
        let fault = if self.dice.chance(0.5) { Fault::Kill(replica) } else { Fault::Hang(replica) };
        self.add(later, 38.0, fault);
        self.add(later, 38.0, Fault::Brigade(60, component));
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn too_late(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.35);
        let begin = self.begin();
        let (replica, component) = (self.dice.below(6), self.repeatable());
        let lasts = self.within(6.0, 14.0);
        let fault = match self.dice.below(3) {
            0 => Fault::Hang(replica),
            1 => Fault::Fail(replica, component, 100),
            _ => Fault::Cut(replica / 2),
        };
        self.add(begin + 2.0, lasts, fault);
        let held = 2.0 + lasts + self.within(13.0, 25.0);
        self.add(begin, held, Fault::Operator(Verb::Hold));
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn one_by_one(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.28);
        let begin = self.begin();
        let (each, times, gap) = if self.dice.chance(0.5) {
            ([3, 2], 3, self.within(3.0, 9.0))
        } else {
            ([4, 4], 5, self.within(8.0, 13.0))
        };
        for n in 0..times {
            let replica = n % each[0];
            let fault = if self.dice.chance(0.5) { Fault::Kill(replica) } else { Fault::Hang(replica) };
            self.add(begin + gap * n as f64, 60.0, fault);
        }
        shape.reshaped(&each, 1, busy)
    }

    fn in_turn(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.28);
        let (begin, gap) = (self.begin(), self.within(12.0, 26.0));
        let lasts = self.within(3.0, 8.0);
        self.add(begin, lasts, Fault::Cut(0));
        self.add(begin + gap, 30.0, Fault::Cut(1));
        self.add(begin + gap * 2.0, 30.0, Fault::Cut(2));
        shape.reshaped(&[2, 2, 1], 1, busy)
    }

    fn one_class(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.35);
        let begin = self.begin();
        let fault = if self.dice.chance(0.5) {
            Fault::Lossy(self.dice.below(3), self.dice.between(20, 70) as u8)
        } else {
            Fault::Slow(self.dice.below(6), self.dice.between(500, 1_300))
        };
        self.add(begin, 45.0, fault);
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn most_ill(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.12, 0.2);
        let (begin, later) = (self.begin(), self.within(0.0, 3.0));
        let replica = 2 + self.dice.below(2);
        // Somebody holds automation back until everything shows.
        let held = later + self.within(3.0, 8.0);
        self.add(begin - 1.0, held, Fault::Operator(Verb::Hold));
        self.add(begin, 50.0, Fault::Cut(0));
        self.add(begin + later, 50.0, Fault::Hang(replica));
        shape.reshaped(&[2, 2, 1], 1, busy)
    }

    fn same_cause(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.12, 0.25);
        let (begin, later) = (self.begin(), self.within(33.0, 42.0));
        let (replica, of) = (self.dice.below(6), self.repeatable());
        // Reports of a component that is well open the first one.
        self.add(begin, 80.0, Fault::Brigade(60, LOGIN));
        let fault = if self.dice.chance(0.5) { Fault::Kill(replica) } else { Fault::Fail(replica, of, 100) };
        self.add(begin + later, 40.0, fault);
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn rumour(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.35);
        let (begin, networks) = (self.begin(), self.dice.between(20, 200) as u8);
        let component = self.dice.below(COMPONENTS.len());
        self.add(begin, 50.0, Fault::Brigade(networks, component));
        self.add(begin + 5.0, 40.0, Fault::Brigade(networks, LOGIN));
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn two_ways_back(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.12, 0.26);
        let (begin, first) = (self.begin(), self.dice.below(3));
        // Before anybody can say that the first one does well, so that it is kept out, and so soon that both may come back.
        let gap = self.within(3.3, 4.5);
        self.add(begin, 40.0, Fault::Kill(first));
        self.add(begin + gap, 40.0, Fault::Kill((first + 1) % 3));
        shape.reshaped(&[3, 3], 1, busy)
    }

    fn half_well(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.35);
        let (begin, later) = (self.begin(), self.within(8.0, 16.0));
        let replica = self.dice.below(4);
        // Enough to fail a step of a few requests, and so little that no probe need meet it.
        let percent = self.dice.between(24, 40) as u8;
        self.add(begin, 10.0, Fault::Kill(replica));
        self.add(begin + later, 25.0, Fault::Fail(replica, 0, percent));
        shape.reshaped(&[2, 2], 1, busy)
    }

    fn untried(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.3);
        let begin = self.begin();
        // A quarter of these worlds is tried everywhere, a quarter nowhere, the others but for one component.
        let left_out = match self.dice.below(4) {
            0 => None,
            1 => Some(COMPONENTS.len()),
            _ => Some(self.dice.below(COMPONENTS.len())),
        };
        let tried = (0..COMPONENTS.len()).filter(|c| left_out != Some(COMPONENTS.len()) && left_out != Some(*c));
        for component in tried.collect::<Vec<_>>() {
            let before = self.within(0.5, 3.0);
            self.add(begin - before, 1.0, Fault::Drill(component));
        }
        let (replica, component) = (self.dice.below(6), self.repeatable());
        let fault = match self.dice.below(4) {
            0 => Fault::Kill(replica),
            1 => Fault::Hang(replica),
            2 => Fault::Fail(replica, component, 100),
            _ => Fault::Cut(replica / 2),
        };
        self.add(begin, 50.0, fault);
        let armed_for = Duration::from_secs_f64(self.within(10.0, 18.0));
        Shape { armed_for, ..shape.reshaped(&[2, 2, 2], 1, busy) }
    }

    fn apart(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.28);
        let (begin, later) = (self.begin(), self.within(36.0, 50.0));
        let lasting = later + self.within(30.0, 40.0);
        let first = if self.dice.chance(0.5) { Fault::Cut(0) } else { Fault::Hang(self.dice.below(2)) };
        let (replica, component) = (2 + self.dice.below(4), self.repeatable());
        let second = match self.dice.below(3) {
            0 => Fault::Kill(replica),
            1 => Fault::Hang(replica),
            _ => Fault::Fail(replica, component, 100),
        };
        // Nobody restarts anything, so that the first one is still there when the second one comes.
        self.add(begin - 2.0, lasting, Fault::ActuatorGone);
        self.add(begin, lasting, first);
        self.add(begin + later, 28.0, second);
        shape.reshaped(&[2, 2, 2], 1, busy)
    }

    fn crowded(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.3, 0.45);
        let (begin, component) = (self.begin(), self.repeatable());
        let lasting = self.within(10.0, 80.0);
        let crowd = Fault::Surge(component, 6 + u8::try_from(self.dice.below(4)).unwrap_or(0));
        self.add(begin, lasting, crowd);
        let (later, short) = (begin + lasting + self.within(6.0, 14.0), self.within(3.0, 6.0));
        let replica = self.dice.below(4);
        match self.dice.below(4) {
            0 => self.add(later, short, Fault::Fail(replica, component, 60)),
            1 => self.add(later, short, Fault::Dependency(component)),
            2 => self.add(begin + lasting + 1.0, 6.0, Fault::KillHub),
            _ => {}
        }
        Shape { features: all_featured(), ..shape.reshaped(&[2, 2], 1, busy) }
    }

    fn crowded_anew(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.3, 0.45);
        let (begin, component) = (self.begin(), self.repeatable());
        let (lasting, late) = (self.within(15.0, 60.0), self.within(0.2, 2.0));
        let crowd = Fault::Surge(component, 6 + u8::try_from(self.dice.below(4)).unwrap_or(0));
        self.add(begin - 2.0, 2.0 + late, Fault::KillHub);
        self.add(begin, lasting, crowd);
        // While the features come back, step by step.
        let (later, short) = (begin + lasting + self.within(14.0, 40.0), self.within(3.0, 6.0));
        let replica = self.dice.below(4);
        match self.dice.below(3) {
            0 => self.add(later, short, Fault::Fail(replica, component, 60)),
            1 => self.add(later, short, Fault::Dependency(component)),
            _ => {}
        }
        Shape { features: all_featured(), ..shape.reshaped(&[2, 2], 1, busy) }
    }

    fn held_over(&mut self, shape: &Shape) -> Shape {
        let busy = self.within(0.15, 0.3);
        let begin = self.begin();
        let away = self.within(2.0, 5.0);
        // After the hub's return it may act again within seconds, but for the hold.
        let broken = begin + away + self.within(6.0, 10.0);
        let replica = self.dice.below(6);
        let fault = if self.dice.chance(0.5) { Fault::Kill(replica) } else { Fault::Hang(replica) };
        self.add(begin - 2.0, broken - begin + 22.0, Fault::Operator(Verb::Hold));
        self.add(begin, away, Fault::KillHub);
        self.add(broken, 20.0, fault);
        shape.reshaped(&[2, 2, 2], 1, busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Pace;

    #[test]
    fn an_ordeal_is_drawn_from_the_seed_alone_and_names_what_there_is() {
        let in_turns = Ordeal::IN_TURNS.into_iter().zip((5..).step_by(8));
        let with_own_seeds = [
            (Ordeal::Untried, 62),
            (Ordeal::Apart, 14),
            (Ordeal::Crowded, 30),
            (Ordeal::CrowdedAnew, 78),
            (Ordeal::HeldOver, 46),
        ];
        for (ordeal, seed) in in_turns.chain(with_own_seeds) {
            assert_eq!(Ordeal::of(seed), Some(ordeal));
            let draw = || ordeal.draw(seed, &Shape::draw(seed, Pace::Demo));
            let ((shape, faults), (_, again)) = (draw(), draw());
            assert_eq!(faults, again, "{ordeal:?}");
            for planned in &faults {
                let replica = match planned.fault {
                    Fault::Kill(r) | Fault::Hang(r) | Fault::Slow(r, _) | Fault::Fail(r, ..) => r,
                    _ => 0,
                };
                assert!(replica < shape.replicas.len() && planned.for_s > 0.0, "{ordeal:?}: {planned:?}");
            }
        }
        assert_eq!((0..1_120).filter_map(Ordeal::of).count(), 190);
    }
}
