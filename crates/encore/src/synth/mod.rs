//! Music for a service without a library: six short pieces, composed here and rendered on first use.
//!
//! A [`Piece`] is a page of music: key, tempo, a loop of chords, who plays. [`render`] lets the band play it: the
//! [`arrange`] module decides who plays which note when (from the piece's seed, so always the same), [`voices`] are
//! the instruments, [`effects`] the room. All in `f32` at 44.1 kHz, stereo. Nothing is sampled.

mod arrange;
mod effects;
mod harmony;
mod rng;
mod voices;

pub(crate) mod programme;

use harmony::Chord;

/// Samples a second, in each of the two channels.
pub(crate) const SAMPLE_RATE: u32 = 44_100;

/// FLAC blocks have this many samples; music is padded to whole blocks, because strict decoders refuse a stream whose
/// last block is shorter than the header says.
pub(crate) const BLOCK: usize = 4096;

/// How loud each piece ends up (root mean square, full scale = 1): about -17 dB.
const LOUDNESS: f32 = 0.14;

/// One composition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub(crate) title: &'static str,
    pub(crate) artist: &'static str,
    pub(crate) album: &'static str,
    /// Place on the album, from 1.
    pub(crate) number: u32,
    /// Decides everything that is not written down here.
    pub(crate) seed: u64,
    /// MIDI note of the key's tonic, in the bass octave.
    pub(crate) tonic: u8,
    pub(crate) tempo_bpm: f32,
    /// One chord a bar of four beats.
    pub(crate) chords: &'static [Chord],
    /// How often the chords are played through.
    pub(crate) rounds: usize,
    /// Steps above the tonic, in semitones, that melodies may use.
    pub(crate) scale: &'static [i8],
    pub(crate) groove: Groove,
    /// Where the pad's filter opens to, in Hz: dark is 500, bright is 2500.
    pub(crate) brightness_hz: f32,
    /// Share of the eighth notes that the plucked string plays.
    pub(crate) busyness: f32,
}

/// What the drummer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Groove {
    /// Nothing.
    Silent,
    /// Kick on one and three, brushed hats.
    Soft,
    /// A lazy backbeat, swung.
    Lazy,
    /// Kick on every beat, open off-beats.
    Steady,
}

/// Two channels of equal length, left and right, full scale = 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stereo {
    pub(crate) left: Vec<f32>,
    pub(crate) right: Vec<f32>,
}

impl Stereo {
    fn silent(samples: usize) -> Self {
        Self { left: vec![0.0; samples], right: vec![0.0; samples] }
    }

    /// Adds a sample; `pan` runs from -1 (left) to 1 (right). Beyond the end is silently nowhere: tails are cut.
    fn add(&mut self, at: usize, sample: f32, pan: f32) {
        if let (Some(left), Some(right)) = (self.left.get_mut(at), self.right.get_mut(at)) {
            *left += sample * (1.0 - pan).min(1.0);
            *right += sample * (1.0 + pan).min(1.0);
        }
    }

    fn mix(&mut self, other: &Self) {
        self.left.iter_mut().zip(&other.left).for_each(|(sum, x)| *sum += x);
        self.right.iter_mut().zip(&other.right).for_each(|(sum, x)| *sum += x);
    }

    /// 16-bit samples, left and right in turn.
    pub(crate) fn interleaved_i16(&self) -> Vec<i32> {
        let quantise = |sample: f32| (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i32;
        self.left.iter().zip(&self.right).flat_map(|(l, r)| [quantise(*l), quantise(*r)]).collect()
    }
}

/// Plays a piece: as long as composed, or only its first `seconds`.
pub(crate) fn render(piece: &Piece, seconds: Option<f32>) -> Stereo {
    let samples = samples_of(piece.composed_seconds().min(seconds.unwrap_or(f32::MAX)));
    let band = arrange::play(piece, samples);
    let mut mix = band.dry;
    let mut room = band.echoing;
    effects::ping_pong(&mut room, 60.0 / piece.tempo_bpm * 0.75);
    mix.mix(&room);
    effects::reverberate(&mut mix);
    effects::level(&mut mix, LOUDNESS);
    effects::fade(&mut mix);
    mix
}

/// Whole blocks that hold this many seconds.
fn samples_of(seconds: f32) -> usize {
    ((seconds * SAMPLE_RATE as f32) as usize).div_ceil(BLOCK).max(1) * BLOCK
}

impl Piece {
    fn seconds_per_beat(&self) -> f32 {
        60.0 / self.tempo_bpm
    }

    /// Bars as written, and one more for the last chord to ring out.
    fn composed_seconds(&self) -> f32 {
        (self.chords.len() * self.rounds + 1) as f32 * 4.0 * self.seconds_per_beat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use programme::PROGRAMME;

    #[test]
    fn the_same_piece_sounds_the_same_and_another_does_not() {
        let first = render(&PROGRAMME[0], Some(3.0));
        assert_eq!(first, render(&PROGRAMME[0], Some(3.0)));
        assert_ne!(first.left, render(&PROGRAMME[1], Some(3.0)).left);
    }

    #[test]
    fn every_piece_lasts_as_promised_and_is_neither_silent_nor_clipped() {
        for piece in &PROGRAMME {
            assert!(
                (75.0..=120.0).contains(&piece.composed_seconds()),
                "{}: {}",
                piece.title,
                piece.composed_seconds()
            );
            let music = render(piece, Some(20.0));
            assert_eq!(music.left.len() % BLOCK, 0);
            let peak = music.left.iter().chain(&music.right).fold(0.0_f32, |peak, x| peak.max(x.abs()));
            assert!((0.2..0.99).contains(&peak), "{}: peak {peak}", piece.title);
            assert!(longest_quiet_ms(&music) < 1500, "{}: {} ms", piece.title, longest_quiet_ms(&music));
        }
    }

    /// Longest run of 50 ms windows below -50 dB: what a listener would take for an outage.
    fn longest_quiet_ms(music: &Stereo) -> usize {
        const WINDOW: usize = SAMPLE_RATE as usize / 20;
        let quiet = |w: &[f32]| (w.iter().map(|x| x * x).sum::<f32>() / w.len() as f32).sqrt() < 0.003;
        let body = &music.left[..music.left.len() - 3 * SAMPLE_RATE as usize];
        let runs = body.chunks(WINDOW).fold((0, 0), |(longest, run), window| {
            let run = if quiet(window) { run + 1 } else { 0 };
            (longest.max(run), run)
        });
        runs.0 * 50
    }
}
