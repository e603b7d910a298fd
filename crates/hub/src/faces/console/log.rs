//! `/log`: the last lines of the event log, newest first, each in words.

use super::shell::Shell;
use super::{Console, refused};
use crate::faces::answer;
use crate::faces::desk::Desk;
use crate::faces::stamp::Stamp;
use crate::faces::tone::Tone;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use downbeat_core::incident::Record;

/// How many lines are shown.
const LINES: usize = 200;

#[derive(Template)]
#[template(path = "console/log.html")]
struct LogPage {
    shell: Shell,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "console/_log.html")]
struct LogFragment {
    shell: Shell,
    lines: Vec<Line>,
}

/// One line.
#[derive(Debug)]
struct Line {
    seq: u64,
    at: Stamp,
    incident: Option<u64>,
    headline: String,
}

pub(super) async fn page<D: Desk>(State(console): State<Console<D>>) -> Response {
    match read(&console).await {
        Ok((shell, lines)) => answer::page(StatusCode::OK, &LogPage { shell, lines }),
        Err(why) => unreadable(&console, &why),
    }
}

pub(super) async fn fragment<D: Desk>(State(console): State<Console<D>>) -> Response {
    match read(&console).await {
        Ok((shell, lines)) => answer::page(StatusCode::OK, &LogFragment { shell, lines }),
        Err(why) => unreadable(&console, &why),
    }
}

async fn read<D: Desk>(console: &Console<D>) -> Result<(Shell, Vec<Line>), String> {
    let snapshot = console.snapshot();
    let before = snapshot.book.last_seq.saturating_sub(LINES as u64);
    let desk = console.desk.clone();
    let reading = tokio::task::spawn_blocking(move || desk.records_after(before, LINES));
    let records = reading.await.expect("reading the log does not panic").map_err(|error| error.to_string())?;
    Ok((Shell::of(&snapshot), records.iter().rev().map(Line::of).collect()))
}

fn unreadable<D: Desk>(console: &Console<D>, why: &str) -> Response {
    let why = format!("The log cannot be read: {why}.");
    refused::page(&console.snapshot(), StatusCode::SERVICE_UNAVAILABLE, &why)
}

impl Line {
    fn of(record: &Record) -> Self {
        Self {
            seq: record.seq,
            at: Stamp(record.at),
            incident: record.event.incident().map(|id| id.0),
            headline: record.event.headline(),
        }
    }
}
