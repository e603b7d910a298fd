//! One drill from its first process to its scorecard.

use crate::conduct::{self, Herald};
use crate::error::DrillError;
use crate::hub::{Case, Hub};
use crate::listener::Account;
use crate::progress::Progress;
use crate::scene::Scene;
use crate::score::{Facts, Scorecard, score};
use crate::story::Story;
use crate::supervisor::Supervisor;
use crate::world::{World, WorldPlan};
use downbeat_core::model::Moment;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Everything has to be well within so long after the start.
const WELL_WITHIN: Duration = Duration::from_secs(90);

/// How often the conductor looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long nothing may be open before a drill is over: a second incident would show by then.
const SETTLE: Duration = Duration::from_secs(3);

/// How a drill is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The program that has the verbs `encore`, `hub` and `edge`; usually the one that runs.
    pub exe: PathBuf,
    /// Base of all ports; the first free set when absent.
    pub port_base: Option<u16>,
    /// Where everything is kept; a folder that is removed at the end when absent.
    pub data: Option<PathBuf>,
    /// Seed of listeners and crowd.
    pub seed: u64,
    /// How many listen.
    pub listeners: usize,
    /// Keeps a folder that would else be removed.
    pub keep: bool,
    /// Tells on stderr what happens.
    pub progress: bool,
    /// How long a quiet story lasts, instead of its own time.
    pub duration: Option<Duration>,
}

/// What was seen of people between the fault and the end.
struct Watched {
    fault: Moment,
    begun: Instant,
    before: Vec<Account>,
    edge: (u64, u64),
}

/// Runs a story with real processes.
///
/// # Errors
/// When the world cannot be put up, is never well, or somebody presses Ctrl-C. What goes otherwise than the
/// story expects stands in the scorecard.
pub async fn run(story: &Story, options: RunOptions) -> Result<Scorecard, DrillError> {
    if !story.is_live() {
        return Err(DrillError::OnlySimulated(story.name.to_string()));
    }
    let progress = Arc::new(Progress::new(options.progress));
    progress.say(&format!("drill {}: {}", story.name, story.title));
    let plan = WorldPlan {
        exe: options.exe.clone(),
        port_base: options.port_base,
        data: options.data.clone(),
        run: story.name.to_string(),
        keep: options.keep,
    };
    let world = tokio::select! {
        world = World::start(plan, &progress) => world?,
        () = interrupted() => return Err(DrillError::Interrupted),
    };
    let result = tokio::select! {
        result = in_world(&world, story, &options, &progress) => result,
        () = interrupted() => Err(DrillError::Interrupted),
    };
    world.stop().await;
    if options.keep || options.data.is_some() {
        progress.say(&format!("kept: {}", world.folder().display()));
    }
    result
}

async fn in_world(
    world: &Arc<World>,
    story: &Story,
    options: &RunOptions,
    progress: &Arc<Progress>,
) -> Result<Scorecard, DrillError> {
    let supervisor = Supervisor::open(Arc::clone(world), Arc::clone(progress)).await?;
    let scene = Scene::open(Arc::clone(world), options.listeners, options.seed, Arc::clone(progress));
    let scene = Arc::new(scene);
    wait_until_well(&scene, story.warm_up, progress).await?;
    let watched = act_out(&scene, story, options, progress).await?;
    let facts = gather(&scene, &supervisor, story, options.seed, watched).await;
    tell_notes(&scene, &facts, progress);
    Ok(score(&facts))
}

