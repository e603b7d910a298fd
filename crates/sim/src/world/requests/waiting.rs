//! The waiting room: who finds no seat at any replica waits for one, is called, or waits in vain.

use super::{Because, Key};
use crate::world::{Happening, World};
use downbeat_edge::policy::{Told, Waiting};

impl World {
    pub(super) fn wait(&mut self, key: Key) {
        let now = self.instant();
        let Some(request) = self.requests.get(key) else { return };
        let (edge, id) = (request.edge, self.ids.components[request.component]);
        match self.edges[edge].policy.enter(id, now) {
            Some(waiter) => {
                self.marks.reach("request: waits for a seat");
                let left = waiter.deadline().saturating_duration_since(now);
                self.edges[edge].waiting.push((key, waiter));
                self.queue.plan(self.now + left, Happening::WaitEnds(key));
            }
            None => {
                self.marks.reach("request: the waiting room is full");
                self.edges[edge].policy.shed(id, now);
                self.answer(key, Told::shed());
            }
        }
    }

    /// The time in the waiting room is over.
    pub(crate) fn wait_ends(&mut self, key: Key) {
        let now = self.instant();
        let Some(request) = self.requests.get(key) else { return };
        let (edge, id) = (request.edge, self.ids.components[request.component]);
        let Some(place) = self.edges[edge].waiting.iter().position(|(waiting, _)| *waiting == key) else { return };
        let (_, waiter) = self.edges[edge].waiting.swap_remove(place);
        let policy = &mut self.edges[edge].policy;
        policy.leave(waiter, now);
        policy.shed(id, now);
        self.marks.reach("request: waited in vain");
        self.answer(key, Told::shed());
    }

    /// Looks who was called, after seats became free.
    pub(super) fn call(&mut self, edge: usize) {
        let mut n = 0;
        while n < self.edges[edge].waiting.len() {
            let now = self.instant();
            match self.edges[edge].waiting[n].1.look() {
                Waiting::Still => n += 1,
                Waiting::Called => {
                    let (key, waiter) = self.edges[edge].waiting.swap_remove(n);
                    self.edges[edge].policy.leave(waiter, now);
                    self.marks.reach("request: called from the waiting room");
                    self.attempt(key, Because::First);
                }
                Waiting::Displaced => {
                    let (key, waiter) = self.edges[edge].waiting.swap_remove(n);
                    self.edges[edge].policy.leave(waiter, now);
                    self.marks.reach("request: displaced from the waiting room");
                    self.answer(key, Told::shed());
                }
            }
        }
    }
}
