//! The thread for all that is not urgent: checks, names, roll-ups, operators, reloads.

use crate::change::certificates::Watched;
use crate::change::hold::{self, HoldFile};
use crate::run::keeper::{Ending, Keeper};
use crate::run::worker::Stage;
use crate::tell::admin::{self, Admin};
use crate::tell::events;
use crate::tell::hub::{Generations, report};
use crate::tell::report::Totals;
use hickory_resolver::TokioResolver;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::runtime::LocalRuntime;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_local;

/// What the thread takes care of.
pub(crate) struct Control {
    pub(crate) keeper: Keeper,
    pub(crate) generations: Generations,
    pub(crate) totals: Arc<Totals>,
    pub(crate) resolver: Option<TokioResolver>,
    pub(crate) secured: Option<Watched>,
    pub(crate) admin: Option<(Admin, TcpListener)>,
    pub(crate) stage: watch::Receiver<Stage>,
    pub(crate) ending: oneshot::Receiver<Ending>,
}

impl Control {
    /// Runs until the edge is over, and tells the hub the last of it.
    pub(crate) fn run(self, runtime: &LocalRuntime) {
        let Self { keeper, generations, totals, resolver, secured, admin, stage, ending } = self;
        let (scribe, watch) = (keeper.scribe.clone(), keeper.watch.clone());
        runtime.block_on(async move {
            if let Some((admin, listener)) = admin {
                let stage = stage.clone();
                spawn_local(async move {
                    match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => admin::serve(admin, listener, stage).await,
                        Err(error) => events::accept_failed(&error),
                    }
                });
            }
            let first = &generations.first;
            spawn_local(hold::watch(first.hold.clone(), HoldFile::of(&first.settings.data)));
            let keeping = spawn_local(keeper.run(resolver, secured, ending));
            report(generations, (scribe, watch), totals, stage).await;
            // How the trial ended has been handed to the disk by then, and replicas were checked to the end.
            let _ = keeping.await;
        });
    }
}
