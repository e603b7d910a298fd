//! The lesson: reads a finished incident and writes its review.

use crate::incident::Incident;
use crate::model::Policy;

/// The review of a finished incident, in Markdown: summary, figures, timeline, cause, what helped, tasks.
pub fn review(_incident: &Incident, _policy: &Policy) -> String {
    String::new()
}
