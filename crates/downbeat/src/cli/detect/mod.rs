//! `downbeat detect`: runs the detectors over series in files, point by point, as if they came live.

mod page;
mod plot;
mod read;

use super::output;
use anyhow::Context;
use clap::{Args, ValueEnum};
use downbeat_core::detect::series::{Answer, Budget, Detector, Direction, Ending, Fault, Note, Spell, Standing};
use downbeat_core::model::{Bits, FigureKind, Moment};
pub(super) use read::ReadError;
use read::Row;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// At the end of the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat detect requests.csv                        what stands out, one line a finding
  downbeat detect *.csv --html report.html            the same with plots, for the browser
  downbeat detect a.csv b.csv --json | jq .start      for programs: one object a line
  downbeat detect latency.csv --kind latency --scores scores.csv
  downbeat detect *.csv --budget 0.1                  only what a healthy series shows once in ten months

A file has a header with the columns `timestamp` (ISO 8601, UTC where no zone is given, or Unix seconds) and `value`; an empty
value is missing. Each point is judged by those before it alone, and one budget (or one threshold, with --bits) holds for all
files: a finding needs log2(points a month / budget) bits. The first points are learnt from, and nothing is said of them.
A finding ends at the first of the points that show, by a test of their own, that all is as expected again; what lasts
for a day is taken as the new usual. In the scores, bits tell how new a point is by itself, for ranking; the flag says that
there was evidence enough for a finding, which may be that of several points.
What cannot be used (not a number, out of its kind's range, late, twice the same time) is counted on standard error.";

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// Files with the columns timestamp and value
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the figures are; auto looks at the first thousand
    #[arg(long, value_enum, default_value_t = KindChoice::Auto)]
    kind: KindChoice,
    /// False findings that are bearable in a healthy series and a month
    #[arg(long, value_name = "FINDINGS", default_value = "1", value_parser = budget)]
    budget: Budget,
    /// Evidence that a finding needs, in bits, instead of what the budget asks for
    #[arg(long, value_name = "BITS", conflicts_with = "budget", value_parser = bits)]
    bits: Option<Bits>,
    /// Print findings as JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Write timestamp,value,expected,bits,flag for every point to this file
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Write a report with plots to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl DetectArgs {
    fn worth(&self, step: Duration) -> Bits {
        self.bits.unwrap_or_else(|| self.budget.bits(step))
    }

    /// The threshold in words.
    fn needs(&self) -> String {
        match self.bits {
            Some(bits) => format!("at least {:.1} bits", bits.0),
            None => format!("a budget of {} a month for false ones in a healthy series", self.budget.findings()),
        }
    }
}

fn budget(text: &str) -> Result<Budget, String> {
    let findings = text.parse().map_err(|_| "is no number".to_owned())?;
    Budget::new(findings).ok_or_else(|| "has to be above zero".into())
}

fn bits(text: &str) -> Result<Bits, String> {
    let bits: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    if bits.is_finite() && bits >= 0.0 { Ok(Bits(bits)) } else { Err("has to be zero or more".into()) }
}

/// What the figures of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindChoice {
    /// Whole numbers: count. Anything else: gauge
    Auto,
    /// How many in a step
    Count,
    /// A share from 0 to 1
    Ratio,
    /// A time
    Latency,
    /// Anything else
    Gauge,
}

impl KindChoice {
    fn resolve(self, rows: &[Row]) -> FigureKind {
        match self {
            Self::Count => FigureKind::Count,
            Self::Ratio => FigureKind::Ratio,
            Self::Latency => FigureKind::Latency,
            Self::Gauge => FigureKind::Gauge,
            Self::Auto => {
                let mut first = rows.iter().filter_map(|row| row.value).take(1_000).peekable();
                let counts = first.peek().is_some() && first.all(|value| value >= 0.0 && value.fract() == 0.0);
                if counts { FigureKind::Count } else { FigureKind::Gauge }
            }
        }
    }
}

/// A row with what was said of it.
struct Scored {
    row: Row,
    /// What was expected, and the evidence; `None` for a row that has no value or cannot be used.
    said: Option<(f64, f64)>,
    flag: bool,
}

/// One file, looked through.
struct Looked {
    name: String,
    kind: FigureKind,
    points: Vec<Scored>,
    spells: Vec<Spell>,
    notes: Vec<(Moment, Note)>,
    faults: BTreeMap<Fault, u64>,
    missing: u64,
    /// Points that taught what is usual, of which nothing is said.
    learnt: usize,
}

