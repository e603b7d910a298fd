//! How many requests a replica may have in flight, found from how its first bytes slow down.
//!
//! ```text
//! slowdown = exp(mean over its components, by answers, of ln(first byte) − ln(usual first byte))
//! gradient = clamp((1.25 × usual + 10 ms) / (slowdown × usual), 0.5, 1)
//! limit'   = 0.8 × limit + 0.2 × (gradient × limit + √limit)       between the floor and max_in_flight
//! ```
//!
//! once for each window of at least 100 ms and 20 answers, and only while at least half of the limit is used: an idle
//! replica's limit says nothing. The gradient and the room of √limit are Netflix's (*Performance Under Load* 2018,
//! `Gradient2Limit`); the usual time is measured as in Envoy's adaptive concurrency filter: the least of the windows'
//! means in the last minute, for which the limit is halved for a moment now and then while it binds, or a standing
//! queue would be taken for the usual. Ours are: the geometric mean, which one late answer does not move; a usual time
//! for each component, for a log-in takes longer than a song; and 10 ms that nobody minds, so that the noise
//! of a service that answers within a millisecond does not shed its requests.
//!
//! Attempts that ended late reduce the limit to nine tenths, once a window (AIMD, as TCP does).

use std::time::{Duration, Instant};

/// A window is at least as long as this.
const WINDOW: Duration = Duration::from_millis(100);
/// Answers in a window.
const ANSWERS_MIN: u32 = 20;
/// Slower than usual by so much is no queue.
const TOLERANCE: f64 = 1.25;
/// Later than usual by so much does nobody mind, in seconds.
const UNMINDED: f64 = 0.010;
/// Least gradient: the limit does not fall by more than half at a time.
const GRADIENT_MIN: f64 = 0.5;
/// Weight of the newest window.
const GAIN: f64 = 0.2;
/// What is left of the limit after a window with late attempts.
const LATE_FACTOR: f64 = 0.9;
/// How long a usual time holds, in two halves.
const USUAL_HALF: Duration = Duration::from_secs(30);
/// From one look at the times without a queue to the next, while the limit binds.
const PROBE_EVERY: Duration = Duration::from_secs(20);
/// What is left of the limit while it is looked for the time without a queue.
const PROBE_SHARE: f64 = 0.5;
/// Of the limit, the share that the least dear class may not use.
const KEPT_FOR_DEARER: f64 = 0.2;

/// The limit of one replica.
#[derive(Debug)]
pub(crate) struct Limiter {
    floor: f64,
    ceiling: f64,
    limit: f64,
    /// By component.
    series: Vec<Series>,
    window: Window,
    phase: Phase,
    probed: Instant,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    answers: u32,
    in_flight_max: u32,
    late: bool,
}

/// Whether the limit is in use or put down to find the time without a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Limiting,
    /// The queue drains: what is measured now is not taken.
    Draining,
    Probing,
}

/// First-byte times of one component, as natural logarithms of seconds.
#[derive(Debug, Clone, Default)]
struct Series {
    sum: f64,
    count: u32,
    /// Least mean of this half minute and of the one before.
    usual: [Option<f64>; 2],
    half_since: Option<Instant>,
}

impl Series {
    fn close(&mut self, now: Instant) -> Option<(f64, f64)> {
        if self.count == 0 {
            return None;
        }
        let (mean, weight) = (self.sum / f64::from(self.count), f64::from(self.count));
        (self.sum, self.count) = (0.0, 0);
        if self.half_since.is_none_or(|since| now.saturating_duration_since(since) >= USUAL_HALF) {
            (self.usual, self.half_since) = ([None, self.usual[0]], Some(now));
        }
        self.usual[0] = Some(self.usual[0].map_or(mean, |usual| usual.min(mean)));
        Some((mean, weight))
    }

    fn usual(&self) -> Option<f64> {
        self.usual.iter().flatten().copied().reduce(f64::min)
    }
}

