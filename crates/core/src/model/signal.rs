//! What somebody or something observed: the wire types of the edge, the probes, the users and the deployers.
//!
//! None of these carries a time of its own. The hub stamps what it receives, so that no sender's clock can
//! move a window (invariant F2); a roll-up covers the second before it arrives.

use super::{ChangeId, FailureKind, MetricLook, Moment, Name, Sketch, Slice, Tally, TrafficPlan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One observation that arrives at the hub. A change event is no observation but a fact: it goes to the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all of them are roll-ups, and none is kept: a box would cost more than it saves"
)]
pub enum Signal {
    /// What an edge saw in one second.
    RollUp(RollUp),
    /// What a probe found.
    Probe(ProbeResult),
    /// What a user told.
    Report(Report),
    /// What a user who had told of something says when asked whether it works again.
    Answer(Answer),
    /// What somebody says of a service of theirs that ours depends on.
    Upstream(UpstreamWord),
    /// What a look at a metric of others brought.
    Metric(MetricLook),
}

/// What one edge saw in one second. Sent once a second whatever happened, so that its absence is a signal.
///
/// Edges may be newer or older than their hub (invariant C7), here and in the rows: fields that are not known are passed
/// over, fields that are not there have the value of somebody who saw nothing. Only what says whom a row is about must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollUp {
    /// The edge's name.
    pub edge: Name,
    /// Drawn anew at each start of the edge, so that a restarted counter is not taken for a repeat.
    pub boot: u64,
    /// 1, 2, 3, … within one boot; a repeat is dropped.
    pub seq: u64,
    /// How long the stretch was, in milliseconds: 1,000 but for scheduling.
    #[serde(default = "second")]
    pub span_ms: u32,
    /// The epoch of the traffic plan in force at the end of the stretch; 0 before the first.
    #[serde(default)]
    pub plan_epoch: u64,
    /// The newest plan this edge refused, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_refused: Option<(u64, String)>,
    /// The traffic plan in force, unless it asks for nothing: a hub that knows nothing of it, because its log was lost, must
    /// neither take it back nor act on top of it unknowingly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<TrafficPlan>,
    /// Attempts at replicas, one row per component and replica that had any.
    #[serde(default)]
    pub upstream: Vec<UpstreamRow>,
    /// Answers to clients, one row per component and client network, bounded (the rest under `other`).
    #[serde(default)]
    pub clients: Vec<ClientRow>,
    /// What clients waited for, one row per component that answered any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<ComponentRow>,
    /// The state of each replica, every time.
    #[serde(default)]
    pub replicas: Vec<ReplicaRow>,
    /// Look-ups of replicas' host names that ended in this stretch.
    #[serde(default)]
    pub lookups: Vec<LookupRow>,
    /// Active sessions, one row per component that had any and one for the service: told every ten seconds or so where the edge
    /// knows sessions, else never.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionRow>,
    /// Whose the clients' networks are, where a table of autonomous systems says so: by network. The hub fills it in, no edge
    /// has a say in it.
    #[serde(skip)]
    pub systems: BTreeMap<Name, Name>,
}

/// Attempts of an edge at one replica for one component. A retried request is several attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpstreamRow {
    /// What was wanted.
    pub component: Name,
    /// Who was asked.
    pub replica: Name,
    /// How it went.
    #[serde(default)]
    pub tally: Tally,
    /// Sum of the times to the first byte, in microseconds, over the attempts that had one.
    #[serde(default)]
    pub first_byte_us: u64,
    /// Longest time to the first byte, in microseconds.
    #[serde(default)]
    pub first_byte_us_max: u64,
    /// Body bytes read from the replica.
    #[serde(default)]
    pub bytes: u64,
    /// Attempts made besides a silent one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hedged: u64,
    /// The times to the first byte in microseconds.
    #[serde(default, skip_serializing_if = "Sketch::is_empty")]
    pub first_byte: Sketch,
}

