//! The room the band plays in, and the desk it is mixed on.

use super::{SAMPLE_RATE, Stereo};

const RATE: f32 = SAMPLE_RATE as f32;

/// Echoes that wander from side to side: what leaves the left delay enters the right one, and back.
pub(super) fn ping_pong(bus: &mut Stereo, seconds: f32) {
    const FEEDBACK: f32 = 0.42;
    const WET: f32 = 0.38;
    let length = (seconds * RATE) as usize;
    let (mut left, mut right) = (vec![0.0_f32; length], vec![0.0_f32; length]);
    for n in 0..bus.left.len() {
        let place = n % length;
        let (echo_left, echo_right) = (left[place], right[place]);
        left[place] = 0.5 * (bus.left[n] + bus.right[n]) + FEEDBACK * echo_right;
        right[place] = FEEDBACK * echo_left;
        bus.left[n] += WET * echo_left;
        bus.right[n] += WET * echo_right;
    }
}

/// A small hall: a feedback delay network of four lines, mixed by a Hadamard matrix (Jot 1991), which keeps the
/// energy and spreads it; each line loses treble on the way, as air does.
pub(super) fn reverberate(bus: &mut Stereo) {
    const WET: f32 = 0.22;
    const DECAY: f32 = 0.80;
    // Lengths in samples share no factor, so that echoes do not fall together: 25 to 45 ms.
    let mut lines = [1103, 1361, 1627, 1987].map(|length| Line { past: vec![0.0; length], smooth: 0.0 });
    for n in 0..bus.left.len() {
        let [a, b, c, d] = std::array::from_fn(|i| lines[i].read(n));
        let mixed = [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d].map(|x| x * 0.5 * DECAY);
        let input = [bus.left[n], bus.right[n], bus.left[n], bus.right[n]];
        for ((line, back), dry) in lines.iter_mut().zip(mixed).zip(input) {
            line.write(n, back + 0.5 * dry);
        }
        bus.left[n] += WET * (a + c);
        bus.right[n] += WET * (b + d);
    }
}

/// A delay line that dulls what passes through it.
struct Line {
    past: Vec<f32>,
    smooth: f32,
}

impl Line {
    fn read(&mut self, n: usize) -> f32 {
        let old = self.past[n % self.past.len()];
        self.smooth += 0.55 * (old - self.smooth);
        self.smooth
    }

    fn write(&mut self, n: usize, sample: f32) {
        let length = self.past.len();
        self.past[n % length] = sample;
    }
}

/// Brings the whole to the same loudness as its neighbours, then rounds the peaks off.
pub(super) fn level(bus: &mut Stereo, loudness: f32) {
    let power: f32 = bus.left.iter().chain(&bus.right).map(|x| x * x).sum::<f32>();
    let current = (power / (2 * bus.left.len()) as f32).sqrt().max(1e-6);
    let gain = loudness / current;
    for sample in bus.left.iter_mut().chain(&mut bus.right) {
        // tanh bends gently below 0.7 and never reaches 1; 0.95 leaves room for what lossy encoders add.
        *sample = 0.95 * (*sample * gain).tanh();
    }
}

/// In over a twentieth of a second, out over three seconds (or a third of a shorter piece).
pub(super) fn fade(bus: &mut Stereo) {
    let samples = bus.left.len();
    let (rise, fall) = (0.05 * RATE, (3.0 * RATE).min(samples as f32 / 3.0));
    for channel in [&mut bus.left, &mut bus.right] {
        for (n, sample) in channel.iter_mut().enumerate() {
            let gain = (n as f32 / rise).min((samples - 1 - n) as f32 / fall).min(1.0);
            *sample *= gain;
        }
    }
}