impl Limiter {
    /// Starts at the ceiling: what is not known to be slow is let through.
    pub(crate) fn new(floor: u32, ceiling: u32, components: usize, now: Instant) -> Self {
        let (floor, ceiling) = (f64::from(floor.min(ceiling)), f64::from(ceiling));
        let window = Window { since: now, answers: 0, in_flight_max: 0, late: false };
        let series = vec![Series::default(); components];
        Self { floor, ceiling, limit: ceiling, series, window, phase: Phase::Limiting, probed: now }
    }

    /// The limit in force, at least 1.
    pub(crate) fn limit(&self) -> u32 {
        let probing = self.phase != Phase::Limiting;
        let limit = if probing { (self.limit * PROBE_SHARE).max(self.floor) } else { self.limit };
        // Between 1 and the ceiling, which was a u32.
        limit.max(1.0) as u32
    }

    /// `times` attempts of a component were answered well, while so many were in flight.
    pub(crate) fn answered(
        &mut self,
        component: usize,
        first_byte: Duration,
        times: u32,
        in_flight: u32,
        now: Instant,
    ) {
        let series = &mut self.series[component];
        // A microsecond is the least that is measured.
        series.sum += first_byte.as_secs_f64().max(1e-6).ln() * f64::from(times);
        series.count = series.count.saturating_add(times);
        self.window.answers = self.window.answers.saturating_add(times);
        self.window.in_flight_max = self.window.in_flight_max.max(in_flight);
        self.turn(now);
    }

    /// An attempt got no answer in time.
    pub(crate) fn late(&mut self, now: Instant) {
        self.window.late = true;
        self.turn(now);
    }

    fn turn(&mut self, now: Instant) {
        let long = now.saturating_duration_since(self.window.since) >= WINDOW;
        if !long || (self.window.answers < ANSWERS_MIN && !self.window.late) {
            return;
        }
        let window =
            std::mem::replace(&mut self.window, Window { since: now, answers: 0, in_flight_max: 0, late: false });
        if self.phase == Phase::Draining {
            self.series.iter_mut().for_each(|s| (s.sum, s.count) = (0.0, 0));
            self.phase = Phase::Probing;
            return;
        }
        let gradient = self.gradient(now);
        if self.phase == Phase::Probing {
            (self.phase, self.probed) = (Phase::Limiting, now);
            return;
        }
        self.adapt(&window, gradient, now);
    }

    /// How far the limit should fall by the first bytes of the window; 1 when not at all.
    fn gradient(&mut self, now: Instant) -> f64 {
        let (mut slower, mut usual_sum, mut weights) = (0.0, 0.0, 0.0);
        for series in &mut self.series {
            let Some((mean, weight)) = series.close(now) else { continue };
            let Some(usual) = series.usual() else { continue };
            slower += weight * (mean - usual);
            usual_sum += weight * usual;
            weights += weight;
        }
        if weights == 0.0 {
            return 1.0;
        }
        let (slowdown, usual) = ((slower / weights).exp(), (usual_sum / weights).exp());
        ((TOLERANCE * usual + UNMINDED) / (slowdown * usual)).clamp(GRADIENT_MIN, 1.0)
    }

    fn adapt(&mut self, window: &Window, gradient: f64, now: Instant) {
        let binding = f64::from(window.in_flight_max) >= self.limit / 2.0;
        if window.late {
            self.limit *= LATE_FACTOR;
        } else if binding {
            let next = gradient * self.limit + self.limit.sqrt();
            self.limit += GAIN * (next - self.limit);
        }
        self.limit = self.limit.clamp(self.floor, self.ceiling);
        let limited = binding && self.limit < self.ceiling && self.limit > self.floor;
        if limited && now.saturating_duration_since(self.probed) >= PROBE_EVERY {
            self.phase = Phase::Draining;
        }
    }
}

