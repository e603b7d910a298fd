//! The arranger: who plays which note when. Everything it decides comes from the piece and its seed.
//!
//! A piece grows and thins out again: the string begins alone over the pad, bass and drums join, there is a quiet
//! passage after two thirds, and the end belongs to the pad. The melody is one motif of two bars, invented once and
//! then varied, because what comes back is what one remembers.

use super::{
    Groove, Piece, SAMPLE_RATE, Stereo,
    harmony::Chord,
    rng::Dice,
    voices::{self, Stroke},
};

/// What the band played, before the room.
pub(super) struct Band {
    /// Pad, bass, drums.
    pub(super) dry: Stereo,
    /// The plucked string, which goes through the echo.
    pub(super) echoing: Stereo,
}

/// Eighth notes in a bar.
const EIGHTHS: usize = 8;

/// Plays the piece into `samples` samples; what comes after them is not heard.
pub(super) fn play(piece: &Piece, samples: usize) -> Band {
    let band = Band { dry: Stereo::silent(samples), echoing: Stereo::silent(samples) };
    let mut players = Players { motif: Motif::invent(piece), dice: Dice::new(piece.seed), piece, band };
    let last_bar = piece.chords.len() * piece.rounds;
    for bar in 0..=last_bar {
        players.bar(bar, bar as f32 / last_bar as f32);
    }
    players.band
}

/// A melody of two bars: for each eighth note a step of the scale, or a rest.
struct Motif {
    steps: [Option<i32>; 2 * EIGHTHS],
}

impl Motif {
    fn invent(piece: &Piece) -> Self {
        let mut dice = Dice::new(piece.seed ^ 0x006d_6f74_6966);
        let mut step = dice.below(piece.scale.len()) as i32;
        let steps = std::array::from_fn(|eighth| {
            let weight = if is_strong(eighth) { 0.85 } else { 0.32 };
            step = (step + dice.below(5) as i32 - 2).clamp(-1, 7);
            dice.chance(weight).then_some(step)
        });
        Self { steps }
    }
}

struct Players<'a> {
    piece: &'a Piece,
    motif: Motif,
    dice: Dice,
    band: Band,
}

