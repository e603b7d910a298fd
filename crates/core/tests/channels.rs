//! Where messages go is part of the log: a channel gets what is written after it was configured, and nothing twice.

use downbeat_core::incident::{Book, Channel, EffectId, Event, Outcome, Record};
use downbeat_core::model::{Audience, IncidentId, Moment, Name, Notice, NoticeId, Slice, SourceClass, Stage};

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

/// A book, told one event after the other.
#[derive(Default)]
struct Tale(Book);

impl Tale {
    fn tell(&mut self, event: Event) {
        let seq = self.0.last_seq + 1;
        self.0.apply(&Record { seq, at: Moment::from_millis(seq), event }).expect("it fits");
    }

    fn channels(&mut self, names: &[&str]) {
        let channels = names.iter().map(|n| Channel { name: name(n), audience: Audience::OnCall }).collect();
        self.tell(Event::ChannelsSet { channels });
    }

    fn suspect(&mut self, id: u64) {
        self.tell(Event::Suspected {
            incident: IncidentId(id),
            title: "Playback failing".into(),
            slice: Slice::everywhere(),
            since: Moment::from_millis(1),
            findings: vec![],
            bits: [(SourceClass::Edge, Default::default())].into(),
        });
    }

    fn page(&mut self, incident: u64, count: u32) {
        let id = NoticeId { incident: IncidentId(incident), count };
        let (title, body) = ("Playback failing".into(), "Look.".into());
        let (audience, stage, slice) = (Audience::OnCall, Stage::Investigating, Slice::everywhere());
        self.tell(Event::NoticeWritten {
            notice: Notice { id, audience, stage, title, body, translations: Default::default(), slice },
        });
    }

    fn sent(&mut self, incident: u64, count: u32, channel: &str) {
        let (notice, channel) = (NoticeId { incident: IncidentId(incident), count }, name(channel));
        self.tell(Event::NoticeSent { notice, channel, outcome: Outcome::Done });
    }

    fn dismiss(&mut self, id: u64) {
        self.tell(Event::Dismissed { incident: IncidentId(id), why: "nothing more came".into() });
    }

    /// What is still to be sent: `incident.notice to channel`.
    fn unsent(&self) -> Vec<String> {
        let line = |id: &EffectId| match id {
            EffectId::Deliver(notice, channel) => Some(format!("{notice} to {channel}")),
            _ => None,
        };
        self.0.pending.keys().filter_map(line).collect()
    }
}

#[test]
fn a_new_channel_hears_nothing_of_the_past() {
    let mut tale = Tale::default();
    tale.channels(&["pager"]);
    tale.suspect(1);
    tale.page(1, 1);
    tale.sent(1, 1, "pager");
    tale.channels(&["chat", "pager"]);
    assert!(tale.unsent().is_empty(), "{:?}", tale.unsent());
    tale.page(1, 2);
    assert_eq!(tale.unsent(), ["1.2 to chat", "1.2 to pager"]);
}

#[test]
fn what_waits_for_a_channel_that_is_gone_still_waits() {
    let mut tale = Tale::default();
    tale.channels(&["pager"]);
    tale.suspect(1);
    tale.page(1, 1);
    tale.channels(&["chat"]);
    assert_eq!(tale.unsent(), ["1.1 to pager"], "the outbox tells that it is no longer configured");
}

/// An earlier release wrote no channels: what it had not sent yet is sent, what is long over is not.
#[test]
fn of_a_log_without_channels_only_what_was_in_flight_is_sent() {
    let mut tale = Tale::default();
    for incident in 1..=3 {
        tale.suspect(incident);
        tale.page(incident, 1);
    }
    tale.dismiss(1);
    tale.sent(2, 1, "pager");
    tale.page(2, 2);
    tale.dismiss(2);
    tale.channels(&["chat", "pager"]);
    assert_eq!(tale.unsent(), ["2.2 to pager", "3.1 to chat", "3.1 to pager"]);
}
