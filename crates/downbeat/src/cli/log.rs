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
    #[command(flatten)]
    config: ConfigArgs,
    /// The data folder itself, instead of the one that the configuration names
    #[arg(long, value_name = "DIR", conflicts_with = "config", global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Verb {
    /// Check that no record was changed, dropped, added or moved
    Verify,
    /// Print what happened, and the state that follows from it
    Replay,
    /// Print all records as JSON, one a line
    Export,
}

/// Does it.
pub(crate) fn run(args: &LogArgs) -> anyhow::Result<()> {
    let data = match &args.data {
        Some(data) => data.clone(),
        None => config::load(&args.config.config)?.hub.data,
    };
    let log = LogReader::new(&data);
    match args.verb {
        Verb::Verify => verify(&log),
        Verb::Replay => replay(&log, &data),
        Verb::Export => export(&log),
    }
}

fn verify(log: &LogReader) -> anyhow::Result<()> {
    let head = log.verify().context("the log does not verify")?;
    output::write(&format!("{}\n", end_of(&head)))
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
    let told = log.export(&mut out).and_then(|head| Ok(out.flush().map(|()| head)?));
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
