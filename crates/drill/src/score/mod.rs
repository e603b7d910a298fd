//! The scorecard of a drill: what was seen, in figures, and what of it was not as expected. A pure function of
//! the facts.

mod card;
mod judge;

pub use card::{BudgetScore, CauseScore, Nothing, RemedyScore, Requests, Scorecard, Silence};

use crate::crowd::Tally;
use crate::hub::Case;
use crate::listener::Account;
use crate::story::{Expect, Story};
use downbeat_core::model::{Audience, CauseKind, Hypothesis, Moment, Slice};
use std::time::Duration;

/// Everything that was seen in one drill.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) story: &'a Story,
    /// What has to come of it in the world that it was lived through in.
    pub(crate) expect: &'a Expect,
    /// Which world that is, in the scorecard's words.
    pub(crate) mode: &'static str,
    /// What doing nothing comes to, where that is known.
    pub(crate) without: Option<Nothing>,
    pub(crate) seed: u64,
    /// When the fault began, on the hub's clock.
    pub(crate) fault: Moment,
    /// From the fault to the end.
    pub(crate) duration: Duration,
    /// Each listener at the fault and at the end.
    pub(crate) listeners: Vec<(Account, Account)>,
    /// What the crowd got between the two.
    pub(crate) tally: Tally,
    /// Requests that the edge tried more than once, and bodies that it continued elsewhere.
    pub(crate) retried: u64,
    pub(crate) resumed: u64,
    /// All incidents of the run, oldest first.
    pub(crate) cases: Vec<Case>,
    /// What the hub's own audit found, if it could be had.
    pub(crate) violations: Result<Vec<String>, String>,
    /// Orders that the supervisor carried out, repeats not counted.
    pub(crate) orders: usize,
    /// The error budgets at the end.
    pub(crate) budgets: Vec<BudgetScore>,
}

/// Draws the scorecard.
pub(crate) fn score(facts: &Facts<'_>) -> Scorecard {
    let mut card = draw(facts);
    card.failed_expectations = judge::judge(facts, &card);
    card.passed = card.failed_expectations.is_empty();
    card
}

fn draw(facts: &Facts<'_>) -> Scorecard {
    let main = facts.main_case();
    let confirmed: Vec<&Case> = facts.confirmed().collect();
    let seconds = |at: Option<Moment>| at.map(|at| facts.seconds(at));
    let expected = facts.expect.incidents;
    Scorecard {
        drill: facts.story.name.to_string(),
        mode: facts.mode,
        seed: facts.seed,
        listeners: facts.listeners.len(),
        duration_s: hundredths(facts.duration.as_secs_f64()),
        silence_s: silence(heard_since(&facts.listeners)),
        requests: Requests {
            total: facts.tally.total,
            failed: facts.tally.failed,
            retried: facts.retried,
            resumed: facts.resumed,
        },
        suspected_s: seconds(main.map(|case| case.suspected_at_ms)),
        confirmed_s: seconds(main.and_then(|case| case.confirmed_at_ms)),
        public_word_s: seconds(main.and_then(|case| case.public_word_at_ms)),
        cause_s: seconds(main.and_then(|case| facts.cause_found(case))),
        mitigated_s: seconds(main.and_then(|case| case.mitigated_at_ms)),
        restored_s: seconds(main.and_then(|case| case.restored_at_ms)),
        resolved_s: seconds(main.and_then(|case| case.resolved_at_ms)),
        cause: main.and_then(|case| facts.cause(case)),
        incidents: confirmed.len(),
        false_incidents: facts.early().count() + confirmed.len().saturating_sub(expected + facts.early().count()),
        pages: confirmed.iter().map(|case| pages(case)).sum(),
        remedies: confirmed.iter().flat_map(|case| remedies(case)).collect(),
        guards_violated: facts.violations.as_ref().map_or(0, Vec::len),
        budgets: facts.budgets.clone(),
        review: main.and_then(|case| case.review.clone()),
        passed: false,
        failed_expectations: Vec::new(),
        doing_nothing: facts.without.clone(),
    }
}

impl Facts<'_> {
    /// Confirmed incidents, oldest first.
    fn confirmed(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.confirmed_at_ms.is_some())
    }

    /// Confirmed incidents that were there before the fault.
    fn early(&self) -> impl Iterator<Item = &Case> {
        self.confirmed().filter(|case| case.suspected_at_ms < self.fault)
    }

    /// The incident that the story is about: the first one confirmed after the fault, or else the first one.
    fn main_case(&self) -> Option<&Case> {
        let after = |case: &&Case| case.suspected_at_ms >= self.fault;
        self.confirmed().find(after).or_else(|| self.confirmed().next()).or_else(|| self.cases.iter().find(after))
    }

    /// Seconds from the fault; negative before it.
    fn seconds(&self, at: Moment) -> f64 {
        let (at, fault) = (at.as_millis() as f64, self.fault.as_millis() as f64);
        hundredths((at - fault) / 1_000.0)
    }

    fn is_expected(&self, kind: CauseKind, place: &Slice) -> bool {
        self.expect.cause.as_ref().is_some_and(|cause| cause.kind == kind && cause.place.covers(place))
    }

    /// When the right cause was ranked first.
    fn cause_found(&self, case: &Case) -> Option<Moment> {
        let right = |hypotheses: &[Hypothesis]| {
            hypotheses.first().is_some_and(|first| self.is_expected(first.kind, &first.slice))
        };
        case.rankings().find(|(_, hypotheses)| right(hypotheses)).map(|(at, _)| at)
    }

    fn cause(&self, case: &Case) -> Option<CauseScore> {
        let first = case.hypotheses.first()?;
        let right = |hypothesis: &Hypothesis| self.is_expected(hypothesis.kind, &hypothesis.slice);
        Some(CauseScore {
            kind: first.kind,
            place: first.slice.clone(),
            rank: case.hypotheses.iter().position(right).map(|place| place + 1),
            expected: self.expect.cause.clone(),
        })
    }
}

fn heard_since(listeners: &[(Account, Account)]) -> impl Iterator<Item = Duration> {
    listeners.iter().map(|(before, after)| after.heard.silence.saturating_sub(before.heard.silence))
}

/// By listener in, all together out.
pub(crate) fn silence(listeners: impl Iterator<Item = Duration>) -> Silence {
    let all: Vec<f64> = listeners.map(|silence| silence.as_secs_f64()).collect();
    Silence {
        total: hundredths(all.iter().sum()),
        max: hundredths(all.iter().copied().fold(0.0, f64::max)),
        listeners: all.iter().filter(|silence| **silence > 0.0).count(),
    }
}

/// Times that somebody was called: messages to whoever is on call that a channel took, but the one that says
/// that it is over.
fn pages(case: &Case) -> usize {
    let calls = case.notices.iter().filter(|n| n.audience == Audience::OnCall && n.stage != "resolved");
    calls.filter(|n| n.sent.values().any(|sent| sent.outcome == downbeat_core::incident::Outcome::Done)).count()
}

fn remedies(case: &Case) -> impl Iterator<Item = RemedyScore> {
    let started = case.remedies.iter().filter(|remedy| remedy.started_at_ms.is_some());
    started.map(|remedy| RemedyScore {
        kind: remedy.kind,
        helped: remedy.helped(),
        components: remedy.components.clone(),
    })
}

/// Hundredths of a second are as fine as anything here is known.
pub(crate) fn hundredths(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
