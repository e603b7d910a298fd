//! The instruments. Each adds one note to a bus, starting at a sample, and knows nothing of the piece.

use std::f32::consts::TAU;

use super::{SAMPLE_RATE, Stereo, harmony::hertz, rng::Dice};

const RATE: f32 = SAMPLE_RATE as f32;

/// When and how strongly a note is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    /// First sample.
    pub(super) at: usize,
    /// Length in samples.
    pub(super) length: usize,
    /// Peak, full scale = 1.
    pub(super) loudness: f32,
    /// From -1 (left) to 1 (right).
    pub(super) pan: f32,
}

/// A plucked string (Karplus, Strong 1983; tuned by an all-pass, Jaffe, Smith 1983): a burst of noise runs round a
/// delay line one period long and loses its treble at each turn.
pub(super) fn pluck(bus: &mut Stereo, note: f32, stroke: Stroke, dice: &mut Dice) {
    let period = RATE / hertz(note);
    let whole = (period - 0.6) as usize;
    let rest = period - 0.5 - whole as f32;
    let all_pass = (1.0 - rest) / (1.0 + rest);
    let mut string = soft_noise(whole, dice);
    let damping = 0.996_f32.powf(hertz(note) / 220.0);
    let (mut place, mut last, mut before, mut out) = (0, 0.0, 0.0, 0.0);
    for n in 0..stroke.length {
        let turned = damping * 0.5 * (string[place] + last);
        last = string[place];
        out = all_pass * (turned - out) + before;
        before = turned;
        string[place] = out;
        place = (place + 1) % whole;
        bus.add(stroke.at + n, out * stroke.loudness * release(n, stroke.length, 0.15), stroke.pan);
    }
}

/// One period of noise without its harshest treble and without a constant part.
fn soft_noise(length: usize, dice: &mut Dice) -> Vec<f32> {
    let mut smooth = 0.0;
    let mut noise: Vec<f32> = (0..length)
        .map(|_| {
            smooth += 0.45 * (dice.signed() - smooth);
            smooth
        })
        .collect();
    let mean = noise.iter().sum::<f32>() / length as f32;
    noise.iter_mut().for_each(|x| *x = (*x - mean) * 2.0);
    noise
}

/// A chord on a warm pad: per voice two detuned saws, one on each side, through a slowly breathing low-pass filter.
pub(super) fn pad(bus: &mut Stereo, notes: [f32; 4], brightness_hz: f32, stroke: Stroke, dice: &mut Dice) {
    let mut sides = [-1.0, 1.0].map(|side: f32| PadSide::new(notes, side, dice));
    let breath = TAU * 0.11 / RATE;
    for n in 0..stroke.length {
        let cutoff = brightness_hz * (0.75 + 0.25 * ((stroke.at + n) as f32 * breath).sin());
        let gain = stroke.loudness * swell(n, stroke.length, 0.5, 0.9);
        for (side, pan) in sides.iter_mut().zip([-0.7, 0.7]) {
            bus.add(stroke.at + n, gain * side.next(cutoff), pan);
        }
    }
}

/// One side of the pad: four saws and a filter.
struct PadSide {
    saws: [Saw; 4],
    filter: LowPass,
}

impl PadSide {
    fn new(notes: [f32; 4], side: f32, dice: &mut Dice) -> Self {
        let detuned = notes.map(|note| Saw::new(note + side * (0.04 + 0.03 * dice.unit()), dice.unit()));
        Self { saws: detuned, filter: LowPass::default() }
    }

    fn next(&mut self, cutoff_hz: f32) -> f32 {
        let sum: f32 = self.saws.iter_mut().map(Saw::next).sum();
        self.filter.next(sum * 0.25, cutoff_hz)
    }
}

/// A saw wave whose step is rounded off (polyBLEP), so that it does not alias.
struct Saw {
    phase: f32,
    step: f32,
}

