//! What is wrong with a configuration. All of it is collected, so that one run of `check` tells everything.

use std::cell::RefCell;
use std::ops::Range;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The bytes of the file that it is about.
    pub(crate) span: Range<usize>,
    /// What is wrong: a fragment without a full stop.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) hint: Option<String>,
}

/// What is wrong with a single value; becomes a [`Fault`] where the value's place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Complaint {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// All that was found so far. Many readers write to it at the same time, hence the cell.
#[derive(Debug, Default)]
pub(crate) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    /// Takes a complaint about a place.
    pub(crate) fn add(&self, span: Range<usize>, complaint: Complaint) {
        self.0.borrow_mut().push(Fault { span, message: complaint.message, hint: complaint.hint });
    }

    /// Everything, in the order of the file.
    pub(crate) fn into_sorted(self) -> Vec<Fault> {
        let mut faults = self.0.into_inner();
        faults.sort_by_key(|f| f.span.start);
        faults
    }
}
