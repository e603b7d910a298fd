//! Defects on demand: the ways in which a bad release of this service behaves.
//!
//! A healthy replica has none. `--defect NAME[=VALUE]` gives it some, so that whatever watches over the service has
//! something true to find. None of them is simulated: a crash aborts the process, a leak holds real memory.

use std::{
    fmt,
    num::NonZeroU64,
    str::FromStr,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::units::{ByteSize, Share, UnitError, parse_duration};

/// One way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// This share of log-in attempts is answered 500.
    LoginErrors(Share),
    /// Playlists are answered 200, but without their tracks.
    PlaylistEmpty,
    /// Media bodies stop after [`STALL_AFTER_BYTES`] and never go on; the connection stays open.
    StreamStall,
    /// The process aborts when it receives this many requests.
    CrashAfter(NonZeroU64),
    /// Every API answer, and the first byte of every media answer, is late by this much.
    Slow(Duration),
    /// One thread spins.
    CpuBurn,
    /// Memory grows by this much a second, up to [`LEAK_LIMIT`].
    Leak(ByteSize),
}

/// About one second of FLAC arrives before a stalling stream stops, so that players start and then starve.
pub const STALL_AFTER_BYTES: u64 = 256 << 10;

/// A leak stops here: a forgotten demo must not take the whole machine with it.
pub const LEAK_LIMIT: ByteSize = ByteSize::mebibytes(2048);

/// What can be asked for, as shown in help and errors: name with an example value, meaning.
const KNOWN: [(&str, &str); 7] = [
    ("login-errors=0.3", "this share of log-ins is answered 500"),
    ("playlist-empty", "playlists are answered 200 without tracks"),
    ("stream-stall", "media bodies stop after 256KiB, connection open"),
    ("crash-after=500", "the process aborts at this request"),
    ("slow=800ms", "API answers and first media bytes are late"),
    ("cpu-burn", "one thread spins"),
    ("leak=1MiB/s", "memory grows, up to 2048MiB"),
];

/// Why a `--defect` was not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefectError {
    /// No defect has this name.
    #[error("there is no defect `{0}`; known are:\n{list}", list = known_list())]
    Unknown(String),
    /// The defect needs a value.
    #[error("`{0}` needs a value, as in `{1}`")]
    ValueMissing(String, &'static str),
    /// The defect takes no value.
    #[error("`{0}` takes no value")]
    ValueUnwanted(String),
    /// The value could not be read.
    #[error("value of `{name}`: {source}")]
    Value {
        /// The defect's name.
        name: String,
        /// What is wrong with the value.
        source: UnitError,
    },
}

/// The known defects, one a line, for help and error texts.
pub fn known_list() -> String {
    KNOWN.map(|(example, meaning)| format!("  {example:<18} {meaning}")).join("\n")
}

impl FromStr for Defect {
    type Err = DefectError;

    fn from_str(text: &str) -> Result<Self, DefectError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let wrong = |source| DefectError::Value { name: name.into(), source };
        match name {
            "login-errors" => needed(name, value)?.parse().map(Self::LoginErrors).map_err(wrong),
            "slow" => parse_duration(needed(name, value)?).map(Self::Slow).map_err(wrong),
            "crash-after" => parse_count(needed(name, value)?).map(Self::CrashAfter).map_err(wrong),
            "leak" => parse_rate(needed(name, value)?).map(Self::Leak).map_err(wrong),
            "playlist-empty" => bare(name, value, Self::PlaylistEmpty),
            "stream-stall" => bare(name, value, Self::StreamStall),
            "cpu-burn" => bare(name, value, Self::CpuBurn),
            _ => Err(DefectError::Unknown(name.into())),
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoginErrors(_) => "login-errors",
            Self::PlaylistEmpty => "playlist-empty",
            Self::StreamStall => "stream-stall",
            Self::CrashAfter(_) => "crash-after",
            Self::Slow(_) => "slow",
            Self::CpuBurn => "cpu-burn",
            Self::Leak(_) => "leak",
        })
    }
}

fn needed<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, DefectError> {
    let of_this_name = |example: &&str| example.split('=').next() == Some(name);
    let example = KNOWN.iter().map(|(example, _)| *example).find(of_this_name).unwrap_or_default();
    value.ok_or_else(|| DefectError::ValueMissing(name.into(), example))
}

fn bare(name: &str, value: Option<&str>, defect: Defect) -> Result<Defect, DefectError> {
    match value {
        None => Ok(defect),
        Some(_) => Err(DefectError::ValueUnwanted(name.into())),
    }
}

