//! `downbeat log`: looks at the log of events without a running hub, and beside one. Nothing is changed.

use super::ConfigArgs;
use super::output::{self, printable};
use crate::config;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use downbeat_core::incident::{Book, Event, Record};
use downbeat_hub::log::{Head, LogReader, OpenError, ReadError, ReplayError, SnapshotFault, SnapshotSeen};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;

/// At the end of the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat log verify                                 is every record as it was written?
  downbeat log verify --data /backup/downbeat-data    the same for a copy of a data folder
  downbeat log replay                                 what happened, one line a record, and where it led
  downbeat log replay --until 4711 --state            only where it stood after record 4711, and the hash of that
  downbeat log export --from 4000 --to 4711           some records as JSON, one a line
  downbeat log export | jq 'select(.event.event == \"confirmed\")'

The verbs only read: they work beside a running hub, on a stopped one's folder, and on a copy of it. A copy of a running hub's
folder needs hub.db and hub.db-wal of one instant; a stopped hub's hub.db alone is enough.

They end with 0 when all is well, with 65 when the log or a snapshot is not what it should be (the first bad record is named),
with 64 when the configuration is wrong, and with 1 when the log cannot be read at all.";

/// What to do with the log.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check that no record was changed, dropped, added or moved, and each snapshot against them
    #[command(after_help = EXAMPLES)]
    Verify(Which),
    /// Print what happened, and the state that follows from it
    #[command(after_help = EXAMPLES)]
    Replay(Replay),
    /// Print records as JSON, one a line
    #[command(after_help = EXAMPLES)]
    Export(Export),
}

/// Which log.
#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    config: ConfigArgs,
    /// The data folder itself, instead of the one that the configuration names
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Replay {
    #[command(flatten)]
    which: Which,
    /// Stop after this record
    #[arg(long, value_name = "SEQ")]
    until: Option<u64>,
    /// Print the state only, not every record
    #[arg(long)]
    state: bool,
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    which: Which,
    /// The first record
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    from: u64,
    /// The last record; without it, the last there is
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
}

impl Which {
    fn log(self) -> anyhow::Result<LogReader> {
        let data = match self.data {
            Some(data) => data,
            None => config::load(&self.config.config)?.hub.data,
        };
        Ok(LogReader::new(&data))
    }
}

/// A snapshot that is not what the log leads to.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the snapshots do not fit the log")]
struct Misfits(usize);

/// Does it.
pub(crate) fn run(args: LogArgs) -> anyhow::Result<()> {
    match args.verb {
        Verb::Verify(which) => verify(&which.log()?),
        Verb::Replay(replay) => replay.run(),
        Verb::Export(export) => export.run(),
    }
}

fn verify(log: &LogReader) -> anyhow::Result<()> {
    let verified = log.verify().context("the log does not verify")?;
    let mut text = format!("{}\nthe state that follows has the digest {}\n", end_of(&verified.head), verified.digest);
    text.extend(verified.snapshots.iter().map(snapshot_line));
    output::write(&text)?;
    match verified.snapshots.iter().filter(|seen| is_misfit(seen)).count() {
        0 => Ok(()),
        misfits => bail!(Misfits(misfits)),
    }
}

/// A snapshot of another build is passed over by design; any other fault is one.
fn is_misfit(seen: &SnapshotSeen) -> bool {
    seen.fault.as_ref().is_some_and(|fault| !matches!(fault, SnapshotFault::OtherBuild { .. }))
}

fn snapshot_line(seen: &SnapshotSeen) -> String {
    match &seen.fault {
        None => format!("the snapshot at record {} is that state, there\n", seen.seq),
        Some(fault) => format!("the snapshot at record {} is passed over by a start: {fault}\n", seen.seq),
    }
}

fn end_of(head: &Head) -> String {
    match head.seq {
        0 => "the log is empty".into(),
        seq => format!(
            "{seq} records follow from one another; the last is of {}, its hash {}",
            time(head.at.as_millis()),
            head.hash
        ),
    }
}

impl Replay {
    fn run(self) -> anyhow::Result<()> {
        let log = self.which.log()?;
        let (mut book, mut builds) = (Book::default(), Builds::default());
        let mut out = BufWriter::new(std::io::stdout().lock());
        let told = log.replay_until(self.until.unwrap_or(u64::MAX), |record| {
            log.fold(&mut book, record)?;
            builds.note(record);
            if !self.state {
                out.write_all(line(record).as_bytes())?;
            }
            Ok(())
        });
        let Some(head) = unless_pipe_closed(told).context("cannot replay the log")? else { return Ok(()) };
        out.flush().context("cannot write to standard output")?;
        drop(out);
        eprint!("{}", builds.others());
        let gap = if self.state { "" } else { "\n" };
        output::write(&format!("{gap}{}\n{}", end_of(&head), states(&book)))
    }
}

/// Which builds wrote which records.
#[derive(Debug, Default)]
struct Builds(Vec<(String, u64, u64)>);

