//! The report desk.
/// The desk.
#[derive(Debug, Clone)]
pub struct ReportDesk;
