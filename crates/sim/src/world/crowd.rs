//! Users: listeners whose players buffer, wishes that come by themselves, attackers; and what an outage takes from them.

use crate::dice::Dice;
use crate::shape::{GRAIN, LOGIN, PLAYBACK, Shape};
use crate::time::Time;
use crate::world::edge::Ids;
use crate::world::{Happening, World};
use downbeat_core::model::FailureKind;
use downbeat_edge::policy::Network;
use std::time::Duration;

/// Music in one answer.
const SEGMENT: Duration = Duration::from_secs(4);
/// A player asks for more while it has less than this.
const BUFFER: Duration = Duration::from_secs(12);
/// First pause before a client asks again; doubles, and is spread over its whole length.
const PAUSE_MIN: Duration = Duration::from_millis(300);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(4);
/// After so many failures in a row some listeners report.
const REPORT_AFTER: u32 = 2;
/// Share of those who do.
const REPORTERS: f64 = 0.4;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Listener(usize),
    /// Somebody who wants one thing: which client, and how often it has asked before.
    Wish(u32, u32),
    Attacker,
    /// A machine that has to renew its lease.
    Holder(u32),
}

/// All users.
#[derive(Debug)]
pub(crate) struct Crowd {
    listeners: Vec<Listener>,
    wishes: u32,
    /// By component: how many times the usual is asked for.
    pub(crate) surge: Vec<f64>,
    /// How many times the usual demand for log-ins comes from the attacker.
    pub(crate) attack: f64,
    retries: u32,
    demand: f64,
    dice: Dice,
}

/// A player.
#[derive(Debug, Clone)]
struct Listener {
    /// Until when there is music.
    buffered_until: Time,
    /// True once music has played.
    joined: bool,
    silence: Duration,
    failures: u32,
}

/// What users got, and what they did not.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Toll {
    /// Requests that got what they wanted.
    pub(crate) served: u64,
    /// Requests that in the end did not.
    pub(crate) lost: u64,
    /// Seconds without music, all listeners together.
    pub(crate) silence_s: f64,
}

impl Toll {
    pub(crate) fn serve(&mut self, who: Who, times: u32) {
        if who != Who::Attacker {
            self.served += u64::from(times);
        }
    }

    pub(crate) fn lose(&mut self, who: Who, times: u32) {
        if who != Who::Attacker {
            self.lost += u64::from(times);
        }
    }
}

impl Crowd {
    pub(crate) fn new(seed: u64, shape: &Shape) -> Self {
        let listener = Listener { buffered_until: Time::ZERO, joined: false, silence: Duration::ZERO, failures: 0 };
        Self {
            listeners: vec![listener; shape.listeners],
            wishes: 0,
            surge: vec![1.0; shape.wants.len()],
            attack: 0.0,
            retries: shape.client_retries,
            demand: shape.demand,
            dice: Dice::stream(seed, 5),
        }
    }

    /// The edge that a client comes to first.
    pub(crate) fn home(&self, who: Who, edges: usize) -> usize {
        self.client(who) as usize % edges
    }

    /// By what an edge knows a client.
    pub(crate) fn client(&self, who: Who) -> u64 {
        match who {
            Who::Listener(n) => n as u64,
            Who::Wish(client, _) => 1_000 + u64::from(client % 500),
            Who::Attacker => 99,
            Who::Holder(n) => 2_000 + u64::from(n),
        }
    }

    /// The feature of a component that somebody wants, where it is one. Players want none.
    pub(crate) fn feature(&self, shape: &Shape, who: Who, component: usize) -> Option<usize> {
        match who {
            Who::Wish(user, _) => shape.wanted_by(user, component),
            Who::Listener(_) | Who::Attacker | Who::Holder(_) => None,
        }
    }

    pub(crate) fn network(&self, who: Who, ids: &Ids) -> Network {
        match who {
            Who::Attacker => ids.attacker,
            who => ids.networks[self.client(who) as usize % ids.networks.len()],
        }
    }

