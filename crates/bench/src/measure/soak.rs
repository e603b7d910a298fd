//! Whether memory grows under load, over as many minutes as one has.

use super::cost::Size;
use super::fleet::Fleet;
use crate::load::wrk;
use crate::subject::Subject;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// One kind of load lasts so long, then comes the next.
const SHIFT: Duration = Duration::from_secs(10);

/// How memory went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Course {
    pub(crate) minutes: f64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// Bytes in use after each shift, each kind of load having been there once before the first.
    pub(crate) resident: Vec<u64>,
}

/// Loads the edge with every size in turn.
pub(crate) fn run(edge: &Subject, minutes: u64, folder: &Path) -> Result<Course> {
    let fleet = Fleet::start(3, folder)?;
    let proxy = edge.start(folder, fleet.ports(), None)?;
    let start = Instant::now();
    let mut course = Course { minutes: 0.0, requests: 0, errors: 0, resident: Vec::new() };
    let mut first = true;
    while first || start.elapsed() < Duration::from_secs(60 * minutes) {
        for size in [Size::Small, Size::Middle, Size::Large] {
            let url = format!("http://127.0.0.1:{}{}", proxy.port, size.path());
            let seen = wrk::run(&url, size.connections(), SHIFT, folder)?;
            course.requests += seen.requests;
            course.errors += seen.errors;
        }
        first = false;
        course.resident.push(proxy.process.resident());
        course.minutes = start.elapsed().as_secs_f64() / 60.0;
        let megabytes = proxy.process.resident() as f64 / 1e6;
        eprintln!(
            "  {:.0} min: {megabytes:.1} MB, {} requests, {} errors",
            course.minutes, course.requests, course.errors
        );
    }
    Ok(course)
}
