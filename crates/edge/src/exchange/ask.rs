//! The cache's part in an exchange, once replicas are asked: what their answers change in the store, and the stale
//! answer that stands in for them.

use crate::ask::attempt::{Answer, Order};
use crate::ask::race::Lost;
use crate::cache::date::Now;
use crate::cache::filling::Filling;
use crate::cache::note::{Note, Outcome, Then, Why};
use crate::cache::policy::{Times, is_error, judge};
use crate::cache::stored::Stored;
use crate::cache::validate::{confirms, plain, revalidation};
use crate::choose::tries::Repetition;
use crate::codec::{AnswerHead, RequestHead, Trailers};
use crate::exchange::cached::{GoodFor, Visit};
use crate::exchange::downstream::Downstream;
use crate::exchange::relay::collect;
use crate::exchange::{After, Exchange};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// With a stale answer to fall back on, replicas get this long.
const STAND_IN_AFTER: Duration = Duration::from_secs(1);

/// How replicas answered.
struct Asked {
    result: Result<Answer, Lost>,
    retried: bool,
    times: Times,
}

impl<'a, D: Downstream> Exchange<'a, D> {
    /// Answers a request that the store had no answer for.
    pub(super) async fn fetch_for(mut self, mut visit: Box<Visit>) -> After {
        let stored = visit.stored.take();
        let checkable = stored.as_deref().filter(|_| visit.good_for != GoodFor::One);
        let check = checkable.and_then(|stored| revalidation(self.head, stored));
        let order = self.order_of(check.as_ref().unwrap_or(self.head));
        let asked = self.ask_for(&order, &visit, stored.as_deref()).await;
        match (asked.result, stored) {
            (Ok(answer), Some(stored)) if check.is_some() && answer.head.status == 304 => {
                let update = answer.head.clone();
                // Nothing comes behind a 304; it is read so that its connection serves again.
                collect(self.worker, &order, answer, 0).await;
                if let Some(after) = self.confirmed(&mut visit, &stored, &update, asked.retried, asked.times).await {
                    return after;
                }
                // The replica speaks of another answer than ours: it is asked anew, for all of it.
                let head = plain(self.head);
                let order = self.order_of(&head);
                let asked = self.ask_for(&order, &visit, None).await;
                self.conclude(visit, &order, asked, None).await
            }
            (result, stored) => self.conclude(visit, &order, Asked { result, ..asked }, stored).await,
        }
    }

    fn order_of<'o>(&self, head: &'o RequestHead) -> Order<'o>
    where
        'a: 'o,
    {
        let (component, caller) = (self.component, self.caller);
        Order {
            head,
            body: Bytes::new(),
            trailers: Trailers::default(),
            component,
            caller,
            repetition: Repetition::Allowed,
            notes: self.notes,
        }
    }

    async fn ask_for(&self, order: &Order<'_>, visit: &Visit, stored: Option<&Stored>) -> Asked {
        let asked = Instant::now();
        let falls_back = stored.is_some_and(|stored| stored.terms.stands_in(&visit.wishes, asked));
        let finish = self.ask(order, falls_back.then(|| asked + STAND_IN_AFTER)).await;
        let times = Times { asked, answered: Now::read() };
        Asked { result: finish.result, retried: finish.attempts > 1, times }
    }

    /// A replica has confirmed what is stored; `None` when it meant something else.
    async fn confirmed(
        &mut self,
        visit: &mut Visit,
        stored: &Stored,
        update: &AnswerHead,
        retried: bool,
        times: Times,
    ) -> Option<After> {
        if !confirms(&update.fields, stored) {
            return None;
        }
        let cache = &self.worker.shared.cache;
        let fresh = cache.freshen(self.head, &visit.rules, &visit.shelf, stored, &update.fields, times);
        drop(visit.flight.take());
        let note = Note::Forwarded { why: visit.why, then: Then::Confirmed };
        self.serve(&fresh, note, Outcome::Revalidated, retried).await
    }

    /// Delivers what replicas said, or a stale answer in its stead.
    async fn conclude(
        mut self,
        mut visit: Box<Visit>,
        order: &Order<'_>,
        asked: Asked,
        stored: Option<Arc<Stored>>,
    ) -> After {
        let good = asked.result.as_ref().is_ok_and(|answer| !is_error(answer.head.status));
        let stand_in = stored.as_deref().filter(|s| !good && s.terms.stands_in(&visit.wishes, Instant::now()));
        if let Some(stand_in) = stand_in {
            drop(visit.flight.take());
            let note = Note::Forwarded { why: visit.why, then: Then::StoodIn };
            if let Some(after) = self.serve(stand_in, note, Outcome::Stale, asked.retried).await {
                return after;
            }
        }
        let outcome = if visit.why == Why::Bypass { Outcome::Bypass } else { Outcome::Miss };
        self.worker.shared.cache.outcomes(self.component).count(outcome);
        let mut answer = match asked.result {
            Ok(answer) => answer,
            Err(lost) => {
                drop(visit.flight.take());
                match lost {
                    lost if self.is_held() => return self.lose(lost.kind, asked.retried),
                    Lost { answer: Some(answer), .. } => answer,
                    lost => return self.fail(lost.kind, asked.retried).await,
                }
            }
        };
        let filling = self.filling(&mut visit, &answer.head, asked.times);
        let then = if filling.as_ref().is_some_and(Filling::is_certain) { Then::Stored } else { Then::Passed };
        answer.head.fields = Note::Forwarded { why: visit.why, then }.put_on(&answer.head.fields);
        self.deliver(order, answer, asked.retried, filling).await
    }

    /// Begins to store an answer, if that is allowed and of use; else lets those go who wait for it.
    fn filling(&self, visit: &mut Visit, head: &AnswerHead, times: Times) -> Option<Filling> {
        if visit.good_for == GoodFor::One {
            return None;
        }
        let cache = &self.worker.shared.cache;
        let terms = judge(self.head, head.status, &head.fields, &visit.rules, times);
        if let Ok(terms) = terms
            && Filling::fits(head, visit.rules.body_bytes)
        {
            let (shelf, flight) = (visit.shelf.clone(), visit.flight.take());
            return Some(Filling::begin(shelf, head, terms, visit.rules.body_bytes, flight));
        }
        if head.status != 304 && !is_error(head.status) {
            match visit.flight {
                Some(_) => cache.set_apart(&visit.shelf, Instant::now()),
                None => cache.store.forget(&visit.shelf.key, &visit.shelf.request),
            }
        }
        drop(visit.flight.take());
        None
    }
}
