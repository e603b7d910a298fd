//! From figures to a page: medians, ratios, and the goals beside them.

mod cost;
mod faults;
mod figures;
mod page;

pub(crate) use cost::verdict;
pub(crate) use figures::{median, number, percentile, table};
pub(crate) use page::{Body, Machine, Results};