/// Answers of an edge to the clients of one network for one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientRow {
    /// What was wanted.
    pub component: Name,
    /// The clients' network, or `other`.
    #[serde(default = "other")]
    pub network: Name,
    /// How it went, as the client saw it: shed, limited and denied are failures by kind here.
    #[serde(default)]
    pub tally: Tally,
    /// Of those shed, so many because the plan keeps their feature out. A hub that knows no features sees a shed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withheld: u64,
    /// Requests that needed more than one attempt.
    #[serde(default)]
    pub retried: u64,
    /// Bodies that went on from another replica in mid-stream.
    #[serde(default)]
    pub resumed: u64,
    /// Body bytes sent to clients.
    #[serde(default)]
    pub bytes: u64,
}

impl ClientRow {
    /// Stands for all the networks that have no row of their own; it is no network.
    pub const OTHER: &'static str = "other";

    /// A tally as it is told: what was withheld stands among what was shed, and by itself.
    pub fn told(mut tally: Tally) -> (Tally, u64) {
        let withheld = tally.failures.remove(FailureKind::Withheld);
        if withheld > 0 {
            tally.failures.raise(FailureKind::Shed, withheld);
        }
        (tally, withheld)
    }

    /// The tally as it was before it was told.
    pub fn counted(&self) -> Tally {
        let mut tally = self.tally.clone();
        if self.withheld > 0 {
            let shed = tally.failures.remove(FailureKind::Shed);
            let withheld = self.withheld.min(shed);
            let kinds = [(FailureKind::Shed, shed - withheld), (FailureKind::Withheld, withheld)];
            kinds.into_iter().filter(|(_, n)| *n > 0).for_each(|(kind, n)| tally.failures.raise(kind, n));
        }
        tally
    }
}

/// What the clients of one component waited for, all networks together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentRow {
    /// What was wanted.
    pub component: Name,
    /// From a request's head to the head of its answer, retries and hedges included, in microseconds.
    #[serde(default)]
    pub first_byte: Sketch,
}

/// The state of one replica, as one edge knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplicaRow {
    /// Which replica.
    pub replica: Name,
    /// Its version: from its answers where the configuration names a header, else as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Name>,
    /// Active health checks that ended in this stretch.
    #[serde(default)]
    pub checks: Tally,
    /// Requests in flight at the end of the stretch.
    #[serde(default)]
    pub in_flight: u64,
    /// True while the edge itself sends this replica nothing.
    #[serde(default)]
    pub ejected: bool,
}

/// Look-ups of one host name by one edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LookupRow {
    /// The host name.
    pub host: Name,
    /// The region whose replicas it leads to, when they are all in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Name>,
    /// How the look-ups ended: `Unresolved`, `Misdirected` (new addresses that did not pass a check), or well.
    #[serde(default)]
    pub tally: Tally,
    /// True while the edge goes on with the last good addresses against the name's word.
    #[serde(default)]
    pub held: bool,
}

/// How many sessions were active at an edge within the last five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// At which component; at any where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// How many, about: an estimate with a standard error of 2.3 %.
    #[serde(default)]
    pub active: u64,
}

/// What kind of probe it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// One HTTP request with conditions on the answer.
    Http,
    /// A TCP connection.
    Tcp,
    /// A look-up of a name, with the addresses expected.
    Dns,
    /// A certificate's time to live.
    Tls,
    /// A walk of several steps, as a user takes it.
    Journey,
    /// Music, listened to at the speed at which it is heard.
    Stream,
    /// Whether something calls as often as it should.
    Heartbeat,
    /// gRPC's own health check.
    Grpc,
    /// A WebSocket, and what is said on it.
    #[serde(rename = "websocket")]
    WebSocket,
    /// An ICMP echo.
    Icmp,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeResult {
    /// The probe's name.
    pub probe: Name,
    /// Its kind.
    pub kind: ProbeKind,
    /// Where it looks from.
    pub vantage: Name,
    /// What it looks at.
    pub slice: Slice,
    /// What it found.
    pub outcome: ProbeOutcome,
}

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// All was as it should be, after so many milliseconds.
    Passed {
        /// Milliseconds from start to end.
        latency_ms: u64,
        /// What was heard, of a stream or of the last one of a journey.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heard: Option<Heard>,
    },
    /// It was not.
    Failed {
        /// In which way.
        failure: FailureKind,
        /// For people: which step, what was expected, what came.
        detail: String,
        /// The component of the step that failed, when the probe walks through several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        component: Option<Name>,
    },
    /// The probe itself could not run; says nothing about the service.
    Unknown {
        /// For people.
        detail: String,
    },
}

