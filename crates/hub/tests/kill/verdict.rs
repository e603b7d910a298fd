//! What the log and the receivers say at the end.

use crate::life::Ended;
use downbeat_core::incident::{Actor, Event, Record, Verb};
use downbeat_hub::log::LogReader;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// An effect, as its receiver knows it: channel and key.
type Effect = (String, String);

/// The result of a loop, or of several.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) kills: u32,
    took: Duration,
    records: u64,
    pub(crate) acknowledged: u64,
    pub(crate) effects: u64,
    /// Effects that were sent again because their hub died before their outcome was written.
    in_doubt: u64,
    starts_ms: Vec<u64>,
    pub(crate) violations: Vec<String>,
}

pub(crate) fn of(ended: &Ended) -> Verdict {
    let mut records = Vec::new();
    let told = LogReader::new(&ended.data).replay(|record| {
        records.push(record.clone());
        Ok(())
    });
    told.expect("a sound log");
    let mut violations = commands(ended, &records);
    let outcomes = outcomes(ended, &records, &mut violations);
    let in_doubt = receptions(ended, &outcomes, &seen(ended, &records), &mut violations);
    Verdict {
        kills: ended.plan.kills,
        took: ended.took,
        records: records.len() as u64,
        acknowledged: ended.acknowledged.len() as u64,
        effects: outcomes.len() as u64,
        in_doubt,
        starts_ms: ended.starts_ms.clone(),
        violations,
    }
}

impl Verdict {
    /// Takes the result of another loop in.
    pub(crate) fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.took += other.took;
        self.records += other.records;
        self.acknowledged += other.acknowledged;
        self.effects += other.effects;
        self.in_doubt += other.in_doubt;
        self.starts_ms.extend(other.starts_ms);
        self.starts_ms.sort_unstable();
        self.violations.extend(other.violations);
    }
}

/// Every acknowledged command is in the log, and none is there twice, acknowledged or not.
fn commands(ended: &Ended, records: &[Record]) -> Vec<String> {
    let mut there: BTreeMap<String, u32> = BTreeMap::new();
    for mark in records.iter().filter_map(|record| mark(&record.event)) {
        *there.entry(mark).or_default() += 1;
    }
    let lost = ended.acknowledged.iter().filter(|mark| !there.contains_key(*mark));
    let lost = lost.map(|mark| format!("D1: {mark} was acknowledged and is not in the log"));
    let twice = there.iter().filter(|(_, times)| **times > 1);
    lost.chain(twice.map(|(mark, times)| format!("D7: {mark} is in the log {times} times"))).collect()
}

/// By what an acknowledgement is found again in the log.
fn mark(event: &Event) -> Option<String> {
    match event {
        Event::ChangeTold { change } => Some(change.id.to_string()),
        Event::OperatorActed { who, verb: Verb::Ack, .. } => Some(who.to_string()),
        Event::Resolved { by: Actor::Operator(who), .. } => Some(who.to_string()),
        Event::NoticeWritten { notice } if notice.body.starts_with("word-") => Some(notice.body.clone()),
        _ => None,
    }
}

/// By effect: the life that wrote its outcome. Each effect has one outcome.
fn outcomes(ended: &Ended, records: &[Record], violations: &mut Vec<String>) -> BTreeMap<Effect, usize> {
    let mut outcomes = BTreeMap::new();
    for record in records {
        let effect = match &record.event {
            Event::NoticeSent { notice, channel, .. } => (channel.to_string(), notice.to_string()),
            Event::ActuationEnded { remedy, .. } => ("actuator".to_owned(), remedy.to_string()),
            _ => continue,
        };
        let life = ended.heads.partition_point(|head| *head < record.seq);
        if outcomes.insert(effect.clone(), life).is_some() {
            violations.push(format!("E2: {effect:?} has two outcomes in the log"));
        }
    }
    outcomes
}

/// By incident: the life in which somebody first said that they have seen it.
fn seen(ended: &Ended, records: &[Record]) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for record in records {
        if let Event::OperatorActed { incident: Some(incident), verb: Verb::Ack, .. } = &record.event {
            let life = ended.heads.partition_point(|head| *head < record.seq);
            seen.entry(incident.to_string()).or_insert(life);
        }
    }
    seen
}

/// Every effect with an outside reached its receiver; once in a life, and never after the life that wrote its outcome. A page
/// that was on its way when somebody said that they have seen it is not sent again (E3), so where its hub died right then it
/// has no outcome. Returns how many were sent again.
fn receptions(
    ended: &Ended,
    outcomes: &BTreeMap<Effect, usize>,
    seen: &BTreeMap<String, usize>,
    violations: &mut Vec<String>,
) -> u64 {
    let is_recalled = |(channel, key): &Effect, lives: &[usize]| {
        let seen_in = key.split_once('.').and_then(|(incident, _)| seen.get(incident));
        channel == "pager" && seen_in.is_some_and(|seen_in| lives.iter().all(|life| life <= seen_in))
    };
    let mut lives: BTreeMap<Effect, Vec<usize>> = BTreeMap::new();
    for received in &ended.received {
        lives.entry((received.channel.clone(), received.key.clone())).or_default().push(received.life);
    }
    let outside = |channel: &str| ["pager", "crowd", "actuator"].contains(&channel);
    for effect in outcomes.keys().filter(|effect| outside(&effect.0) && !lives.contains_key(*effect)) {
        violations.push(format!("E1: {effect:?} is done by the log, and was never received"));
    }
    let mut again = 0;
    for (effect, lives) in &mut lives {
        lives.sort_unstable();
        again += lives.len() as u64 - 1;
        if lives.windows(2).any(|pair| pair[0] == pair[1]) {
            violations.push(format!("E2: {effect:?} was sent twice by one hub: lives {lives:?}"));
        }
        match outcomes.get(effect) {
            None if is_recalled(effect, lives) => {}
            None => violations.push(format!("E2: {effect:?} was received and has no outcome")),
            Some(written) if lives.iter().any(|life| life > written) => {
                violations.push(format!("E2: {effect:?} was sent by {lives:?}, its outcome written by {written}"));
            }
            Some(_) => {}
        }
    }
    again
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = |share: usize| self.starts_ms.get(self.starts_ms.len() * share / 100).copied().unwrap_or(0);
        write!(
            f,
            "{} kills in {} s: {} records, {} commands acknowledged, {} effects; violations: {}; \
             sent again while in doubt: {}; start {} ms median, {} ms p99",
            self.kills,
            self.took.as_secs(),
            self.records,
            self.acknowledged,
            self.effects,
            self.violations.len(),
            self.in_doubt,
            start(50),
            start(99),
        )
    }
}