impl Saw {
    fn new(note: f32, phase: f32) -> Self {
        Self { phase, step: hertz(note) / RATE }
    }

    fn next(&mut self) -> f32 {
        self.phase = (self.phase + self.step).fract();
        2.0 * self.phase - 1.0 - self.correction()
    }

    fn correction(&self) -> f32 {
        let (phase, step) = (self.phase, self.step);
        if phase < step {
            let x = phase / step;
            2.0 * x - x * x - 1.0
        } else if phase > 1.0 - step {
            let x = (phase - 1.0) / step;
            x * x + 2.0 * x + 1.0
        } else {
            0.0
        }
    }
}

/// Two poles of low-pass: two one-pole filters in a row.
#[derive(Default)]
struct LowPass {
    first: f32,
    second: f32,
}

impl LowPass {
    fn next(&mut self, input: f32, cutoff_hz: f32) -> f32 {
        let share = (TAU * cutoff_hz / RATE).min(0.9);
        self.first += share * (input - self.first);
        self.second += share * (self.first - self.second);
        self.second
    }
}

/// A round bass: a sine with a little of its octave, so that small speakers hint at it too.
pub(super) fn bass(bus: &mut Stereo, note: f32, stroke: Stroke) {
    let step = TAU * hertz(note) / RATE;
    for n in 0..stroke.length {
        let turn = n as f32 * step;
        let tone = turn.sin() + 0.22 * (2.0 * turn).sin() + 0.06 * (3.0 * turn).sin();
        bus.add(stroke.at + n, tone * stroke.loudness * swell(n, stroke.length, 0.012, 0.12), stroke.pan);
    }
}

/// A soft kick: a sine that falls from 120 Hz to 46 Hz.
pub(super) fn kick(bus: &mut Stereo, at: usize, loudness: f32) {
    let length = (0.32 * RATE) as usize;
    let mut turn = 0.0_f32;
    for n in 0..length {
        let t = n as f32 / RATE;
        turn += TAU * (46.0 + 74.0 * (-t * 28.0).exp()) / RATE;
        bus.add(at + n, turn.sin() * loudness * (-t * 9.0).exp() * release(n, length, 0.05), 0.0);
    }
}

/// A brushed hat: noise without its lower half; `seconds` is how long it rings.
pub(super) fn hat(bus: &mut Stereo, at: usize, loudness: f32, seconds: f32, dice: &mut Dice) {
    let length = (seconds * 4.0 * RATE) as usize;
    let mut before = 0.0;
    for n in 0..length {
        let noise = dice.signed();
        let bright = noise - before;
        before = noise;
        let decay = (-(n as f32) / (seconds * RATE)).exp();
        bus.add(at + n, bright * loudness * decay * release(n, length, 0.01), 0.25);
    }
}

/// A rim-like snare: a short tone under a puff of noise.
pub(super) fn snare(bus: &mut Stereo, at: usize, loudness: f32, dice: &mut Dice) {
    let length = (0.22 * RATE) as usize;
    let mut smooth = 0.0;
    for n in 0..length {
        let t = n as f32 / RATE;
        smooth += 0.5 * (dice.signed() - smooth);
        let puff = smooth * (-t * 20.0).exp() + 0.5 * (TAU * 187.0 * t).sin() * (-t * 32.0).exp();
        bus.add(at + n, puff * loudness * release(n, length, 0.03), -0.1);
    }
}

/// Rises over `attack` seconds and falls over `decay` seconds at the end, both smoothly.
fn swell(n: usize, length: usize, attack: f32, decay: f32) -> f32 {
    let rise = (n as f32 / (attack * RATE)).min(1.0);
    rise * rise * (3.0 - 2.0 * rise) * release(n, length, decay)
}

/// 1 until `seconds` before the end, then smoothly down to 0.
fn release(n: usize, length: usize, seconds: f32) -> f32 {
    let left = ((length - n) as f32 / (seconds * RATE)).min(1.0);
    left * left * (3.0 - 2.0 * left)
}