/// Runs the detectors.
pub(super) fn run(args: &DetectArgs) -> anyhow::Result<()> {
    let mut looked = vec![];
    for path in &args.files {
        let rows = read::rows(path)?;
        looked.push(look(path.display().to_string(), &rows, args));
    }
    if let Some(path) = &args.scores {
        write_scores(path, &looked).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        let page = page::render(&looked, &args.needs());
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for one in &looked {
        complain(one);
    }
    output::write(&if args.json { as_json(&looked) } else { as_text(&looked) })
}

fn look(name: String, rows: &[Row], args: &DetectArgs) -> Looked {
    let (kind, step) = (args.kind.resolve(rows), read::step(rows));
    let mut detector = Detector::new(kind, step, args.worth(step));
    let mut looked = Looked {
        name,
        kind,
        points: vec![],
        spells: vec![],
        notes: vec![],
        faults: BTreeMap::new(),
        missing: 0,
        learnt: 0,
    };
    for row in rows {
        let mut scored = Scored { row: row.clone(), said: None, flag: false };
        match detector.see(row.at, row.value) {
            Answer::Missing => looked.missing += 1,
            Answer::Refused(fault) => *looked.faults.entry(fault).or_default() += 1,
            Answer::Seen(verdict) => {
                looked.notes.extend(verdict.note.map(|note| (row.at, note)));
                scored.said = Some((verdict.expected, verdict.bits.0));
                scored.flag = verdict.found.is_some();
                looked.learnt += usize::from(verdict.standing == Standing::Learning);
                looked.spells.extend(verdict.ended);
            }
        }
        looked.points.push(scored);
    }
    looked.spells.extend(detector.open());
    looked
}

fn as_json(looked: &[Looked]) -> String {
    let mut out = String::new();
    for one in looked {
        for spell in &one.spells {
            let finding = json!({
                "file": one.name,
                "kind": one.kind.word(),
                "start": stamp(spell.start),
                "end": spell.end.map(|(end, _)| stamp(end)),
                "ended": spell.end.map(|(_, ending)| ending_word(ending)),
                "detected_at": stamp(spell.detected_at),
                "direction": direction_word(spell.direction),
                "expected": spell.expected,
                "observed": spell.observed,
                "bits": (spell.bits.0 * 10.0).round() / 10.0,
            });
            out += &format!("{finding}\n");
        }
    }
    out
}

fn as_text(looked: &[Looked]) -> String {
    let mut out = String::new();
    for one in looked {
        let plural = if one.spells.len() == 1 { "finding" } else { "findings" };
        let (points, found) = (one.points.len(), one.spells.len());
        let (kind, learnt) = (one.kind.word(), one.learnt);
        let _ = writeln!(out, "{}: {points} points ({kind}), {learnt} of them learnt from; {found} {plural}", one.name);
        for spell in &one.spells {
            let _ = writeln!(out, "  {}", sentence(spell));
        }
    }
    out
}

/// A finding in words.
fn sentence(spell: &Spell) -> String {
    let end = match spell.end {
        None => "still going on".to_owned(),
        Some((end, Ending::Back)) => format!("until {}", stamp(end)),
        Some((end, Ending::NewUsual)) => format!("the new usual from {} on", stamp(end)),
    };
    format!(
        "{} {}: {} where {} was expected, since {}, {end}; {:.1} bits",
        stamp(spell.detected_at),
        direction_word(spell.direction),
        figure(spell.observed),
        figure(spell.expected),
        stamp(spell.start),
        spell.bits.0
    )
}

/// Says on standard error what could not be used, and what is odd about the data.
fn complain(one: &Looked) {
    for (fault, times) in &one.faults {
        let what = match fault {
            Fault::NotFinite => "not a number, or too large to reckon with: taken as missing",
            Fault::OutOfRange => "outside of what its kind can be: taken as missing",
            Fault::Duplicate => "at the time of the point before: the first one counts",
            Fault::Late => "earlier than the point before: left out",
        };
        eprintln!("{}: {times} points {what}", one.name);
    }
    let usable = one.points.iter().filter(|point| point.said.is_some()).count();
    if usable == one.learnt {
        eprintln!("{}: {usable} usable points are too few to judge by: all were learnt from", one.name);
    }
    if one.missing > 0 {
        eprintln!("{}: {} points without a value", one.name, one.missing);
    }
    for (at, note) in &one.notes {
        match note {
            Note::Hole(long) => eprintln!("{}: nothing for {} s before {}", one.name, long.as_secs(), stamp(*at)),
            Note::Units(factor) => {
                eprintln!("{}: about {factor:.3} times as large since {}: another unit?", one.name, stamp(*at));
            }
        }
    }
}

fn write_scores(path: &Path, looked: &[Looked]) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    // Several files need a column that tells them apart; one file keeps to the plain form.
    let many = looked.len() > 1;
    writeln!(out, "timestamp,value,expected,bits,flag{}", if many { ",file" } else { "" })?;
    for one in looked {
        for point in &one.points {
            let value = point.row.value.filter(|value| value.is_finite());
            let value = value.map_or_else(String::new, |value| value.to_string());
            let expected = point.said.map_or_else(String::new, |(expected, _)| expected.to_string());
            let bits = point.said.map_or(0.0, |(_, bits)| bits);
            write!(out, "{},{value},{expected},{bits:.4},{}", point.row.written, u8::from(point.flag))?;
            writeln!(out, "{}", if many { format!(",{}", quoted(&one.name)) } else { String::new() })?;
        }
    }
    out.flush()
}

/// A cell of CSV.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

fn stamp(at: Moment) -> String {
    let ms = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| at.to_string(), |stamp| stamp.to_string())
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Back => "back",
        Ending::NewUsual => "new_usual",
    }
}

/// A figure with as many digits as one reads.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-4..1e9).contains(&size) => format!("{value:.3e}"),
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.6}"),
    }
}

/// The usual distance between points, when it has to be guessed.
const STEP_GUESSED: Duration = Duration::from_secs(60);
