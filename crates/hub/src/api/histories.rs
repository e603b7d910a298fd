//! Histories from elsewhere: which stand beside ours, and the verbs with which people bring and remove them.

use super::verbs::{Done, Operator, obey};
use crate::doors::Doors;
use crate::history::{Chapter, Comparison, KeepError};
use crate::http::json::FromJson;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use downbeat_core::incident::{Book, Command, Imported};
use downbeat_core::model::Name;
use serde::Serialize;

type SourcePath = Result<Path<String>, PathRejection>;

#[derive(Debug, Serialize)]
pub(super) struct List {
    histories: Vec<HistoryView>,
}

#[derive(Debug, Serialize)]
struct HistoryView {
    source: Name,
    title: String,
    url: String,
    incidents: u32,
    maintenances: u32,
}

impl HistoryView {
    fn of(chapter: &Chapter) -> Self {
        let (incidents, maintenances) = chapter.counts();
        let (title, url) = (chapter.title.clone(), chapter.url.clone());
        Self { source: chapter.source.clone(), title, url, incidents, maintenances }
    }
}

/// `GET /v1/histories`: by source, without their stories: those are in the public API.
pub(super) async fn list(State(doors): State<Doors>) -> Json<List> {
    let snapshot = doors.snapshots.borrow();
    Json(List { histories: snapshot.history.chapters().map(HistoryView::of).collect() })
}

/// What an import came to.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    comparison: Comparison,
    /// Announced work that was scheduled here, and is in our own history.
    ours: usize,
}

/// `PUT /v1/histories/{source}`: joins a copy of another page's history with what stands of it. The same copy twice changes
/// nothing.
pub(super) async fn import(
    State(doors): State<Doors>,
    Operator(who): Operator,
    path: SourcePath,
    FromJson(mut chapter): FromJson<Chapter>,
) -> Result<Json<Report>, Problem> {
    if source(path)? != chapter.source {
        return Err(Problem::senseless("source: it is another one than that of the address"));
    }
    let histories = doors.histories.clone();
    let _turn = histories.turn().await;
    let book = std::sync::Arc::clone(&doors.snapshots.borrow().book);
    let told = chapter.stories.len();
    chapter.stories.retain(|story| !is_ours(&book, story));
    let ours = told - chapter.stories.len();
    let (kept, comparison) = histories.keep(&book, chapter).await.map_err(problem)?;
    let (incidents, maintenances) = kept.chapter.counts();
    let imported = Imported { source: kept.chapter.source.clone(), file: kept.file, incidents, maintenances };
    let done = obey(&doors, who, Command::Import(imported)).await;
    tidy(&doors).await;
    done.map(|_| Json(Report { comparison, ours }))
}

/// `DELETE /v1/histories/{source}`
pub(super) async fn remove(State(doors): State<Doors>, Operator(who): Operator, path: SourcePath) -> Done {
    let _turn = doors.histories.turn().await;
    let done = obey(&doors, who, Command::RemoveHistory(source(path)?)).await?;
    tidy(&doors).await;
    Ok(done)
}

/// Takes the files away that no longer stand, by the book after the command.
async fn tidy(doors: &Doors) {
    let book = std::sync::Arc::clone(&doors.snapshots.borrow().book);
    doors.histories.tidy(&book).await;
}

/// Work of this title and this start was scheduled here: the history is ours.
fn is_ours(book: &Book, story: &crate::history::Story) -> bool {
    let is_it = |from| {
        let same = |title: &str, start| title == story.title.trim() && start == from;
        book.maintenances.values().any(|it| same(&it.appointment.title, it.appointment.start))
    };
    story.planned.is_some_and(|planned| is_it(planned.from))
}

fn source(path: SourcePath) -> Result<Name, Problem> {
    let Path(text) = path.map_err(|refused| Problem::malformed(refused.body_text()))?;
    Name::new(&text).map_err(|error| Problem::senseless(format!("source: {error}")))
}

fn problem(error: KeepError) -> Problem {
    match error {
        KeepError::Chapter(error) => Problem::senseless(error.to_string()),
        KeepError::Shelf(error) => Problem::unavailable(error.to_string()),
    }
}
