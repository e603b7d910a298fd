//! `downbeat log`: looks at the log of events without a running hub, and beside one.

use super::ConfigArgs;
use super::output::{self, printable};
use crate::config;
use anyhow::Context;
use clap::{Args, Subcommand};
use downbeat_core::incident::{Book, Record};
use downbeat_hub::log::{Head, LogReader, ReadError, ReplayError};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// At the end of the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat log verify                            is every record as it was written?
  downbeat log replay --data ./downbeat-data     what happened, one line a record, and where it led
  downbeat log export | jq 'select(.event.event == \"confirmed\")'";

/// What to do with the log.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check that no record was changed, dropped, added or moved
    #[command(after_help = EXAMPLES)]
    Verify(Which),
    /// Print what happened, and the state that follows from it
    #[command(after_help = EXAMPLES)]
    Replay(Which),
    /// Print all records as JSON, one a line
    #[command(after_help = EXAMPLES)]
    Export(Which),
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

impl Which {
    fn data(self) -> anyhow::Result<PathBuf> {
        match self.data {
            Some(data) => Ok(data),
            None => Ok(config::load(&self.config.config)?.hub.data),
        }
    }
}

/// Does it.
pub(crate) fn run(args: LogArgs) -> anyhow::Result<()> {
    match args.verb {
        Verb::Verify(which) => verify(&LogReader::new(&which.data()?)),
        Verb::Replay(which) => {
            let data = which.data()?;
            replay(&LogReader::new(&data), &data)
        }
        Verb::Export(which) => export(&LogReader::new(&which.data()?)),
    }
}

fn verify(log: &LogReader) -> anyhow::Result<()> {
    let verified = log.verify().context("the log does not verify")?;
    output::write(&format!("{}\n", end_of(&verified.head)))
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

fn replay(log: &LogReader, data: &Path) -> anyhow::Result<()> {
    let mut book = Book::new(Vec::new());
    let mut out = BufWriter::new(std::io::stdout().lock());
    let told = log.replay(|record| {
        let path = data.to_path_buf();
        book.apply(record).map_err(|misfit| ReplayError::Story { path, misfit })?;
        Ok(out.write_all(line(record).as_bytes())?)
    });
    let Some(head) = unless_pipe_closed(told).context("cannot replay the log")? else { return Ok(()) };
    out.flush().context("cannot write to standard output")?;
    drop(out);
    output::write(&format!("\n{}\n{}", end_of(&head), states(&book)))
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

fn states(book: &Book) -> String {
    let line = |i: &downbeat_core::incident::Incident| {
        format!("incident {} is {}: {}\n", i.id, i.state.word(), printable(&i.title))
    };
    book.incidents.values().map(line).collect()
}

fn export(log: &LogReader) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let told = log.export(1..=u64::MAX, &mut out).and_then(|head| Ok(out.flush().map(|()| head)?));
    unless_pipe_closed(told).map(|_| ()).context("cannot export the log")
}

/// A reader that has seen enough and closes the pipe is no error.
fn unless_pipe_closed(told: Result<Head, ReadError>) -> Result<Option<Head>, ReadError> {
    match told {
        Err(ReadError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        other => other.map(Some),
    }
}

/// A moment as people write it, in UTC.
pub(super) fn time(millis: u64) -> String {
    let moment = i64::try_from(millis).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map_or(format!("{millis} ms"), |t| t.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string())
}
