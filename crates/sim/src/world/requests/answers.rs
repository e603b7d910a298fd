//! Answers: what a client and its edge hear of a request.

use super::Key;
use crate::world::World;
use downbeat_core::model::FailureKind;
use downbeat_edge::policy::{Answered, Told};

impl World {
    /// Some of those that a request stands for are not tried again.
    pub(super) fn part(&mut self, key: Key, leaving: u32, told: Told) {
        if leaving > 0 {
            self.tell_edge(key, told, leaving);
            let Some(request) = self.requests.get(key) else { return };
            request.times -= leaving;
            let who = request.who;
            self.toll.lose(who, leaving);
        }
    }

    /// A client gets its answer.
    pub(super) fn answer(&mut self, key: Key, told: Told) {
        let Some(request) = self.requests.get(key) else { return };
        if request.told {
            return;
        }
        request.told = true;
        let (who, component, times) = (request.who, request.component, request.times);
        self.tell_edge(key, told, times);
        self.requests.sweep(key);
        self.hears(who, component, times, told.failure.map_or(Ok(()), Err));
    }

    pub(super) fn tell_edge(&mut self, key: Key, told: Told, times: u32) {
        let (now, at) = (self.now, self.instant());
        let Some(request) = self.requests.get(key) else { return };
        let network = self.crowd.network(request.who, &self.ids);
        let (component, took) = (self.ids.components[request.component], now.since(request.began));
        let (retried, edge) = (request.tries.started() > 1, request.edge);
        self.requests.retried += if retried { u64::from(times) } else { 0 };
        self.edges[edge].policy.answered(Answered { component, network, told, took, retried, times }, at);
    }

    /// The edge dies, and with it all that its clients wait for.
    pub(crate) fn drop_requests_of(&mut self, edge: usize) {
        self.edges[edge].waiting.clear();
        for key in self.requests.of_edge(edge) {
            let Some(request) = self.requests.get(key) else { continue };
            let (who, component, times, told) = (request.who, request.component, request.times, request.told);
            (request.told, request.out) = (true, Vec::new());
            self.requests.sweep(key);
            if !told {
                self.hears(who, component, times, Err(FailureKind::Reset));
            }
        }
    }
}
