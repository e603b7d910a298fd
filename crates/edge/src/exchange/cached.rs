//! The cache's part in an exchange, before any replica is asked: answers out of the store, and waiting for another
//! request of the same address.

use crate::cache::coalesce::{Flight, Place};
use crate::cache::directives::{Wishes, Word};
use crate::cache::filling::Shelf;
use crate::cache::note::{Note, Outcome, Then, Why};
use crate::cache::policy::Reuse;
use crate::cache::present::present;
use crate::cache::store::{Found, Key};
use crate::cache::stored::Stored;
use crate::cache::validate::{addresses, is_conditional, is_for_replicas};
use crate::change::settings::CacheSettings;
use crate::codec::{AnswerHead, Method};
use crate::exchange::downstream::Downstream;
use crate::exchange::own::OwnAnswer;
use crate::exchange::renew::Renewal;
use crate::exchange::told::Told;
use crate::exchange::{After, Exchange, tell};
use std::sync::Arc;
use std::time::Instant;

/// A request waits for another one of the same address for at most one in so many parts of the time that it has.
const WAIT_SHARE: u32 = 2;

/// A request to a component that is cached.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) rules: CacheSettings,
    pub(super) shelf: Shelf,
    pub(super) wishes: Wishes,
    /// Why a replica is asked.
    pub(super) why: Why,
    /// What is stored, to be checked, or to stand in.
    pub(super) stored: Option<Arc<Stored>>,
    /// What others wait for.
    pub(super) flight: Option<Flight>,
    pub(super) good_for: GoodFor,
}

/// What a replica's answer is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoodFor {
    /// For this client alone: it asked for a part, for less than the whole, or on terms that only a replica knows.
    One,
    /// For the store, though nobody waits for it.
    Later,
    /// For those as well who ask at the same time.
    All,
}

/// How the cache answers a request.
#[derive(Debug)]
pub(super) enum Looked {
    /// It did.
    Answered(After),
    /// A replica has to.
    Ask(Box<Visit>),
    /// It has nothing to do with it.
    Uncached,
}

