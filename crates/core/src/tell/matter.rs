//! Words for the team: what is the matter, how bad it is, and what is asked of them.

use super::{capital, span};
use crate::model::{Indicator, Name, Promise};
use std::time::Duration;

/// A vantage point cannot look: its title.
pub(crate) fn blind_title(vantage: &Name) -> String {
    format!("Vantage point {vantage} cannot look")
}

/// Why it cannot, and who still looks.
pub(crate) fn blind(why: &str, others: usize) -> String {
    format!("{}. What it would see is UNKNOWN, and no evidence of anything. {}", capital(why), still_looking(others))
}

/// A vantage point says nothing any more: its title.
pub(crate) fn silent_title(vantage: &Name) -> String {
    format!("Vantage point {vantage} is not heard")
}

/// What that means, and who still looks.
pub(crate) fn silent(others: usize) -> String {
    format!("It has missed three of its turns. What it would see is UNKNOWN. {}", still_looking(others))
}

fn still_looking(others: usize) -> String {
    match others {
        0 => "No other vantage point looks: what only users would meet is not seen.".into(),
        1 => "One other vantage point looks.".into(),
        others => format!("{others} other vantage points look."),
    }
}

/// It can again.
pub(crate) const SIGHTED: &str = "It looks again.";

/// It has been away for so long that it will not come back.
pub(crate) const GONE: &str = "It has not been heard for a day and counts as taken away.";

/// No edge is heard: the title.
pub(crate) const DEAF_TITLE: &str = "No edge is heard";

/// What that means.
pub(crate) const DEAF: &str = "How the service does for its clients is UNKNOWN. Until an edge is heard nothing is confirmed, nothing is \
                               done, and nobody is called about an outage: see whether the edges and the way from them to the hub \
                               are well.";

/// One is.
pub(crate) const HEARD: &str = "An edge is heard again. What happened meanwhile was not seen.";

/// The hub did not get to its work: the title.
pub(crate) const LATE_TITLE: &str = "The hub was late";

/// For how long, and what may be behind it.
pub(crate) fn late(gap: Duration) -> String {
    format!(
        "It decided nothing for {}: what happened meanwhile was seen late or not at all. Its machine may be too busy, its disk too \
         slow, or it was stopped.",
        span(gap)
    )
}

/// It does again.
pub(crate) const IN_TIME: &str = "It has kept up for five minutes.";

/// A public word is due soon: the title.
pub(crate) fn word_due_title(incident: &str) -> String {
    format!("The public waits for a word: {incident}")
}

/// Which word, and how soon.
pub(crate) fn word_due(said: u32, left: Duration) -> String {
    let left = span(left);
    match said {
        0 => {
            format!("The incident is confirmed, and nothing was said of it in public. The first word is due in {left}.")
        }
        _ => format!("The update that was promised in public is due in {left}."),
    }
}

/// A public word should have been said: the title.
pub(crate) fn word_overdue_title(incident: &str) -> String {
    format!("The public was kept waiting: {incident}")
}

/// Which word.
pub(crate) fn word_overdue(said: u32) -> String {
    match said {
        0 => "The incident is confirmed, and nothing was said of it in public. The first word is overdue.".into(),
        _ => "The update that was promised in public is overdue, and the status page says so.".into(),
    }
}

/// When a budget is watched no longer.
pub(crate) const NOT_PROMISED: &str = "The configuration promises nothing of it any more.";

/// "Playback uses up its error budget".
pub(crate) fn burn_title(promise: Promise, component: &str) -> String {
    let budget = match promise.indicator() {
        Indicator::Success => "error budget",
        Indicator::Latency => "latency budget",
    };
    format!("{component} uses up its {budget}")
}

/// A budget burns slowly, over a long and a short window.
pub(crate) fn burn(promise: Promise, (long, short): (Duration, Duration), rate: f64, left: f64) -> String {
    format!(
        "{}. Over {} it was used up {rate:.1} times as fast as it may, and over {} it goes on. {} Nobody is called for this: \
         look within days.",
        promised(promise),
        hours(long),
        hours(short),
        remains(left)
    )
}

/// It no longer does.
pub(crate) fn burn_over(promise: Promise, left: f64) -> String {
    format!("{}. It is used up no faster than it may. {}", promised(promise), remains(left))
}

fn promised(promise: Promise) -> String {
    let share = promise.share().as_percent();
    match promise {
        Promise::Success(_) => format!("{share} % of the requests are promised"),
        Promise::Latency(latency) => format!("{share} % within {:?} are promised", latency.below()),
    }
}

fn remains(left: f64) -> String {
    if left > 0.0 {
        format!("{:.0} % of the budget of 30 days is left.", left * 100.0)
    } else {
        "Nothing of the budget of 30 days is left.".into()
    }
}

fn hours(window: Duration) -> String {
    match window.as_secs() / 3_600 {
        hours @ 0..48 => format!("{hours} hours"),
        _ => span(window),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LatencyObjective, Objective};

    #[test]
    fn a_ticket_says_what_is_promised_and_what_is_left() {
        let share = Objective::percent(99.0).expect("a good objective");
        let windows = (Duration::from_secs(72 * 3_600), Duration::from_secs(6 * 3_600));
        assert_eq!(burn_title(Promise::Success(share), "Playback"), "Playback uses up its error budget");
        assert_eq!(
            burn(Promise::Success(share), windows, 2.34, 0.612),
            "99 % of the requests are promised. Over 3 days it was used up 2.3 times as fast as it may, and over 6 hours it goes \
             on. 61 % of the budget of 30 days is left. Nobody is called for this: look within days."
        );
        let latency = LatencyObjective::new(Duration::from_millis(300), share).expect("a good promise");
        assert_eq!(
            burn_over(Promise::Latency(latency), -0.2),
            "99 % within 300ms are promised. It is used up no faster than it may. Nothing of the budget of 30 days is left."
        );
    }
}
