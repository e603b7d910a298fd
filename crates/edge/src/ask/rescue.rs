//! Finding a replica that goes on with a broken body.

use crate::ask::attempt::{Answer, Order};
use crate::ask::race::{Terms, Thrift, race};
use crate::ask::resume::Proof;
use crate::change::site::ReplicaId;
use crate::run::worker::Worker;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How it stands with a body that does not go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plight {
    /// Who broke it.
    pub(crate) broken: ReplicaId,
    /// It is waited for since then.
    pub(crate) since: Instant,
    /// Rescues since then that brought no byte.
    pub(crate) fruitless: u32,
}

/// Pause after a round in which nobody could help; doubles with each round.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Asks all other replicas for the rest of a body, round after round, the one that broke it from the second round on,
/// until one proves to have it. `None` when time is over, or everybody is proven to have something else.
pub(crate) async fn rescue(worker: &Rc<Worker>, order: &Order<'_>, proof: &Proof, plight: Plight) -> Option<Answer> {
    let replicas = &worker.shared.site.component(order.component).replicas;
    let deadline = plight.since + worker.shared.settings.resume.give_up;
    let (mut useless, mut pause) = (Vec::new(), PAUSE_FIRST);
    if plight.fruitless > 0 {
        // Whoever helped last broke off at the same byte: no hurry to see that again.
        pause = (PAUSE_FIRST * 2_u32.saturating_pow(plight.fruitless)).min(PAUSE_MAX);
        tokio::time::sleep(pause).await;
    }
    let mut passed_over = vec![plight.broken];
    loop {
        // One more than there are replicas is never reached: each is asked once a round.
        let extra = u32::try_from(replicas.len()).unwrap_or(u32::MAX);
        let terms = Terms { rest: Some(proof), extra, thrift: Thrift::Free, deadline };
        let lost = match race(worker, order, terms, &passed_over).await.result {
            Ok(answer) => return Some(answer),
            Err(lost) => lost,
        };
        useless.extend(lost.useless);
        if replicas.iter().all(|r| useless.contains(r)) || Instant::now() + pause >= deadline {
            return None;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        passed_over.clone_from(&useless);
    }
}