/// What a probe heard that listened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Milliseconds from the press of the button to the first sound.
    pub start_up_ms: u64,
    /// Milliseconds of music.
    pub music_ms: u64,
    /// Milliseconds after the first sound in which there was nothing to be heard.
    pub silence_ms: u64,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |ms: u64| ms as f64 / 1e3;
        let (start_up, music, silence) = (seconds(self.start_up_ms), seconds(self.music_ms), seconds(self.silence_ms));
        write!(f, "music after {start_up:.1} s, {silence:.1} s of silence in {music:.1} s")
    }
}

/// What a user told by the report button.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What is wrong, from the configured list.
    pub category: Name,
    /// Which component, when the user said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// Which region, when known from the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Name>,
    /// The reporter's network; several reports of one network count as one (invariant G1).
    pub network: Name,
    /// The autonomous system that the network belongs to, where a table of them is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Name>,
    /// How many reports of this kind a minute are usual at this hour of the week; no sender has a say in it.
    #[serde(skip)]
    pub usual_per_minute: Option<f64>,
    /// The same of 100,000 active sessions, which counts instead where sessions are known.
    #[serde(skip)]
    pub usual_of_100k: Option<f64>,
}

/// Whether it works again, in the words of somebody who reported that it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Works {
    /// It does.
    Again,
    /// It does not.
    NotYet,
}

/// What somebody who reported answers when asked whether it works again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Which component they had reported, when they said.
    pub component: Option<Name>,
    /// From which region, when it was known.
    pub region: Option<Name>,
    /// The network they answer from.
    pub network: Name,
    /// The autonomous system it belongs to, where a table of them is given.
    pub system: Option<Name>,
    /// When they had reported it.
    pub reported_at: Moment,
    /// What they say.
    pub works: Works,
}

/// How a service is that ours depends on, in the words of those who run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamHealth {
    /// They say nothing, or nothing that can be read.
    Unknown,
    /// As it should be.
    Works,
    /// Slower than usual, or worked on.
    Ails,
    /// In part or as a whole.
    Down,
}

/// What those say who run a service that ours depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamWord {
    /// Which of those in the policy.
    pub upstream: Name,
    /// How it is.
    pub health: UpstreamHealth,
    /// What they call the trouble; empty when there is none.
    pub said: String,
}

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A version was brought out.
    Deploy,
    /// A configuration was changed.
    Config,
}

/// A change event: who deploys or configures, tells the hub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The sender's id; a repeat is dropped (invariant D7).
    pub id: ChangeId,
    /// What kind of change.
    pub kind: ChangeKind,
    /// What it touched.
    pub slice: Slice,
    /// The version brought out, or the configuration's new name.
    pub to: Name,
    /// What was there before; needed to go back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Name>,
    /// For people: one line.
    #[serde(default)]
    pub summary: String,
    /// True when going back is not possible, for example after a data migration.
    #[serde(default)]
    pub one_way: bool,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The usual stretch of a roll-up in milliseconds.
fn second() -> u32 {
    1_000
}