fn parse_count(text: &str) -> Result<NonZeroU64, UnitError> {
    text.parse().map_err(|_| UnitError::OutOfRange { text: text.into(), range: "a whole number from 1" })
}

fn parse_rate(text: &str) -> Result<ByteSize, UnitError> {
    let per_second = text.strip_suffix("/s").ok_or(UnitError::WrongUnit { text: text.into(), accepted: "MiB/s" })?;
    per_second.parse()
}

/// The defects of one running replica, and what they have counted so far.
#[derive(Debug, Default)]
pub(crate) struct Defects {
    list: Vec<Defect>,
    logins: AtomicU64,
    requests: AtomicU64,
}

impl Defects {
    /// Takes on these defects; those that need a thread of their own start at once and end with the returned value.
    pub(crate) fn take_on(list: &[Defect]) -> Arc<Self> {
        let defects = Arc::new(Self { list: list.to_vec(), ..Self::default() });
        for defect in list {
            let alive = Arc::downgrade(&defects);
            match *defect {
                Defect::CpuBurn => drop(std::thread::spawn(move || burn(&alive))),
                Defect::Leak(per_second) => drop(std::thread::spawn(move || leak(&alive, per_second))),
                _ => {}
            }
        }
        defects
    }

    /// Counts a request in; aborts the process when its time has come.
    pub(crate) fn request_received(&self) {
        let count = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if self.list.iter().any(|d| matches!(d, Defect::CrashAfter(n) if count >= n.get())) {
            tracing::error!(requests = count, "aborting, as asked by the defect crash-after");
            std::process::abort();
        }
    }

    /// Whether this attempt to log in is one of those that fail.
    pub(crate) fn login_fails(&self) -> bool {
        let share = self.list.iter().find_map(|d| if let Defect::LoginErrors(share) = d { Some(*share) } else { None });
        share.is_some_and(|share| share.picks(self.logins.fetch_add(1, Ordering::Relaxed)))
    }

    /// Whether playlists lose their tracks.
    pub(crate) fn playlists_are_empty(&self) -> bool {
        self.list.contains(&Defect::PlaylistEmpty)
    }

    /// After how many bytes a media body stops, if it does.
    pub(crate) fn stall_after_bytes(&self) -> Option<u64> {
        self.list.contains(&Defect::StreamStall).then_some(STALL_AFTER_BYTES)
    }

    /// How late answers are.
    pub(crate) fn delay(&self) -> Option<Duration> {
        self.list.iter().find_map(|d| if let Defect::Slow(delay) = d { Some(*delay) } else { None })
    }
}

fn burn(alive: &Weak<Defects>) {
    while alive.strong_count() > 0 {
        for n in 0..100_000_u64 {
            std::hint::black_box(n);
        }
    }
}

/// Grows in small steps; every page is written to, else the kernel would not give it.
fn leak(alive: &Weak<Defects>, per_second: ByteSize) {
    const STEPS_PER_SECOND: u64 = 10;
    let step = (per_second.bytes() / STEPS_PER_SECOND).max(1);
    let mut held: Vec<Vec<u8>> = Vec::new();
    while alive.strong_count() > 0 {
        if held.len() as u64 * step < LEAK_LIMIT.bytes() {
            held.push(vec![1; step as usize]);
        }
        std::thread::sleep(Duration::from_millis(1000 / STEPS_PER_SECOND));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_defect_parses_under_its_name() {
        for (example, _) in KNOWN {
            let defect: Defect = example.parse().expect(example);
            assert_eq!(Some(defect.to_string().as_str()), example.split('=').next());
        }
    }

    #[test]
    fn bad_defects_say_what_would_be_right() {
        let rows = [
            ("gremlins", "known are"),
            ("slow", "as in `slow=800ms`"),
            ("slow=soon", "does not start with a number"),
            ("login-errors=1.5", "a share from 0 to 1"),
            ("crash-after=0", "a whole number from 1"),
            ("leak=1MiB", "MiB/s"),
            ("cpu-burn=yes", "takes no value"),
            ("", "known are"),
        ];
        for (text, hint) in rows {
            let error = text.parse::<Defect>().expect_err(text).to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn exactly_the_share_of_log_ins_fails() {
        let defects = Defects::take_on(&["login-errors=0.3".parse().expect("a defect")]);
        assert_eq!((0..100).filter(|_| defects.login_fails()).count(), 30);
        assert!(!Defects::default().login_fails());
    }
}