    /// All silence so far, with that of those who hear none at `now`.
    pub(crate) fn silence(&self, now: Time) -> Vec<Duration> {
        let dry = |l: &Listener| if l.joined { now.since(l.buffered_until) } else { Duration::ZERO };
        self.listeners.iter().map(|l| l.silence + dry(l)).collect()
    }

    fn pause(&mut self, failures: u32) -> Duration {
        let most = (PAUSE_MIN * 2_u32.pow(failures.min(5))).min(PAUSE_MAX);
        PAUSE_MIN / 2 + most.mul_f64(self.dice.share())
    }
}

impl World {
    /// Everybody comes.
    pub(crate) fn open_doors(&mut self) {
        for n in 0..self.crowd.listeners.len() {
            let after = Duration::from_millis(self.crowd.dice.between(0, 2_000));
            self.queue.plan(self.now + after, Happening::Listen(n));
        }
        for component in 0..self.shape.wants.len() {
            self.queue.plan(self.now, Happening::Wish(component));
        }
    }

    /// A player asks for the next piece.
    pub(crate) fn listen(&mut self, n: usize) {
        self.ask(Who::Listener(n), PLAYBACK);
    }

    /// Somebody wants something, and so on.
    pub(crate) fn wish(&mut self, component: usize) {
        let rate = self.crowd.demand * self.shape.wants[component] * self.crowd.surge[component];
        let after = self.crowd.dice.wait(Duration::from_secs_f64(1.0 / rate));
        self.queue.plan(self.now + after, Happening::Wish(component));
        self.crowd.wishes += 1;
        self.ask(Who::Wish(self.crowd.wishes, 0), component);
    }

    /// The attacker tries another password.
    pub(crate) fn attack(&mut self) {
        if self.crowd.attack <= 0.0 {
            return;
        }
        let rate = self.crowd.demand * self.shape.wants[LOGIN] * self.crowd.attack;
        let after = self.crowd.dice.wait(Duration::from_secs_f64(1.0 / rate));
        self.queue.plan(self.now + after, Happening::Attack);
        self.ask(Who::Attacker, LOGIN);
    }

    /// A client hears what became of its request.
    pub(crate) fn hears(&mut self, who: Who, component: usize, times: u32, outcome: Result<(), FailureKind>) {
        match (who, outcome) {
            (Who::Attacker, _) => {}
            (Who::Listener(n), Ok(())) => {
                self.toll.serve(who, times);
                self.hears_music(n);
            }
            (Who::Listener(n), Err(_)) => {
                self.toll.lose(who, times);
                let listener = &mut self.crowd.listeners[n];
                listener.failures += 1;
                let failures = listener.failures;
                let after = self.crowd.pause(failures);
                self.queue.plan(self.now + after, Happening::Listen(n));
                if failures >= REPORT_AFTER && self.crowd.dice.chance(REPORTERS) {
                    self.report(self.crowd.network(who, &self.ids).name(), Some(component));
                }
            }
            (Who::Wish(..), Ok(())) => self.toll.serve(who, times),
            (Who::Holder(n), outcome) => self.renewal_ends(n, times, outcome),
            (Who::Wish(client, asked), Err(_)) if asked < self.crowd.retries => {
                let after = self.crowd.pause(asked);
                self.toll.lose(who, GRAIN - times);
                self.queue.plan(self.now + after, Happening::Again(Who::Wish(client, asked + 1), component));
            }
            (Who::Wish(..), Err(_)) => self.toll.lose(who, times),
        }
    }

    fn hears_music(&mut self, n: usize) {
        let (now, listener) = (self.now, &mut self.crowd.listeners[n]);
        listener.failures = 0;
        if listener.buffered_until < now {
            if listener.joined {
                listener.silence += now.since(listener.buffered_until);
            }
            listener.buffered_until = now;
        }
        listener.joined = true;
        listener.buffered_until = listener.buffered_until + SEGMENT;
        let buffered = listener.buffered_until.since(now);
        self.queue.plan(now + buffered.saturating_sub(BUFFER), Happening::Listen(n));
    }
}