impl<D: Downstream> Exchange<'_, D> {
    /// Answers the request out of the store if that is possible.
    pub(super) async fn look_up(&mut self) -> Looked {
        match self.visit() {
            Some(visit) => Box::pin(self.look_up_for(visit)).await,
            None => Looked::Uncached,
        }
    }

    async fn look_up_for(&mut self, mut visit: Box<Visit>) -> Looked {
        if is_for_replicas(&self.head.fields) {
            return Looked::Ask(visit);
        }
        if let Some(after) = self.serve_stored(&mut visit, Outcome::Hit).await {
            return Looked::Answered(after);
        }
        if visit.wishes.words.has(Word::OnlyIfCached) {
            self.count(Told { status: 504, failure: None }, false);
            return Looked::Answered(self.tell(504, "not in the cache", None).await);
        }
        if visit.good_for == GoodFor::All {
            let outcome = self.lead_or_wait(&mut visit).await;
            // Whatever was under way may have come meanwhile.
            if let Some(after) = self.serve_stored(&mut visit, outcome).await {
                return Looked::Answered(after);
            }
        }
        visit.shelf.stamp = self.worker.shared.cache.store.stamp(&visit.shelf.key);
        Looked::Ask(visit)
    }

    fn visit(&self) -> Option<Box<Visit>> {
        let rules = self.worker.shared.site.component(self.component).settings.cache.clone()?;
        let plain = !self.head.has_body() && self.head.upgrade.is_none();
        if !matches!(self.head.method, Method::Get | Method::Head) || !plain {
            return None;
        }
        let shelf = self.worker.shared.cache.shelf(self.component, self.caller.scheme, self.head);
        let wishes = Wishes::of(&self.head.fields);
        let (why, good_for) = (Why::Bypass, GoodFor::One);
        Some(Box::new(Visit { rules, shelf, wishes, why, stored: None, flight: None, good_for }))
    }

    /// Serves what is stored; else notes in the visit why not.
    async fn serve_stored(&mut self, visit: &mut Visit, outcome: Outcome) -> Option<After> {
        let now = Instant::now();
        let found = self.worker.shared.cache.store.find(&visit.shelf.key, &self.head.fields, now);
        let (why, shareable) = match &found {
            Found::Answer(stored) => {
                let reuse = stored.terms.reuse(&visit.wishes, now);
                if reuse != Reuse::Validate {
                    return self.serve_found(visit, stored, reuse, outcome).await;
                }
                let why = if stored.terms.is_fresh(now) { Why::Request } else { Why::Stale };
                (why, stored.terms.is_shareable())
            }
            Found::OtherVariants => (Why::VaryMiss, true),
            Found::Apart => (Why::UriMiss, false),
            Found::Nothing => (Why::UriMiss, true),
        };
        let stored = if let Found::Answer(stored) = found { Some(stored) } else { None };
        let good_for = self.good_for(&visit.wishes, stored.as_deref(), shareable);
        (visit.why, visit.stored, visit.good_for) = (why, stored, good_for);
        None
    }

    fn good_for(&self, wishes: &Wishes, stored: Option<&Stored>, shareable: bool) -> GoodFor {
        let fields = &self.head.fields;
        if self.head.method != Method::Get || fields.get("range").is_some() {
            return GoodFor::One;
        }
        // A condition is judged here once something is stored, and by a replica before.
        let own = fields.get("authorization").is_some() || (stored.is_none() && is_conditional(fields));
        if shareable && !own && wishes.are_none() { GoodFor::All } else { GoodFor::Later }
    }

    async fn serve_found(
        &mut self,
        visit: &mut Visit,
        stored: &Arc<Stored>,
        reuse: Reuse,
        outcome: Outcome,
    ) -> Option<After> {
        let outcome = match (outcome, reuse) {
            (Outcome::Hit, Reuse::Stale | Reuse::WhileRevalidating) => Outcome::Stale,
            (outcome, _) => outcome,
        };
        let note = match outcome {
            Outcome::Collapsed => Note::Forwarded { why: visit.why, then: Then::Collapsed },
            _ => Note::Hit,
        };
        let after = self.serve(stored, note, outcome, false).await;
        if after.is_some() && reuse == Reuse::WhileRevalidating && self.head.method == Method::Get {
            self.renew_behind(visit, stored);
        }
        after
    }

    /// Takes the lead for an address, or waits for who has it.
    async fn lead_or_wait(&self, visit: &mut Visit) -> Outcome {
        let retry = &self.worker.shared.settings.retry;
        match self.worker.shared.cache.flights.join(&visit.shelf.key) {
            Place::First(flight) => {
                visit.flight = Some(flight);
                Outcome::Hit
            }
            Place::Behind(behind) => {
                behind.wait(self.since + retry.first_byte / WAIT_SHARE).await;
                Outcome::Collapsed
            }
        }
    }

    /// Sends a stored answer; `None` when only a replica can tell what the client should get.
    pub(super) async fn serve(
        &mut self,
        stored: &Stored,
        note: Note,
        outcome: Outcome,
        retried: bool,
    ) -> Option<After> {
        let now = Instant::now();
        let status = note.status(&stored.fields, Some(stored), now);
        let presented = present(self.head, stored, &status, now)?;
        self.worker.shared.cache.outcomes(self.component).count(outcome);
        self.count(Told::answer(presented.head.status), retried);
        let bytes = presented.body.len() as u64;
        self.notes.sent(bytes);
        self.worker.shared.body_sent(self.worker.one(), self.component, self.caller.network, bytes);
        let answer = OwnAnswer::at_hand(presented.head, presented.body);
        Some(tell(self.worker, self.client, answer, self.then).await)
    }

    /// Forgets what an unsafe request has changed (RFC 9111, 4.4).
    pub(super) fn invalidate(&self, answer: &AnswerHead) {
        if self.head.method.is_safe() || !(200..400).contains(&answer.status) {
            return;
        }
        let shared = &self.worker.shared;
        for (host, target) in addresses(self.head, &answer.fields) {
            let path = target.split(|b| *b == b'?').next().unwrap_or_default();
            let component = shared.site.router.route(&host, path);
            if let Some(component) = component.filter(|c| shared.site.component(*c).settings.cache.is_some()) {
                shared.cache.store.erase(&Key::at(component, self.caller.scheme, &host, &target));
            }
        }
    }

    /// Has a stored answer checked while the client already has it, unless that is under way.
    fn renew_behind(&self, visit: &Visit, stored: &Arc<Stored>) {
        let Place::First(flight) = self.worker.shared.cache.flights.join(&visit.shelf.key) else { return };
        let renewal = Renewal {
            worker: self.worker.clone(),
            component: self.component,
            caller: self.caller,
            head: self.head.clone(),
            rules: visit.rules.clone(),
            shelf: visit.shelf.clone(),
            stored: stored.clone(),
            flight,
        };
        tokio::task::spawn_local(renewal.run());
    }
}