/// The seats that a class may take out of a limit; class 0 is the dearest of `classes`.
///
/// A less dear class may take fewer seats, so where a dear request finds no seat, a less dear one finds none either
/// (invariant B6).
pub(crate) fn allowed(limit: u32, class: u32, classes: u32) -> u32 {
    if class == 0 {
        return limit;
    }
    let steps = f64::from(class) / f64::from(classes.max(2) - 1);
    // At least one seat for each dearer class; below the limit, so the cast is exact.
    let kept = ((f64::from(limit) * KEPT_FOR_DEARER * steps).ceil() as u32).max(class);
    limit.saturating_sub(kept).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A server whose answers take longer once more than `knee` requests are in flight, and clients that would have
    /// `demand` in flight. Returns the limits over time, one for each tenth of a second.
    struct World {
        limiter: Limiter,
        now: Instant,
        base: Duration,
    }

    impl World {
        fn new(base_ms: u64) -> Self {
            let now = Instant::now();
            Self { limiter: Limiter::new(4, 256, 2, now), now, base: Duration::from_millis(base_ms) }
        }

        /// Goes on for so many seconds; returns the mean limit of the last quarter.
        fn run(&mut self, seconds: u64, demand: u32, knee: u32) -> f64 {
            let (steps, mut limits) = (seconds * 10, Vec::new());
            for _ in 0..steps {
                let in_flight = demand.min(self.limiter.limit());
                let slowdown = (f64::from(in_flight) / f64::from(knee)).max(1.0);
                let took = self.base.mul_f64(slowdown);
                for i in 0..25_u64 {
                    let at = self.now + Duration::from_millis(4 * (i + 1));
                    // Every fifth request is of a component that takes three times as long.
                    let (component, factor) = if i % 5 == 0 { (1, 3) } else { (0, 1) };
                    self.limiter.answered(component, took * factor, 1, in_flight, at);
                }
                self.now += Duration::from_millis(100);
                limits.push(f64::from(self.limiter.limit()));
            }
            let last = &limits[limits.len() * 3 / 4..];
            last.iter().sum::<f64>() / last.len() as f64
        }
    }

    #[test]
    fn the_limit_settles_near_the_knee_and_stays_there() {
        for (base_ms, knee) in [(50, 20), (50, 60), (200, 30)] {
            let mut world = World::new(base_ms);
            world.run(10, knee / 2, knee);
            for minutes in [1, 5, 10] {
                let limit = world.run(60 * minutes, 200, knee);
                let ratio = limit / f64::from(knee);
                assert!((0.7..2.3).contains(&ratio), "{base_ms} ms, knee {knee}: {limit} after {minutes} minutes");
            }
        }
    }

    #[test]
    fn the_limit_recovers_with_the_server() {
        let mut world = World::new(50);
        world.run(10, 10, 20);
        let low = world.run(60, 200, 20);
        let high = world.run(120, 200, 200);
        assert!(low < 50.0 && high > 150.0, "{low}, then {high}");
    }

    #[test]
    fn an_idle_replica_and_a_quick_one_keep_their_limits() {
        let mut world = World::new(50);
        world.run(10, 5, 100);
        assert!(world.run(10, 10, 2) > 255.0, "half of the limit is not used");
        let mut quick = World::new(1);
        quick.run(10, 5, 100);
        assert!(quick.run(60, 200, 50) > 200.0, "four milliseconds instead of one");
    }

    #[test]
    fn late_attempts_bring_it_down_to_the_floor() {
        let (start, mut limiter) = (Instant::now(), Limiter::new(8, 64, 1, Instant::now()));
        for i in 1..=1_000 {
            limiter.late(start + Duration::from_millis(10 * i));
        }
        assert_eq!(limiter.limit(), 8);
        assert_eq!(Limiter::new(8, 3, 1, start).limit(), 3, "a ceiling below the floor goes before");
    }

    proptest! {
        /// Where class p is refused, every class behind it is refused as well, whatever the limit.
        #[test]
        fn b6_strict_priority(limit in 1_u32..2_000, classes in 1_u32..9, in_flight in 0_u32..2_100) {
            let refused = |class| in_flight >= allowed(limit, class, classes);
            for class in 1..classes {
                prop_assert!(!refused(class - 1) || refused(class), "class {class} of {classes}, limit {limit}");
            }
            prop_assert_eq!(allowed(limit, 0, classes), limit);
            let enough = limit > 10 * classes;
            prop_assert!(!enough || allowed(limit, classes - 1, classes) >= limit * 7 / 10);
        }
    }
}