impl Builds {
    fn note(&mut self, record: &Record) {
        if let Event::HubStarted { version } = &record.event
            && self.0.last().is_none_or(|(last, ..)| last != version)
        {
            self.0.push((version.clone(), record.seq, record.seq));
        }
        if let Some((.., to)) = self.0.last_mut() {
            *to = record.seq;
        }
    }

    /// A line for each build that is not this one.
    fn others(&self) -> String {
        let this = env!("CARGO_PKG_VERSION");
        let others = self.0.iter().filter(|(version, ..)| version != this);
        let line = |(version, from, to): &(String, u64, u64)| {
            let version = printable(version);
            format!(
                "note: downbeat {version} wrote records {from} to {to}; this is {this}, which gives fields they lack a default\n"
            )
        };
        others.map(line).collect()
    }
}

fn line(record: &Record) -> String {
    let incident = record.event.incident().map_or("-".into(), |id| id.to_string());
    format!(
        "{:>6}  {}  {incident:>4}  {}\n",
        record.seq,
        time(record.at.as_millis()),
        printable(&record.event.headline())
    )
}

/// Where it led, for people, with the hash that two builds can compare.
fn states(book: &Book) -> String {
    let incident = |i: &downbeat_core::incident::Incident| {
        format!("incident {} is {}: {}\n", i.id, i.state.word(), printable(&i.title))
    };
    let mut text = format!("the state has the digest {}\n", book.digest());
    text.extend(book.incidents.values().map(incident));
    if !book.plan.is_idle() {
        text += &format!("the traffic plan of epoch {} is in force\n", book.plan.epoch);
    }
    if let Some(who) = &book.held_by {
        text += &format!("{who} holds the automation\n");
    }
    if !book.pending.is_empty() {
        text += &format!("{} effects are still to be carried out\n", book.pending.len());
    }
    text
}

impl Export {
    fn run(self) -> anyhow::Result<()> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let stretch = self.from..=self.to.unwrap_or(u64::MAX);
        let told = self.which.log()?.export(stretch, &mut out).and_then(|head| Ok(out.flush().map(|()| head)?));
        unless_pipe_closed(told).map(|_| ()).context("cannot export the log")
    }
}

/// A reader that has seen enough and closes the pipe is no error.
fn unless_pipe_closed(told: Result<Head, ReadError>) -> Result<Option<Head>, ReadError> {
    match told {
        Err(ReadError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        other => other.map(Some),
    }
}

/// True when a log or a snapshot is not what it should be, rather than out of reach.
pub(super) fn is_flawed(error: &anyhow::Error) -> bool {
    let is_lost = |error: &OpenError| matches!(error, OpenError::Lost { .. } | OpenError::NotOurs { .. });
    replay_error(error).is_some() || open_error(error).is_some_and(is_lost) || error.is::<Misfits>()
}

/// What to do about a log that is not as it should be, whoever met it.
pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    if error.is::<Misfits>() {
        return Some(
            "they are never truth: move the named ones out of snapshots/, the next start folds the log".into(),
        );
    }
    match (replay_error(error), open_error(error)) {
        (Some(ReplayError::Record { .. }), _) => Some("read it with the build that wrote it, or a newer one".into()),
        (Some(error), _) => Some(salvage(error)),
        (_, Some(OpenError::Lost { found, .. })) => Some(format!(
            "keep the folder as it is and put back a copy that has more than {found} records; if an older log was put \
             back on purpose, remove hub.mark and snapshots/"
        )),
        (_, Some(OpenError::InUse { .. })) => Some("stop that hub, or give this one another data folder".into()),
        _ => None,
    }
}

fn salvage(error: &ReplayError) -> String {
    let sound = match error {
        ReplayError::Gap { expected: seq, .. } | ReplayError::Chain { seq, .. } => seq.saturating_sub(1),
        ReplayError::End { expected, found, .. } => *expected.min(found),
        ReplayError::Sqlite { after, .. } => *after,
        ReplayError::Record { .. } | ReplayError::Story { .. } => {
            return "keep the folder as it is: the record is as it was written, but cannot follow".into();
        }
    };
    format!(
        "keep the folder as it is, and put back a copy that verifies; records 1 to {sound} are sound: \
         downbeat log export --to {sound}"
    )
}

fn replay_error(error: &anyhow::Error) -> Option<&ReplayError> {
    error.chain().find_map(|cause| match cause.downcast_ref::<ReadError>() {
        Some(ReadError::Replay(error)) => Some(error),
        Some(ReadError::Open(OpenError::Flawed(error))) => Some(error),
        _ => cause.downcast_ref::<ReplayError>(),
    })
}

fn open_error(error: &anyhow::Error) -> Option<&OpenError> {
    error.chain().find_map(|cause| match cause.downcast_ref::<ReadError>() {
        Some(ReadError::Open(error)) => Some(error),
        _ => cause.downcast_ref::<OpenError>(),
    })
}

/// A moment as people write it, in UTC.
pub(super) fn time(millis: u64) -> String {
    let moment = i64::try_from(millis).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map_or(format!("{millis} ms"), |t| t.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string())
}
