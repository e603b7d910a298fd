//! The lesson: reads a finished incident and writes its review.
//!
//! The review is blameless and made of facts: what users met, when what was known, what helped, and tasks that follow
//! from what was missing. A person adds to it; nothing in it has to be filled in.

use crate::incident::{Event, Incident, RemedyCase, RemedyStage, Verdict};
use crate::model::{CauseKind, Moment, Policy, RemedyKind, SourceClass};
use std::fmt::Write as _;

/// The review of a finished incident, in Markdown: summary, figures, timeline, cause, what helped, tasks.
///
/// `clock` turns a moment into text for people, in UTC; the core knows no calendar.
pub fn review(incident: &Incident, policy: &Policy, clock: impl Fn(Moment) -> String) -> String {
    let mut page = String::new();
    summary(&mut page, incident, policy, &clock);
    figures(&mut page, incident);
    cause(&mut page, incident);
    remedies(&mut page, incident);
    timeline(&mut page, incident, &clock);
    words(&mut page, incident, &clock);
    tasks(&mut page, incident);
    page
}

/// Writing to a `String` cannot fail; this keeps the pages free of ceremony.
macro_rules! line {
    ($page:expr, $($text:tt)*) => {
        writeln!($page, $($text)*).expect("writing to a String cannot fail")
    };
}

fn summary(page: &mut String, incident: &Incident, policy: &Policy, clock: &dyn Fn(Moment) -> String) {
    line!(page, "# {}\n", incident.title);
    let cause = incident.cause().map_or(CauseKind::Unknown, |c| c.kind);
    let lasted = incident.resolved_at.map_or("and still open".into(), |at| format!("to {}", clock(at)));
    line!(page, "Incident {} of {}, from {} {lasted}.\n", incident.id, policy.topology.service, clock(incident.since));
    let helped = incident.remedies.iter().rev().find(|r| has_helped(r));
    let helped = helped.map_or("It ended without an action of ours.".to_string(), |r| {
        format!("What ended it for users: {} {}.", doing(r.remedy.kind), r.remedy.slice)
    });
    line!(page, "The most likely cause is {} {}. {helped}\n", article(cause.title()), cause.title());
}

fn figures(page: &mut String, incident: &Incident) {
    line!(page, "## Figures\n\n| from the onset to | it took |\n|---|---|");
    let marks = [
        ("suspected", Some(incident.suspected_at)),
        ("confirmed", incident.confirmed_at),
        (
            "first public word",
            incident.notices.iter().find(|n| n.notice.audience == crate::model::Audience::Public).map(|n| n.at),
        ),
        ("a cause named", incident.diagnosed_at),
        ("users served again", incident.mitigated_at),
        ("all traffic back", incident.restored_at),
        ("resolved", incident.resolved_at),
    ];
    for (mark, at) in marks {
        line!(page, "| {mark} | {} |", at.map_or("did not happen".into(), |at| span(incident.since, at)));
    }
    let first = incident.first_class.map_or("nobody", SourceClass::word);
    let bits: Vec<String> = incident.bits.iter().map(|(class, bits)| format!("{} {bits}", class.word())).collect();
    line!(
        page,
        "\nSeen first by: {first}. Evidence at its height: {}. Relapses: {}.\n",
        bits.join(", "),
        incident.relapses
    );
}

fn cause(page: &mut String, incident: &Incident) {
    line!(page, "## Cause\n");
    for (rank, hypothesis) in incident.hypotheses.iter().take(3).enumerate() {
        let percent = hypothesis.posterior * 100.0;
        line!(page, "{}. **{}**, {} ({percent:.0} %)", rank + 1, hypothesis.kind.title(), hypothesis.slice);
        for fact in &hypothesis.because {
            line!(page, "   - {fact}");
        }
    }
    line!(page, "\n| found | where | expected | seen | bits |\n|---|---|---|---|---|");
    for f in incident.findings.iter().take(10) {
        line!(
            page,
            "| {} | {} | {} | {} of {} | {:.0} |",
            f.title(),
            f.slice,
            f.measure.figure(f.expected),
            f.measure.figure(f.observed),
            f.total,
            f.bits.0
        );
    }
    line!(page, "");
}

fn remedies(page: &mut String, incident: &Incident) {
    line!(page, "## What was done\n");
    if incident.remedies.is_empty() && incident.refusals.is_empty() {
        line!(page, "Nothing.");
    }
    for case in &incident.remedies {
        let seen = case.observed.as_deref().unwrap_or("not judged");
        line!(page, "- {} {} {}: {} ({seen})", case.remedy.id, case.remedy.kind, case.remedy.slice, case.stage.word());
    }
    for (kind, slice, guard, why) in &incident.refusals {
        line!(page, "- {kind} {slice}: refused by {guard}, {why}");
    }
    line!(page, "");
}

fn timeline(page: &mut String, incident: &Incident, clock: &dyn Fn(Moment) -> String) {
    line!(page, "## Timeline\n\n| time | after | what |\n|---|---|---|");
    for record in &incident.timeline {
        let what = record.event.headline().replace('|', "\\|").replace('\n', " ");
        line!(page, "| {} | {} | {what} |", clock(record.at), span(incident.since, record.at));
    }
    line!(page, "");
}

