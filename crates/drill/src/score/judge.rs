//! Compares a scorecard with what the story expects, and says each difference in words.

use super::{Facts, Scorecard};
use downbeat_core::model::RemedyKind;

/// Everything that is not as expected.
pub(super) fn judge(facts: &Facts<'_>, card: &Scorecard) -> Vec<String> {
    let mut failed = Vec::new();
    listening(facts, card, &mut failed);
    timing(facts, card, &mut failed);
    deciding(facts, card, &mut failed);
    ending(facts, card, &mut failed);
    failed
}

fn listening(facts: &Facts<'_>, card: &Scorecard, failed: &mut Vec<String>) {
    let total = card.silence_s.total;
    saving(facts, card, failed);
    if let Some(most) = facts.expect.silence_s.filter(|most| total > *most) {
        failed.push(format!("{total} s of silence, at most {most} s expected"));
    }
    let wrong: u64 = facts.listeners.iter().map(|(_, after)| after.wrong).sum();
    if wrong > 0 {
        failed.push(format!("{wrong} songs came with wrong bytes"));
    }
}

/// What is saved of what doing nothing would have cost.
fn saving(facts: &Facts<'_>, card: &Scorecard, failed: &mut Vec<String>) {
    let (Some(share), Some(without)) = (facts.expect.saves, &facts.without) else { return };
    let (lost, without) = (card.requests.failed as f64 + card.silence_s.total, without.lost());
    if lost > without * (1.0 - share) {
        failed.push(format!(
            "users lost {lost:.0}, and {without:.0} with nothing done: at least {:.0} % saved expected",
            share * 100.0
        ));
    }
}

fn timing(facts: &Facts<'_>, card: &Scorecard, failed: &mut Vec<String>) {
    let expect = facts.expect;
    let mut by = |what: &str, seen: Option<f64>, limit: Option<f64>| match (seen, limit) {
        (Some(seen), Some(limit)) if seen > limit => {
            failed.push(format!("{what} after {seen} s, within {limit} s expected"));
        }
        (None, Some(limit)) => failed.push(format!("{what} never, within {limit} s expected")),
        _ => {}
    };
    by("confirmed", card.confirmed_s, expect.confirmed_s);
    by("first public word", card.public_word_s, expect.public_word_s);
}

fn deciding(facts: &Facts<'_>, card: &Scorecard, failed: &mut Vec<String>) {
    let expect = facts.expect;
    if let Some(cause) = &expect.cause {
        let found = card.cause.as_ref();
        if found.and_then(|found| found.rank).is_none_or(|rank| rank > expect.cause_rank) {
            let found = found.map_or("none".to_owned(), |found| format!("{} at {}", found.kind, found.place));
            failed.push(format!("cause {found}, {} at {} expected", cause.kind, cause.place));
        }
    }
    if card.incidents != expect.incidents {
        failed.push(format!("{} incidents confirmed, {} expected", card.incidents, expect.incidents));
    }
    let helped = |kind: RemedyKind| card.remedies.iter().any(|remedy| remedy.kind == kind && remedy.helped);
    let missing = expect.helped.iter().filter(|kind| !helped(**kind));
    failed.extend(missing.map(|kind| format!("no remedy of kind {kind} that helped")));
    if let Some(orders) = expect.actuations.filter(|orders| *orders != facts.orders) {
        failed.push(format!("{} orders to the supervisor, {orders} expected", facts.orders));
    }
}

fn ending(facts: &Facts<'_>, card: &Scorecard, failed: &mut Vec<String>) {
    let expect = facts.expect;
    if expect.resolved && card.resolved_s.is_none() {
        failed.push("not resolved at the end".to_owned());
    }
    if expect.review && card.review.is_none() {
        failed.push("no review at the end".to_owned());
    }
    match &facts.violations {
        Ok(found) if found.len() > expect.guards_violated => {
            failed.push(format!("{} guards violated: {}", found.len(), found.join("; ")));
        }
        Ok(_) => {}
        Err(why) => failed.push(format!("the hub's audit could not be had: {why}")),
    }
}
