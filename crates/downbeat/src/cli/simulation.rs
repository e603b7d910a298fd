//! `downbeat drill run --sim`: stories in virtual time, with Downbeat beside doing nothing.

use super::drill::{decisions, seconds, times, verdict};
use super::output::{self, Table};
use super::style::Palette;
use anyhow::Context;
use downbeat_drill::{Nothing, Scorecard, simulate, story};
use serde_json::{Value, json};

/// One or more stories that went otherwise than expected.
#[derive(Debug, thiserror::Error)]
#[error("{} of {of} stories failed: {}", failed.len(), failed.join(", "))]
struct SomeFailed {
    failed: Vec<String>,
    of: usize,
}

/// Runs the story of this name, or all of them.
pub(super) fn run(name: Option<&str>, seed: u64, listeners: usize, json: bool) -> anyhow::Result<()> {
    match name {
        Some(name) => one(&story::find(name)?, seed, listeners, json),
        None => all(seed, listeners, json),
    }
}

fn one(story: &story::Story, seed: u64, listeners: usize, json: bool) -> anyhow::Result<()> {
    let card = simulate(story, seed, listeners)?;
    if json {
        output::write_json(&object(&card)?)?;
    } else {
        output::write(&draw(&card, Palette::stdout()))?;
    }
    verdict(card)
}

fn all(seed: u64, listeners: usize, json: bool) -> anyhow::Result<()> {
    let stories = story::all();
    let cards: Vec<Scorecard> =
        stories.iter().map(|story| simulate(story, seed, listeners)).collect::<Result<_, _>>()?;
    if json {
        output::write_json(&cards.iter().map(object).collect::<anyhow::Result<Value>>()?)?;
    } else {
        output::write(&overview(&cards).text(Palette::stdout()))?;
    }
    let failed: Vec<String> = cards.iter().filter(|card| !card.passed).map(|card| card.drill.clone()).collect();
    if failed.is_empty() { Ok(()) } else { Err(SomeFailed { failed, of: cards.len() }.into()) }
}

fn object(card: &Scorecard) -> anyhow::Result<Value> {
    serde_json::to_value(card).context("cannot write the scorecard")
}

/// A scorecard for people.
fn draw(card: &Scorecard, palette: Palette) -> String {
    let passed = json!(if card.passed { "passed" } else { "failed" });
    let outcome = Table {
        title: "outcome",
        columns: &["drill", "world", "seed", "lasted"],
        rows: vec![vec![passed, json!("simulated"), json!(card.seed), seconds(Some(card.duration_s))]],
    };
    let tables = [outcome, side_by_side(card), times(card), decisions(card)];
    tables.iter().map(|table| table.text(palette)).collect::<Vec<_>>().join("\n")
}

/// What users got, with Downbeat and without.
fn side_by_side(card: &Scorecard) -> Table {
    let without = card.doing_nothing.as_ref();
    let row = |what: &str, with: Value, other: &dyn Fn(&Nothing) -> Value| {
        vec![json!(what), with, without.map_or(Value::Null, other)]
    };
    let percent = |failed: u64, total: u64| json!(format!("{:.1} %", failed as f64 / total.max(1) as f64 * 100.0));
    let (heard, requests) = (&card.silence_s, &card.requests);
    let rows = vec![
        row("silence, all listeners", seconds(Some(heard.total)), &|n| seconds(Some(n.silence_s.total))),
        row("silence, who fared worst", seconds(Some(heard.max)), &|n| seconds(Some(n.silence_s.max))),
        row("listeners who heard it", json!(heard.listeners), &|n| json!(n.silence_s.listeners)),
        row("requests", json!(requests.total), &|n| json!(n.requests.total)),
        row("requests that failed", json!(requests.failed), &|n| json!(n.requests.failed)),
        row("share that failed", percent(requests.failed, requests.total), &|n| {
            percent(n.requests.failed, n.requests.total)
        }),
        row("requests tried again", json!(requests.retried), &|n| json!(n.requests.retried)),
    ];
    Table { title: "what users got", columns: &["what", "with_Downbeat", "doing_nothing"], rows }
}

/// A line for each story.
fn overview(cards: &[Scorecard]) -> Table {
    let columns = &[
        "drill",
        "outcome",
        "silence",
        "doing_nothing",
        "failed",
        "doing_nothing_failed",
        "confirmed",
        "public_word",
        "resolved",
        "cause",
    ];
    let row = |card: &Scorecard| {
        let cause = card.cause.as_ref().map(|cause| format!("{} at {}", cause.kind.word(), cause.place));
        let without = card.doing_nothing.as_ref();
        vec![
            json!(card.drill),
            json!(if card.passed { "passed" } else { "failed" }),
            seconds(Some(card.silence_s.total)),
            seconds(without.map(|n| n.silence_s.total)),
            json!(card.requests.failed),
            json!(without.map(|n| n.requests.failed)),
            seconds(card.confirmed_s),
            seconds(card.public_word_s),
            seconds(card.resolved_s),
            json!(cause),
        ]
    };
    Table { title: "stories in the simulated world", columns, rows: cards.iter().map(row).collect() }
}