/// Waits until everything is well, and then until it has been so for the warm-up.
async fn wait_until_well(scene: &Scene, warm_up: Duration, progress: &Progress) -> Result<(), DrillError> {
    let start = Instant::now();
    let mut well_since: Option<Instant> = None;
    loop {
        match conduct::missing(scene).await {
            None if well_since.is_none() => {
                progress.say("everything is well, and everybody hears music");
                well_since = Some(Instant::now());
            }
            None => {}
            Some(missing) if start.elapsed() > WELL_WITHIN + warm_up => {
                return Err(DrillError::Unwell { after: start.elapsed(), missing });
            }
            Some(_) => well_since = None,
        }
        if well_since.is_some_and(|since| since.elapsed() >= warm_up) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn act_out(
    scene: &Scene,
    story: &Story,
    options: &RunOptions,
    progress: &Progress,
) -> Result<Watched, DrillError> {
    let edge = conduct::edge_counts(scene.world.ports.admin()).await;
    let fault = OnceLock::new();
    let begin = || {
        scene.crowd.take_tally();
        progress.fault_now();
        let watched = Watched { fault: now(), begun: Instant::now(), before: scene.audience.accounts(), edge };
        // The first step comes once.
        let _ = fault.set(watched);
    };
    if story.is_quiet() {
        begin();
        stay(scene, options.duration.unwrap_or(story.after), progress).await;
    } else {
        let limit = tokio::time::sleep(story.after);
        let all = async {
            scene.play(&story.steps, begin).await?;
            until_over(scene, progress).await;
            Ok::<(), DrillError>(())
        };
        let ended = tokio::select! {
            result = watched_play(scene, progress, all) => result,
            () = limit => {
                progress.warn(&format!("the story's time is over: {:?}", story.after));
                Ok(())
            }
        };
        ended?;
    }
    Ok(fault.into_inner().expect("a story's first step begins it, and a quiet one begins at once"))
}

/// Tells of incidents while a story goes on.
async fn watched_play<T>(scene: &Scene, progress: &Progress, play: impl Future<Output = T>) -> T {
    let mut herald = Herald::default();
    let hub = Hub::at(scene.world.ports.console());
    let tell = async {
        loop {
            herald.look(hub, progress).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        result = play => result,
        never = tell => never,
    }
}

/// Waits until there was an incident and every incident is finished, for a while.
async fn until_over(scene: &Scene, progress: &Progress) {
    let hub = Hub::at(scene.world.ports.console());
    let mut over_since: Option<Instant> = None;
    loop {
        let lines = hub.incidents().await.unwrap_or_default();
        let over = lines.iter().any(|l| l.confirmed_at_ms.is_some()) && lines.iter().all(crate::hub::Line::is_finished);
        over_since = if over { over_since.or_else(|| Some(Instant::now())) } else { None };
        if over_since.is_some_and(|since| since.elapsed() >= SETTLE) {
            return progress.say("over: everything is resolved and reviewed");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Lets a quiet story last.
async fn stay(scene: &Scene, span: Duration, progress: &Progress) {
    let minutes = async {
        let mut left = span;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(30));
            tokio::time::sleep(step).await;
            left -= step;
            let (playing, silence) = conduct::listening(&scene.audience.accounts());
            let requests = scene.crowd.ended();
            progress.say(&format!(
                "{playing} listeners hear music, {:.1} s of silence, {requests} requests",
                silence.as_secs_f64()
            ));
        }
    };
    watched_play(scene, progress, minutes).await;
}

async fn gather<'a>(
    scene: &Scene,
    supervisor: &Supervisor,
    story: &'a Story,
    seed: u64,
    watched: Watched,
) -> Facts<'a> {
    let hub = Hub::at(scene.world.ports.console());
    let duration = watched.begun.elapsed();
    let after = scene.audience.accounts();
    let (retried, resumed) = conduct::edge_counts(scene.world.ports.admin()).await;
    Facts {
        story,
        expect: &story.expect,
        mode: "live",
        without: None,
        seed,
        fault: watched.fault,
        duration,
        listeners: watched.before.into_iter().zip(after).collect(),
        tally: scene.crowd.take_tally(),
        retried: retried.saturating_sub(watched.edge.0),
        resumed: resumed.saturating_sub(watched.edge.1),
        cases: cases(hub).await,
        violations: hub.violations().await.map_err(|error| error.to_string()),
        orders: supervisor.orders().await,
        budgets: hub.budgets().await.unwrap_or_default(),
    }
}

/// All incidents with everything, oldest first.
async fn cases(hub: Hub) -> Vec<Case> {
    let mut cases = Vec::new();
    for line in hub.incidents().await.unwrap_or_default().into_iter().rev() {
        cases.extend(hub.case(line.id).await.ok());
    }
    cases
}

/// What is no failure of the drill but worth a look.
fn tell_notes(scene: &Scene, facts: &Facts<'_>, progress: &Progress) {
    for (complaint, count) in &facts.tally.complaints {
        progress.say(&format!("note: {count} requests of the crowd failed ({complaint})"));
    }
    let before: Duration = facts.listeners.iter().map(|(before, _)| before.heard.silence).sum();
    if !before.is_zero() {
        progress.warn(&format!("{:.2} s of silence before the fault", before.as_secs_f64()));
    }
    for (name, service) in [("hub", &scene.world.hub), ("edge", &scene.world.edge)] {
        for line in service.take_warnings() {
            progress.say(&format!("note: {name} logged: {line}"));
        }
    }
}

/// The time of day, as the hub tells it.
fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without signals nobody can interrupt.
        std::future::pending::<()>().await;
    }
}
