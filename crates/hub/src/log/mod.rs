//! The log.
/// Reads the log.
#[derive(Debug, Clone)]
pub struct LogReader;
