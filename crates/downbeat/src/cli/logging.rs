//! Logs go to standard error: lines for people, or JSON for machines.

use super::style::Palette;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// Chooses levels, as in `DOWNBEAT_LOG=downbeat_edge=debug`.
const FILTER: &str = "DOWNBEAT_LOG";

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Human,
    /// One JSON object a line
    Json,
}

/// Starts logging for this process.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Human => logs.with_ansi(Palette::stderr().is_coloured()).with_target(false).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}
