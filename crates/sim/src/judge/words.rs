//! What is believed and who is told (E1, E2, G2, J1).

use super::{Judge, Track};
use downbeat_core::incident::Verb;
use downbeat_core::model::{Audience, Bits, IncidentId, Moment, Name, Notice, NoticeId, RemedyId, SourceClass};
use std::collections::BTreeMap;
use std::time::Duration;

/// A page has to be written within this time of a confirmation (E1), while the hub lives.
const PAGE_WITHIN: Duration = Duration::from_secs(10);
/// A class with so many bits agrees.
const AGREES: f64 = 8.0;

impl Judge {
    /// The actuator did what a remedy asks for (A6, A9).
    pub(crate) fn acted(&mut self, remedy: RemedyId) {
        let times = self.acted.entry(remedy).or_default();
        *times += 1;
        if *times > 1 {
            self.find("A6", format!("remedy {remedy} was carried out twice"));
        }
    }

    /// A channel took a message (E2): once, but for what was in doubt when the hub died.
    pub(crate) fn delivered(&mut self, notice: NoticeId, channel: &Name, boot: u32) {
        let (times, last) = self.delivered.entry((notice, channel.clone())).or_insert((0, 0));
        *times += 1;
        let twice = *times > 1 && *last == boot;
        *last = boot;
        if twice {
            self.find("E2", format!("{notice} went out twice on {channel}"));
        }
    }

    pub(super) fn grow(&mut self, incident: IncidentId, bits: &BTreeMap<SourceClass, Bits>) {
        let track = self.incidents.entry(incident).or_default();
        for (class, bits) in bits {
            let height = track.bits.entry(*class).or_default();
            *height = height.max(bits.0);
        }
    }

    /// G2: users' reports alone confirm nothing.
    pub(super) fn confirmed(&mut self, incident: IncidentId, at: Moment) {
        let track = self.incidents.entry(incident).or_default();
        track.confirmed_at.get_or_insert(at);
        track.acked = track.taken;
        let measured = track.bits.iter().any(|(class, bits)| *class != SourceClass::Report && *bits >= AGREES);
        let told = self.told.classes().iter().any(|class| *class != SourceClass::Report);
        if !measured || !told {
            self.find("G2", format!("incident {incident} was confirmed by reports alone"));
        }
    }

    /// What a person does to an incident that concerns who is called and who acts (E3): what was to be sent is recalled.
    pub(super) fn seen(&mut self, id: IncidentId, verb: Verb) {
        let track = self.incidents.entry(id).or_default();
        match verb {
            Verb::Ack => track.acked = true,
            Verb::TakeOver => (track.acked, track.taken) = (true, true),
            Verb::HandBack => track.taken = false,
            Verb::Hold | Verb::Release => {}
        }
        if track.acked {
            self.unsent.retain(|_, notice| notice.id.incident != id || !notice.is_call());
        }
    }

    /// A message is being sent (E3): nobody is called for what somebody has seen.
    pub(crate) fn sends(&mut self, notice: &Notice) {
        let (id, incident) = (notice.id, notice.id.incident);
        if self.incidents.get(&incident).is_some_and(|track| track.acked) && notice.is_call() {
            self.find("E3", format!("{id} goes out, though somebody has seen incident {incident}"));
        }
    }

    /// J1: the public hears of what is confirmed, and of nothing else. E3: and nobody of what somebody has seen.
    pub(super) fn noticed(&mut self, notice: &Notice) {
        let incident = notice.id.incident;
        self.unsent.insert(notice.id, notice.clone());
        let track = self.incidents.entry(incident).or_default();
        if track.acked && notice.is_call() {
            return self.find("E3", format!("{} calls for incident {incident}, which somebody has seen", notice.id));
        }
        match notice.audience {
            Audience::OnCall => track.paged = true,
            Audience::Public if track.confirmed_at.is_none() => {
                self.find("J1", format!("the public was told of incident {incident}, which is not confirmed"));
            }
            Audience::Public | Audience::Team => {}
        }
    }

    /// E1: whoever is on call hears of what is confirmed.
    pub(super) fn pages(&mut self, now: Moment) {
        let due = |track: &Track| {
            track.confirmed_at.is_some_and(|at| now.since(at.max(self.started_at)) > PAGE_WITHIN)
                && !(track.paged || track.acked)
        };
        let late: Vec<IncidentId> = self.incidents.iter().filter(|(_, t)| due(t)).map(|(id, _)| *id).collect();
        for id in late {
            self.find("E1", format!("nobody was paged for incident {id}"));
        }
    }

    /// E1: when nothing is left to be sent, every message has gone out, or its channel would not have it.
    pub(super) fn all_sent(&mut self) {
        if let Some(notice) = self.unsent.keys().next().copied() {
            self.find("E1", format!("{notice} was written and never sent"));
        }
    }
}
