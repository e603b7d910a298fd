//! `/incidents/{id}/review`: what was learnt, as the hub wrote it down and people edited it; a draft until then.

use super::shell::Shell;
use super::{Console, incident, refused};
use crate::faces::answer;
use crate::faces::desk::Desk;
use crate::faces::html::Html;
use crate::text::utc;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use downbeat_core::learn;
use std::path::Component;

/// A review is a few pages; whatever is longer was not written by the hub.
const BYTES_MAX: u64 = 1 << 20;

#[derive(Template)]
#[template(path = "console/review.html")]
struct ReviewPage {
    shell: Shell,
    id: u64,
    title: String,
    source: Source,
    text: Html,
}

/// Where the words come from.
#[derive(Debug)]
enum Source {
    /// The file, relative to the data directory.
    File(String),
    /// There is no file yet.
    Draft,
    /// The file cannot be read.
    Lost(String, ReadError),
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("it lies outside the data directory")]
    Outside,
    #[error("it is longer than {BYTES_MAX} bytes")]
    TooLong,
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

pub(super) async fn page<D: Desk>(State(console): State<Console<D>>, Path(id): Path<u64>) -> Response {
    let snapshot = console.snapshot();
    let Some(incident) = incident(&snapshot, id) else { return refused::no_incident(&snapshot, id) };
    let draft = || learn::review(incident, &snapshot.settings.policy, utc);
    let (source, text) = match &incident.review {
        None => (Source::Draft, draft()),
        Some(path) => match read(&snapshot.settings.data, path).await {
            Ok(text) => (Source::File(path.clone()), text),
            Err(error) => (Source::Lost(path.clone(), error), draft()),
        },
    };
    let (shell, title, text) = (Shell::of(&snapshot), incident.title.clone(), Html::from_markdown(&text));
    answer::page(StatusCode::OK, &ReviewPage { shell, id, title, source, text })
}

async fn read(data: &std::path::Path, path: &str) -> Result<String, ReadError> {
    let path = std::path::Path::new(path);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(ReadError::Outside);
    }
    let path = data.join(path);
    if tokio::fs::metadata(&path).await?.len() > BYTES_MAX {
        return Err(ReadError::TooLong);
    }
    Ok(tokio::fs::read_to_string(&path).await?)
}
