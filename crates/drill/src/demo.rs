//! The demo: a world with people in it until somebody presses Ctrl-C.

use crate::conduct::{self, Herald};
use crate::error::DrillError;
use crate::hub::{Hub, Line};
use crate::progress::Progress;
use crate::scene::Scene;
use crate::screen;
use crate::supervisor::Supervisor;
use crate::world::{World, WorldPlan};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often the demo says how it is going.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// How often it looks for news.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How the demo is run.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// The program that has the verbs `encore`, `hub` and `edge`; usually the one that runs.
    pub exe: PathBuf,
    /// Base of all ports; the first free set when absent.
    pub port_base: Option<u16>,
    /// Where everything is kept; a folder that is removed at the end when absent.
    pub data: Option<PathBuf>,
    /// How many listen.
    pub listeners: usize,
    /// Seed of listeners and crowd.
    pub seed: u64,
    /// Without a word about a browser.
    pub headless: bool,
}

/// Runs the demo until Ctrl-C.
///
/// # Errors
/// When the world cannot be put up.
pub async fn demo(options: DemoOptions) -> Result<(), DrillError> {
    let progress = Arc::new(Progress::new(true));
    let plan = WorldPlan {
        exe: options.exe.clone(),
        port_base: options.port_base,
        data: options.data.clone(),
        run: "demo".to_owned(),
        keep: false,
    };
    let world = tokio::select! {
        world = World::start(plan, &progress) => world?,
        () = stop_asked() => return Ok(()),
    };
    let result = tokio::select! {
        result = go_on(&world, &options, &progress) => result,
        () = stop_asked() => Ok(()),
    };
    progress.say("stopping everything");
    world.stop().await;
    result
}

async fn go_on(world: &Arc<World>, options: &DemoOptions, progress: &Arc<Progress>) -> Result<(), DrillError> {
    let supervisor = Supervisor::open(Arc::clone(world), Arc::clone(progress)).await?;
    let scene = Scene::open(Arc::clone(world), options.listeners, options.seed, Arc::clone(progress));
    let scene = Arc::new(scene);
    supervisor.enter(&scene);
    screen::print(world.ports, options);
    let hub = Hub::at(world.ports.console());
    let mut herald = Herald::default();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = tokio::time::Instant::now();
    loop {
        looks.tick().await;
        let lines = herald.look(hub, progress).await;
        if told.elapsed() >= STATUS_EVERY {
            progress.say(&status(&scene, lines.as_deref()).await);
            told = tokio::time::Instant::now();
        }
    }
}

/// How it is going, in one line.
async fn status(scene: &Scene, lines: Option<&[Line]>) -> String {
    let accounts = scene.audience.accounts();
    let (playing, silence) = conduct::listening(&accounts);
    let music =
        format!("{playing} of {} listeners hear music, {:.1} s of silence", accounts.len(), silence.as_secs_f64());
    let faults = scene.faults().await;
    let broken = if faults.is_empty() { String::new() } else { format!("; broken: {}", faults.join(", ")) };
    let hub = match lines {
        None => "the hub does not answer".to_owned(),
        Some(lines) => match lines.iter().find(|line| line.is_open()) {
            Some(line) => format!("incident {} {}: {}", line.id, line.state, line.title),
            None => "no incident".to_owned(),
        },
    };
    format!("{music}; {hub}{broken}")
}

async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => if pressed.is_err() { std::future::pending().await },
        _ = term.recv() => {}
    }
}