fn other() -> Name {
    Name::new(ClientRow::OTHER).expect("five letters are a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C7: what an edge of the next release may say.
    #[test]
    fn a_roll_up_of_a_later_edge_is_read() {
        let roll: RollUp = serde_json::from_str(
            r#"{"edge":"e","boot":1,"seq":1,"span_ms":1000,"plan_epoch":0,"weather":{"sunny":true},
                "upstream":[{"component":"login","replica":"eu-1","first_byte_us":3,"first_byte_us_max":3,"bytes":9,
                    "tally":{"total":9,"failures":{"reset":1,"wrong":1,"bewitched":2},"bewitched_most":1},
                    "first_byte":{"scheme":9,"counts":[]},"novelty":[1]}],
                "clients":[{"component":"login","network":"10.0.0.0/24","tally":{"total":1},"retried":0,"resumed":0,
                    "bytes":0,"novelty":1}],
                "replicas":[{"replica":"eu-1","checks":{"total":1},"in_flight":0,"ejected":false,"novelty":1}],
                "lookups":[{"host":"eu.example","tally":{"total":1},"held":false,"novelty":1}],
                "sessions":[{"active":9,"novelty":1}],"novelty":[]}"#,
        )
        .expect("a later edge's words are passed over");
        let row = &roll.upstream[0];
        assert_eq!((row.bytes, row.first_byte.is_empty()), (9, true));
        assert_eq!(row.tally.failures, [(FailureKind::Reset, 1), (FailureKind::Wrong, 3)].into());
        assert_eq!(roll.sessions, [SessionRow { component: None, active: 9 }]);
    }

    /// C7: what is withheld is shed for a hub that knows no features, and no failure of the service for one that does.
    #[test]
    fn what_is_withheld_is_told_as_shed_and_counted_by_itself() {
        let (shed, withheld) = (FailureKind::Shed, FailureKind::Withheld);
        for (failures, told, apart) in [
            (vec![(shed, 2), (withheld, 3)], vec![(shed, 5)], 3),
            (vec![(withheld, 3)], vec![(shed, 3)], 3),
            (vec![(shed, 2)], vec![(shed, 2)], 0),
        ] {
            let tally = Tally { total: 9, slow: 0, failures: failures.into_iter().collect() };
            let (as_told, n) = ClientRow::told(tally.clone());
            assert_eq!((&as_told.failures, n), (&told.into_iter().collect(), apart));
            let (component, network) = (Name::new("login").expect("good"), Name::new("other").expect("good"));
            let row = ClientRow { component, network, tally: as_told, withheld: n, retried: 0, resumed: 0, bytes: 0 };
            assert_eq!(row.counted(), tally);
        }
        let lie = r#"{"component":"login","tally":{"total":9,"failures":{"shed":1}},"withheld":7}"#;
        let row: ClientRow = serde_json::from_str(lie).expect("read");
        assert_eq!(row.counted().failures, [(withheld, 1)].into(), "no more than were shed");
    }

    /// C7: what an edge of an earlier release may leave out.
    #[test]
    fn a_roll_up_of_an_earlier_edge_is_read() {
        let roll: RollUp = serde_json::from_str(
            r#"{"edge":"e","boot":1,"seq":1,"upstream":[{"component":"login","replica":"eu-1"}],
                "clients":[{"component":"login","tally":{"failures":{}}}],"components":[{"component":"login"}],
                "replicas":[{"replica":"eu-1"}],"lookups":[{"host":"eu.example"}]}"#,
        )
        .expect("what is not said has a default");
        assert_eq!((roll.span_ms, roll.plan_epoch), (1_000, 0));
        assert_eq!((roll.upstream[0].tally.total, roll.clients[0].network.as_str()), (0, ClientRow::OTHER));
        assert!(!roll.replicas[0].ejected && !roll.lookups[0].held);
        let nobody = serde_json::from_str::<RollUp>(r#"{"boot":1,"seq":1}"#);
        assert!(nobody.is_err(), "whose roll-up it is has to be said");
    }
}
