//! A stored answer checked behind the client's back, while it is served stale (RFC 5861, 3).

use crate::ask::attempt::{Answer, Order};
use crate::ask::race::{Terms, Thrift, race};
use crate::cache::coalesce::Flight;
use crate::cache::date::Now;
use crate::cache::filling::{Filling, Shelf};
use crate::cache::policy::{Times, is_error, judge};
use crate::cache::stored::Stored;
use crate::cache::validate::{confirms, plain, revalidation};
use crate::change::settings::CacheSettings;
use crate::change::site::ComponentId;
use crate::choose::tries::Repetition;
use crate::codec::{RequestHead, Trailers};
use crate::door::caller::Caller;
use crate::exchange::relay::collect;
use crate::run::worker::Worker;
use crate::tell::access::Notes;
use bytes::Bytes;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// One check. Others wait for it as for any other exchange, until it ends.
pub(super) struct Renewal {
    pub(super) worker: Rc<Worker>,
    pub(super) component: ComponentId,
    pub(super) caller: Caller,
    pub(super) head: RequestHead,
    pub(super) rules: CacheSettings,
    pub(super) shelf: Shelf,
    pub(super) stored: Arc<Stored>,
    pub(super) flight: Flight,
}

impl Renewal {
    /// Asks a replica, and stores what it says. Where none gives a good answer all stays as it was.
    pub(super) async fn run(self) {
        let head = revalidation(&self.head, &self.stored).unwrap_or_else(|| plain(&self.head));
        let (component, caller, repetition) = (self.component, self.caller, Repetition::Allowed);
        // Nobody asked for this; the access log has no line for it.
        let notes = Notes::new(false);
        let order = Order {
            head: &head,
            body: Bytes::new(),
            trailers: Trailers::default(),
            component,
            caller,
            repetition,
            notes: &notes,
        };
        let (retry, asked) = (&self.worker.shared.settings.retry, Instant::now());
        self.worker.shared.requested(component, 1, asked);
        let deadline = asked + retry.first_byte;
        let terms = Terms { rest: None, extra: retry.extra, thrift: Thrift::Budgeted, deadline };
        if let Ok(answer) = race(&self.worker, &order, terms, &[]).await.result {
            let times = Times { asked, answered: Now::read() };
            self.take(&order, answer, times).await;
        }
    }

    async fn take(self, order: &Order<'_>, answer: Answer, times: Times) {
        let (cache, update) = (&self.worker.shared.cache, answer.head.clone());
        if update.status == 304 {
            collect(&self.worker, order, answer, 0).await;
            if confirms(&update.fields, &self.stored) {
                cache.freshen(&self.head, &self.rules, &self.shelf, &self.stored, &update.fields, times);
            }
            return;
        }
        if is_error(update.status) {
            return;
        }
        let terms = judge(order.head, update.status, &update.fields, &self.rules, times);
        let Some(terms) = terms.ok().filter(|_| Filling::fits(&update, self.rules.body_bytes)) else {
            return cache.set_apart(&self.shelf, Instant::now());
        };
        let most = usize::try_from(self.rules.body_bytes).unwrap_or(usize::MAX);
        if let Some(body) = collect(&self.worker, order, answer, most).await {
            let filling = Filling::begin(self.shelf, &update, terms, self.rules.body_bytes, Some(self.flight));
            if let Some(filling) = filling.piece(&body, cache) {
                filling.store(cache, Now::read());
            }
        }
    }
}
