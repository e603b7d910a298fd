//! Serves both faces with a canned story and no hub behind them: to look at pages while they are being drawn.
//!
//! `cargo run --release -p downbeat-hub --example faces -- STORY CONSOLE STATUS`, where STORY is `healthy`,
//! `suspected`, `confirmed`, `mitigated`, `restoring`, `resolved`, `reviewed`, `dismissed`, `hostile`, `empty`,
//! `no-data`, `unseeing`, `held-back`, `lapsing`, `many`, `merged`, `crowded`, `counted`, `maintained`, `maintained-hostile` or `moved`, and CONSOLE and STATUS are addresses. Commands are printed and
//! have no effect.

use downbeat_core::incident::{Command, Record, State};
use downbeat_core::model::{Moment, Name};
use downbeat_hub::clock::HubClock;
use downbeat_hub::doors::CommandError;
use downbeat_hub::faces::{Desk, console_routes, status_routes};
use downbeat_hub::log::ReadError;
use downbeat_hub::reports::ReportDesk;
use downbeat_hub::{history, reports, settings, view};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

#[path = "../src/faces/story.rs"]
mod story;

/// A hub that only remembers its story.
#[derive(Clone)]
struct Canned(Arc<watch::Sender<view::Snapshot>>);

impl Desk for Canned {
    fn snapshots(&self) -> watch::Receiver<view::Snapshot> {
        self.0.subscribe()
    }

    fn reports(&self) -> ReportDesk {
        ReportDesk::alone(&self.0.borrow().settings, HubClock::start(Moment::default()))
    }

    async fn command(&self, who: Name, command: Command) -> Result<(), CommandError> {
        println!("{who} asks for {command:?}");
        Ok(())
    }

    fn records_after(&self, seq: u64, most: usize) -> Result<Vec<Record>, ReadError> {
        let book = Arc::clone(&self.0.borrow().book);
        let mut records: Vec<Record> = book.incidents.values().flat_map(|i| i.timeline.iter().cloned()).collect();
        records.sort_by_key(|record| record.seq);
        records.retain(|record| record.seq > seq);
        records.truncate(most);
        Ok(records)
    }
}

fn told(name: &str) -> Option<view::Snapshot> {
    match name {
        "healthy" => Some(story::healthy()),
        "hostile" => Some(story::hostile()),
        "huge" => Some(story::huge()),
        "maintained" => Some(story::maintained()),
        "moved" => Some(story::moved()),
        "reported" => Some(story::reported()),
        "maintained-hostile" => Some(story::maintained_with_hostility()),
        "empty" => Some(story::empty()),
        "lapsing" => Some(story::lapsing()),
        "unseeing" => Some(story::unseeing()),
        "held-back" => Some(story::held_back()),
        "no-data" => Some(story::no_data()),
        "merged" => Some(story::merged()),
        "crowded" => Some(story::crowded()),
        "counted" => Some(story::counted()),
        "many" => Some(story::many()),
        state => story::STATES.into_iter().find(|s: &State| s.word() == state).map(story::in_state),
    }
}

/// Lets time pass, so that pages have something to follow.
async fn go_on(snapshots: Arc<watch::Sender<view::Snapshot>>) {
    let second = Duration::from_secs(1);
    loop {
        tokio::time::sleep(second).await;
        snapshots.send_modify(|snapshot| {
            snapshot.now = snapshot.now + second;
            let board = Arc::make_mut(&mut snapshot.board);
            board.at = snapshot.now;
            board.heard_at = board.heard_at.map(|at| at + second);
            board.pulses.iter_mut().for_each(|pulse| pulse.at = pulse.at + second);
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, console, status] = arguments.as_slice() else { return Err("give STORY CONSOLE STATUS".into()) };
    let mut snapshot = told(name).ok_or_else(|| format!("there is no story {name:?}"))?;
    let (console, status) = (TcpListener::bind(console).await?, TcpListener::bind(status).await?);
    let settings = Arc::make_mut(&mut snapshot.settings);
    settings.data = std::env::temp_dir().join("downbeat-faces");
    settings.status_url = format!("http://{}", status.local_addr()?);
    println!("console http://{} status {}", console.local_addr()?, settings.status_url);
    let desk = Canned(Arc::new(watch::Sender::new(snapshot)));
    tokio::spawn(go_on(Arc::clone(&desk.0)));
    let (console_app, status_app) = (console_routes(desk.clone()), status_routes(desk));
    tokio::try_join!(async { axum::serve(console, console_app).await }, async {
        axum::serve(status, status_app).await
    },)?;
    Ok(())
}
