//! A story in the simulated world: the same steps in virtual time, once with Downbeat and once while it only watches.

use crate::crowd::Tally;
use crate::error::DrillError;
use crate::hub::{Case, NoticeLine, RemedyLine, Sent, TimelineLine};
use crate::listener::{Account, playhead::Heard};
use crate::names::Answer;
use crate::score::{BudgetScore, Facts, Nothing, Requests, Scorecard, hundredths, score, silence};
use crate::story::{Action, Condition, Deed, Step, Story};
use downbeat_core::detect::BudgetReading;
use downbeat_core::incident::{Incident, NoticeCase, Outcome, RemedyCase};
use downbeat_core::model::{Audience, BudgetId, Moment, Name, Topology};
use downbeat_sim::script::{self, Act, NameAnswer, Once, Played, Script};
use std::time::Duration;

/// The channel that stands for the status page.
const STATUS_PAGE: &str = "status-page";
/// Bytes of a piece of music, for a line that carries so many a second.
const PIECE_BYTES: f64 = 40_000.0;

/// Lives through a story in virtual time, next to doing nothing.
///
/// # Errors
/// When a step names what the simulated world does not have.
pub fn simulate(story: &Story, seed: u64, listeners: usize) -> Result<Scorecard, DrillError> {
    let script = script(story, seed, listeners);
    let with = script.perform()?;
    let without = script.perform_without(with.duration)?;
    let harm = with.harm(&without);
    let found = with.violations.iter().chain(&harm);
    let violations: Vec<String> = found.map(|v| format!("{} at {} s: {}", v.invariant, v.at_s, v.what)).collect();
    Ok(score(&Facts {
        story,
        expect: &story.expect_simulated,
        mode: "sim",
        without: Some(nothing(&without)),
        seed,
        fault: with.fault,
        duration: with.duration,
        listeners: with.silence.iter().map(|silence| (Account::default(), heard(*silence))).collect(),
        tally: Tally { total: with.requests.total, failed: with.requests.failed, ..Tally::default() },
        retried: with.requests.retried,
        resumed: 0,
        cases: with.incidents.iter().map(|incident| case(incident, &with.topology)).collect(),
        violations: Ok(violations),
        orders: with.orders,
        budgets: with.budgets.iter().map(budget).collect(),
    }))
}

fn nothing(played: &Played) -> Nothing {
    let script::Requests { total, failed, retried } = played.requests;
    Nothing {
        silence_s: silence(played.silence.iter().copied()),
        requests: Requests { total, failed, retried, resumed: 0 },
    }
}

fn budget((id, reading): (&BudgetId, &BudgetReading)) -> BudgetScore {
    BudgetScore {
        component: id.component.clone(),
        indicator: id.indicator,
        objective: reading.promise.share().as_percent(),
        burn: reading.burns.last().and_then(|(_, burn)| *burn).map(hundredths),
        alert: reading.burning.map(|burning| burning.rule.urgency),
    }
}

fn heard(silence: Duration) -> Account {
    Account { heard: Heard { silence, ..Heard::default() }, ..Account::default() }
}

// --- The story as a script

fn script(story: &Story, seed: u64, listeners: usize) -> Script {
    Script {
        seed,
        listeners,
        setting: story.setting.clone(),
        warm_up: story.warm_up,
        after: story.after,
        steps: story.steps.iter().map(step).collect(),
    }
}

fn step(step: &Step) -> script::Step {
    let once = step.once.map(|condition| match condition {
        Condition::Confirmed => Once::Confirmed,
        Condition::Mitigated => Once::Mitigated,
        Condition::AllUp => Once::AllUp,
    });
    let act = match &step.deed {
        Deed::Action(action) => act(action),
        Deed::Trouble(trouble) => Act::Trouble(trouble.clone()),
    };
    script::Step { time: step.time, once, pause: step.pause, act }
}

fn act(action: &Action) -> Act {
    match action {
        Action::Kill { replica } => Act::Kill(replica.name()),
        Action::Stop { replica } => Act::Stop(replica.name()),
        Action::Continue { replica } => Act::Continue(replica.name()),
        Action::Deploy { replica, version, from, defects } => Act::Deploy {
            replica: replica.name(),
            version: version.clone(),
            from: from.clone(),
            defects: defects.clone(),
        },
        Action::Configure { region, to, from, defects } => Act::Configure {
            region: named(region.word()),
            to: to.clone(),
            from: from.clone(),
            defects: defects.clone(),
        },
        Action::Blackhole { region } => Act::Blackhole(named(region.word())),
        Action::Thin { region, delay, bytes_per_second } => {
            let carried = |bytes: u64| Duration::from_secs_f64(PIECE_BYTES / bytes.max(1) as f64);
            let later = delay.or(bytes_per_second.map(carried)).unwrap_or_default();
            Act::Thin(named(region.word()), later)
        }
        Action::Names { region, answer } => Act::Names(named(region.word()), answered(*answer)),
        Action::Surge { component, rate } => Act::Surge(named(component.word()), *rate),
        Action::Attack { network, rate } => Act::Attack(network.host(0), *rate),
        Action::KillHub => Act::KillHub,
        Action::StartHub => Act::StartHub,
        Action::Heal { what } => Act::Heal(*what),
    }
}

const fn answered(answer: Answer) -> NameAnswer {
    match answer {
        Answer::Right => NameAnswer::Right,
        Answer::Wrong => NameAnswer::Wrong,
        Answer::None | Answer::Broken | Answer::Silent => NameAnswer::None,
    }
}

fn named(word: &str) -> Name {
    Name::new(word).expect("places and components have words that are names")
}

// --- The hub's book as its interface tells it

fn case(incident: &Incident, topology: &Topology) -> Case {
    Case {
        id: incident.id.0,
        state: incident.state.word().to_owned(),
        suspected_at_ms: incident.suspected_at,
        confirmed_at_ms: incident.confirmed_at,
        public_word_at_ms: public_word(incident),
        mitigated_at_ms: incident.mitigated_at,
        restored_at_ms: incident.restored_at,
        resolved_at_ms: incident.resolved_at,
        hypotheses: incident.hypotheses.clone(),
        remedies: incident.remedies.iter().map(|case| remedy(case, topology)).collect(),
        notices: incident.notices.iter().map(notice).collect(),
        review: incident.review.clone(),
        timeline: incident.timeline.iter().map(line).collect(),
    }
}

fn public_word(incident: &Incident) -> Option<Moment> {
    let public = incident.notices.iter().filter(|case| case.notice.audience == Audience::Public);
    let taken = public
        .flat_map(|case| &case.sent)
        .filter(|(channel, (_, outcome))| channel.as_str() == STATUS_PAGE && *outcome == Outcome::Done);
    taken.map(|(_, (at, _))| *at).min()
}

fn remedy(case: &RemedyCase, topology: &Topology) -> RemedyLine {
    RemedyLine {
        kind: case.remedy.kind,
        components: case.remedy.route.components(topology),
        stage: case.stage.word().to_owned(),
        started_at_ms: case.started_at,
    }
}

fn notice(case: &NoticeCase) -> NoticeLine {
    let sent =
        |(channel, (_, outcome)): (&Name, &(Moment, Outcome))| (channel.to_string(), Sent { outcome: outcome.clone() });
    NoticeLine {
        audience: case.notice.audience,
        stage: case.notice.stage.word().to_owned(),
        sent: case.sent.iter().map(sent).collect(),
    }
}

fn line(record: &downbeat_core::incident::Record) -> TimelineLine {
    TimelineLine { headline: record.event.headline(), record: record.clone() }
}
