//! Chords and pitches. A chord is its root above the key's tonic plus the intervals on top of it, in semitones.

/// A chord, relative to the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chord {
    /// Semitones from the key's tonic to the chord's root.
    root: i8,
    /// Semitones from the root to each of the four upper voices.
    voices: [i8; 4],
}

macro_rules! chords {
    ($($(#[$doc:meta])* $name:ident = [$($step:expr),+];)+) => {
        impl Chord {
            $($(#[$doc])* pub(crate) const fn $name(root: i8) -> Self { Self { root, voices: [$($step),+] } })+
        }
    };
}

// Open voicings without clashing seconds in the low range, so that pads stay warm.
chords! {
    /// Major with a major seventh.
    maj7 = [7, 11, 16, 19];
    /// Major seventh with a ninth.
    maj9 = [7, 11, 14, 16];
    /// Major with an added ninth.
    add9 = [7, 12, 14, 16];
    /// Minor with a minor seventh.
    min7 = [7, 10, 15, 19];
    /// Minor seventh with a ninth.
    min9 = [7, 10, 14, 15];
    /// Suspended second: neither major nor minor.
    sus2 = [7, 12, 14, 19];
    /// Suspended fourth with a seventh, which wants to move on.
    sus7 = [7, 10, 14, 17];
    /// Dominant ninth.
    dom9 = [7, 10, 14, 16];
    /// Major with a sixth.
    six9 = [7, 9, 14, 16];
}

impl Chord {
    /// MIDI note of the bass.
    pub(super) fn bass(self, tonic: u8) -> f32 {
        // Roots above a fifth are taken an octave lower: the bass line stays within a comfortable octave.
        let root = if self.root > 6 { self.root - 12 } else { self.root };
        f32::from(tonic) + f32::from(root)
    }

    /// MIDI notes of the four upper voices, folded into the octave and a bit that begins 19 semitones above the tonic,
    /// so that neighbouring chords share notes or move by step.
    pub(super) fn voices(self, tonic: u8) -> [f32; 4] {
        self.voices.map(|step| {
            let above = 12 + i16::from(self.root) + i16::from(step);
            f32::from(i16::from(tonic) + if above > 32 { above - 12 } else { above })
        })
    }
}

/// Frequency of a (possibly fractional) MIDI note in Hz; 69 is the A of 440 Hz.
pub(super) fn hertz(note: f32) -> f32 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitches_are_in_tune() {
        for (note, expected) in [(69.0, 440.0), (57.0, 220.0), (60.0, 261.63), (70.0, 466.16)] {
            assert!((hertz(note) - expected).abs() < 0.01, "{note}");
        }
    }

    #[test]
    fn upper_voices_stay_in_their_register() {
        for root in 0..12 {
            for chord in [Chord::maj9(root), Chord::min7(root), Chord::sus2(root), Chord::six9(root)] {
                assert!(chord.voices(40).iter().all(|note| (59.0..=72.0).contains(note)), "{chord:?}");
                assert!((34.0..=46.0).contains(&chord.bass(40)), "{chord:?}");
            }
        }
    }
}
