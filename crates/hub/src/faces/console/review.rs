//! `/incidents/{id}/review`: what was learnt, as the hub wrote it down, rendered from its Markdown.

use super::shell::Shell;
use super::{Console, incident, refused};
use crate::faces::answer;
use crate::faces::desk::Desk;
use crate::faces::html::Html;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::path::Component;

/// A review is a few pages; whatever is longer was not written by the hub.
const BYTES_MAX: u64 = 1 << 20;

#[derive(Template)]
#[template(path = "console/review.html")]
struct ReviewPage {
    shell: Shell,
    id: u64,
    title: String,
    path: String,
    text: Html,
}

pub(super) async fn page<D: Desk>(State(console): State<Console<D>>, Path(id): Path<u64>) -> Response {
    let snapshot = console.snapshot();
    let Some(incident) = incident(&snapshot, id) else { return refused::no_incident(&snapshot, id) };
    let Some(path) = incident.review.clone() else {
        return refused::page(&snapshot, StatusCode::NOT_FOUND, "The review is written once the incident is over.");
    };
    match read(&snapshot.settings.data, &path).await {
        Ok(text) => {
            let (shell, title) = (Shell::of(&snapshot), incident.title.clone());
            answer::page(StatusCode::OK, &ReviewPage { shell, id, title, path, text: Html::from_markdown(&text) })
        }
        Err(error) => {
            let why = format!("The review {path} cannot be read: {error}.");
            refused::page(&snapshot, StatusCode::NOT_FOUND, &why)
        }
    }
}

/// Why a review cannot be shown.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("it lies outside the data directory")]
    Outside,
    #[error("it is longer than {BYTES_MAX} bytes")]
    TooLong,
    #[error(transparent)]
    Io(#[from] std::io::Error),
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
