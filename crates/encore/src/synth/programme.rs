//! The programme: three albums of two pieces, each with a mood of its own.

use super::{Chord, Groove, Piece};

const MAJOR_PENTATONIC: &[i8] = &[0, 2, 4, 7, 9];
const MINOR_PENTATONIC: &[i8] = &[0, 3, 5, 7, 10];

/// Everything a fresh installation can play.
pub(crate) const PROGRAMME: [Piece; 6] = [
    Piece {
        title: "First Light",
        artist: "Halden Tide",
        album: "Windows Facing East",
        number: 1,
        seed: 0x0f1e_57a1,
        tonic: 38, // D
        tempo_bpm: 84.0,
        chords: &[
            Chord::add9(0),
            Chord::sus2(7),
            Chord::min7(9),
            Chord::maj7(5),
            Chord::add9(0),
            Chord::min7(4),
            Chord::maj7(5),
            Chord::sus7(7),
        ],
        rounds: 4,
        scale: MAJOR_PENTATONIC,
        groove: Groove::Soft,
        brightness_hz: 1500.0,
        busyness: 0.62,
    },
    Piece {
        title: "Paper Kites Over Town",
        artist: "Halden Tide",
        album: "Windows Facing East",
        number: 2,
        seed: 0x9a9e_4c17,
        tonic: 43, // G
        tempo_bpm: 108.0,
        chords: &[Chord::maj7(0), Chord::min7(9), Chord::maj9(5), Chord::six9(7)],
        rounds: 10,
        scale: MAJOR_PENTATONIC,
        groove: Groove::Steady,
        brightness_hz: 2200.0,
        busyness: 0.78,
    },
    Piece {
        title: "Night Tram",
        artist: "Mirelle Osk",
        album: "Last Stop, Harbour",
        number: 1,
        seed: 0x217a_0077,
        tonic: 40, // E
        tempo_bpm: 80.0,
        chords: &[
            Chord::min9(0),
            Chord::maj7(8),
            Chord::min9(5),
            Chord::min7(7),
            Chord::min9(0),
            Chord::maj7(8),
            Chord::maj9(3),
            Chord::dom9(10),
        ],
        rounds: 4,
        scale: MINOR_PENTATONIC,
        groove: Groove::Lazy,
        brightness_hz: 900.0,
        busyness: 0.5,
    },
    Piece {
        title: "Harbour Lamps",
        artist: "Mirelle Osk",
        album: "Last Stop, Harbour",
        number: 2,
        seed: 0xa11c_e5ea,
        tonic: 45, // A
        tempo_bpm: 72.0,
        chords: &[Chord::min9(0), Chord::maj7(8), Chord::add9(3), Chord::six9(10)],
        rounds: 7,
        scale: MINOR_PENTATONIC,
        groove: Groove::Soft,
        brightness_hz: 1100.0,
        busyness: 0.55,
    },
    Piece {
        title: "Slow Orbit",
        artist: "Umbral Garden",
        album: "Distances",
        number: 1,
        seed: 0x05b1_7000,
        tonic: 41, // F
        tempo_bpm: 60.0,
        chords: &[Chord::maj9(0), Chord::add9(2), Chord::maj7(0), Chord::min9(9), Chord::maj9(5), Chord::sus2(0)],
        rounds: 4,
        scale: MAJOR_PENTATONIC,
        groove: Groove::Silent,
        brightness_hz: 1300.0,
        busyness: 0.34,
    },
    Piece {
        title: "Copper Rain",
        artist: "Umbral Garden",
        album: "Distances",
        number: 2,
        seed: 0xc099_e244,
        tonic: 36, // C
        tempo_bpm: 116.0,
        chords: &[Chord::min9(0), Chord::dom9(5), Chord::min7(0), Chord::maj7(10)],
        rounds: 12,
        scale: MINOR_PENTATONIC,
        groove: Groove::Steady,
        brightness_hz: 1700.0,
        busyness: 0.7,
    },
];