fn words(page: &mut String, incident: &Incident, clock: &dyn Fn(Moment) -> String) {
    line!(page, "## What the public read\n");
    let public = incident.notices.iter().filter(|n| n.notice.audience == crate::model::Audience::Public);
    for case in public {
        line!(page, "- {} *{}*: {}", clock(case.at), case.notice.stage.title(), case.notice.body.replace('\n', " "));
    }
    line!(page, "");
}

fn tasks(page: &mut String, incident: &Incident) {
    line!(page, "## Tasks\n");
    for task in tasks_of(incident) {
        line!(page, "- [ ] {task}");
    }
    line!(page, "- [ ] Repeat this outage as a drill and see that it is shorter.");
}

/// The tasks that follow from the facts: each names what was missing.
fn tasks_of(incident: &Incident) -> Vec<String> {
    let mut tasks = Vec::new();
    if let Some(cause) = incident.cause() {
        tasks.push(task_for(cause.kind, &cause.slice.to_string()));
    }
    for (kind, slice, guard, why) in &incident.refusals {
        tasks.push(format!("Remove what made {guard} refuse to {kind} {slice}: {why}."));
    }
    if incident.first_class == Some(SourceClass::Report) {
        tasks.push("Users saw it before we did: add a probe for what they told.".into());
    }
    if incident.relapses > 0 {
        tasks.push("It came back on the way back: find out what the gate did not see.".into());
    }
    if incident.remedies.iter().any(|case| was_in_vain(incident, case)) {
        tasks.push("A remedy did not help: compare its hypothesis with what was found later.".into());
    }
    tasks
}

fn task_for(kind: CauseKind, place: &str) -> String {
    match kind {
        CauseKind::Overload => format!("Find the capacity limit that {place} met and prove a higher one by a drill."),
        CauseKind::BadDeploy => {
            format!("Find the fault in {place} and a test that would have stopped it before the canary.")
        }
        CauseKind::BadConfig => format!("Check changes of settings for {place} before they reach a whole region."),
        CauseKind::Network => {
            format!("Ask who runs the path to {place} what happened; check that its capacity elsewhere is proven.")
        }
        CauseKind::Dns => format!("Find out who changed the names of {place}, and watch the zone."),
        CauseKind::Dependency => format!("Find what {place} depends on and give it a degraded mode without it."),
        CauseKind::Attack => format!("Review the limits for networks like {place}; tell its owner."),
        CauseKind::Host => format!("Find out why {place} died: its own log, its machine, its memory."),
        CauseKind::Unknown => "Find the cause by hand and add the signal that would have shown it.".into(),
    }
}

/// Taken back without ever having helped; what an operator takes back after it helped was not in vain.
fn was_in_vain(incident: &Incident, case: &RemedyCase) -> bool {
    let verdicts = || {
        incident.timeline.iter().filter_map(|record| match &record.event {
            Event::RemedyJudged { remedy, verdict, .. } if *remedy == case.remedy.id => Some(*verdict),
            _ => None,
        })
    };
    let judged = |wanted: Verdict| verdicts().any(|verdict| verdict == wanted);
    judged(Verdict::Reverted) && !judged(Verdict::Kept)
}

fn has_helped(case: &RemedyCase) -> bool {
    matches!(case.stage, RemedyStage::Kept | RemedyStage::Lifting | RemedyStage::Lifted | RemedyStage::Superseded)
}

fn doing(kind: RemedyKind) -> &'static str {
    match kind {
        RemedyKind::Divert => "sending the traffic elsewhere, away from",
        RemedyKind::RollBack => "rolling back",
        RemedyKind::Restart => "restarting",
        RemedyKind::Shed => "shedding a share of",
        RemedyKind::Limit => "limiting",
        RemedyKind::Pin => "holding the last good addresses of",
    }
}

/// The article that goes before it.
fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Rounded as everywhere else, so that the review and the console tell one story.
fn span(from: Moment, to: Moment) -> String {
    let ms = to.since(from).as_millis();
    match ms {
        0..120_000 => format!("{:.1} s", to.since(from).as_secs_f64()),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_named_with_its_article() {
        let named = |kind: CauseKind| format!("{} {}", article(kind.title()), kind.title());
        assert_eq!(named(CauseKind::Attack), "an attack");
        assert_eq!(named(CauseKind::Overload), "an overload");
        assert_eq!(named(CauseKind::Unknown), "an unknown cause");
        assert_eq!(named(CauseKind::Host), "a failed host");
    }

    #[test]
    fn spans_are_rounded() {
        let at = Moment::from_millis;
        for (ms, text) in [(0, "0.0 s"), (966, "1.0 s"), (3_449, "3.4 s"), (119_999, "120.0 s"), (125_000, "2 min 5 s")]
        {
            assert_eq!(span(at(5_000), at(5_000 + ms)), text);
        }
    }
}