impl Players<'_> {
    /// Plays bar number `bar`; `progress` runs from 0 at the first to 1 at the last.
    fn bar(&mut self, bar: usize, progress: f32) {
        let chord = self.piece.chords[bar % self.piece.chords.len()];
        let quiet_passage = (0.62..0.74).contains(&progress);
        self.pad(bar, chord);
        if progress > 0.04 && progress < 0.98 {
            self.string(bar, chord, if quiet_passage { 0.5 } else { 1.0 });
        }
        if progress > 0.26 && progress < 0.93 {
            self.melody(bar, chord);
        }
        if progress > 0.12 && progress < 0.99 && !quiet_passage {
            self.bass(bar, chord);
        }
        if progress > 0.22 && progress < 0.92 && !quiet_passage {
            self.drums(bar);
        }
    }

    /// The sample at which an eighth note of a bar starts; off-beats of a lazy groove come late.
    fn at(&self, bar: usize, eighth: usize) -> usize {
        let swing = if self.piece.groove == Groove::Lazy && eighth % 2 == 1 { 0.3 } else { 0.0 };
        let eighths = (bar * EIGHTHS + eighth) as f32 + swing;
        (eighths * 0.5 * self.piece.seconds_per_beat() * SAMPLE_RATE as f32) as usize
    }

    /// So many beats, in samples.
    fn beats(&self, count: f32) -> usize {
        (count * self.piece.seconds_per_beat() * SAMPLE_RATE as f32) as usize
    }

    fn pad(&mut self, bar: usize, chord: Chord) {
        // A little longer than the bar: chords melt into each other.
        let stroke = Stroke { at: self.at(bar, 0), length: self.beats(4.7), loudness: 0.5, pan: 0.0 };
        let notes = chord.voices(self.piece.tonic);
        voices::pad(&mut self.band.dry, notes, self.piece.brightness_hz, stroke, &mut self.dice);
    }

    /// Broken chords, up and down, with gaps.
    fn string(&mut self, bar: usize, chord: Chord, loudness: f32) {
        const CONTOUR: [usize; EIGHTHS] = [0, 1, 2, 3, 2, 1, 3, 2];
        let voices = chord.voices(self.piece.tonic);
        for (eighth, voice) in CONTOUR.into_iter().enumerate() {
            if self.dice.chance(self.piece.busyness) {
                let accent = if is_strong(eighth) { 1.0 } else { 0.62 + 0.2 * self.dice.unit() };
                self.pluck(bar, eighth, voices[voice] + 12.0, 0.34 * accent * loudness);
            }
        }
    }

    /// Two bars of motif, two bars mostly of rest.
    fn melody(&mut self, bar: usize, chord: Chord) {
        if bar % 4 >= 2 && !self.dice.chance(0.25) {
            return;
        }
        for eighth in 0..EIGHTHS {
            let varied = self.dice.chance(0.12);
            if let Some(step) = self.motif.steps[bar % 2 * EIGHTHS + eighth].filter(|_| !varied) {
                let note = self.melody_note(step, chord, eighth);
                self.pluck(bar, eighth, note, 0.52);
            }
        }
    }

    /// A step of the scale two octaves up; on strong beats the nearest note of the chord instead.
    fn melody_note(&self, step: i32, chord: Chord, eighth: usize) -> f32 {
        let scale = self.piece.scale;
        let octave = step.div_euclid(scale.len() as i32) as f32;
        let degree = f32::from(scale[step.rem_euclid(scale.len() as i32) as usize]);
        let note = f32::from(self.piece.tonic) + 36.0 + 12.0 * octave + degree;
        if is_strong(eighth) { nearest(note, chord.voices(self.piece.tonic)) } else { note }
    }

    fn pluck(&mut self, bar: usize, eighth: usize, note: f32, loudness: f32) {
        // People are a few milliseconds early or late, and not always equally strong.
        let late = (self.dice.unit() * 0.008 * SAMPLE_RATE as f32) as usize;
        let loudness = loudness * (0.88 + 0.24 * self.dice.unit());
        let pan = 0.35 * self.dice.signed();
        let stroke = Stroke { at: self.at(bar, eighth) + late, length: 2 * SAMPLE_RATE as usize, loudness, pan };
        voices::pluck(&mut self.band.echoing, note, stroke, &mut self.dice);
    }

    /// Root on one, and a push before three.
    fn bass(&mut self, bar: usize, chord: Chord) {
        let note = chord.bass(self.piece.tonic);
        let pattern: &[(usize, f32, f32)] = match self.piece.groove {
            Groove::Silent => &[(0, 3.8, 1.0)],
            Groove::Soft => &[(0, 2.4, 1.0), (5, 1.3, 0.75)],
            Groove::Lazy => &[(0, 1.4, 1.0), (3, 0.9, 0.7), (5, 1.3, 0.85)],
            Groove::Steady => &[(0, 0.9, 1.0), (3, 0.45, 0.75), (4, 0.9, 0.9), (7, 0.45, 0.7)],
        };
        for (eighth, beats, loudness) in pattern {
            let length = self.beats(*beats);
            let stroke = Stroke { at: self.at(bar, *eighth), length, loudness: 0.3 * loudness, pan: 0.0 };
            voices::bass(&mut self.band.dry, note, stroke);
        }
    }

    fn drums(&mut self, bar: usize) {
        let (kicks, snares): (&[usize], &[usize]) = match self.piece.groove {
            Groove::Silent => return,
            Groove::Soft => (&[0, 4], &[]),
            Groove::Lazy => (&[0, 5], &[2, 6]),
            Groove::Steady => (&[0, 2, 4, 6], &[2, 6]),
        };
        for eighth in kicks {
            let at = self.at(bar, *eighth);
            voices::kick(&mut self.band.dry, at, 0.5);
        }
        for eighth in snares {
            let at = self.at(bar, *eighth);
            voices::snare(&mut self.band.dry, at, 0.22, &mut self.dice);
        }
        for eighth in 0..EIGHTHS {
            self.hat(bar, eighth);
        }
    }

    fn hat(&mut self, bar: usize, eighth: usize) {
        let open = self.piece.groove == Groove::Steady && eighth % 2 == 1;
        let loudness = 0.028 * if eighth % 2 == 1 { 1.3 } else { 0.8 } * (0.7 + 0.5 * self.dice.unit());
        let at = self.at(bar, eighth);
        voices::hat(&mut self.band.dry, at, loudness, if open { 0.06 } else { 0.022 }, &mut self.dice);
    }
}

/// Whether an eighth note falls on one or three.
fn is_strong(eighth: usize) -> bool {
    eighth.is_multiple_of(4)
}

/// Of the chord's notes, in any octave, the one closest to `note`.
fn nearest(note: f32, chord: [f32; 4]) -> f32 {
    let moved = chord.map(|tone| tone + ((note - tone) / 12.0).round() * 12.0);
    moved.into_iter().min_by(|a, b| (a - note).abs().total_cmp(&(b - note).abs())).unwrap_or(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strong_beats_take_the_nearest_note_of_the_chord() {
        let chord = [48.0, 52.0, 55.0, 59.0];
        for (note, expected) in [(60.0, 60.0), (61.0, 60.0), (78.0, 79.0), (65.0, 64.0)] {
            assert_eq!(nearest(note, chord), expected, "{note}");
        }
    }
}
