//! What the public page says of itself, language by language. What people write is never translated.
//!
//! Templates hand references over, so that is what is taken.
//!
//! A language is one value of [`Phrases`]: whatever it lacks does not compile. `{0}`, `{1}`, `{2}` are filled in.

mod de;
mod en;
mod es;
mod fr;
mod reporting;
mod subscribing;

use crate::faces::claim::{Claim, Indicator};
use crate::faces::stamp::Stamp;
use downbeat_core::incident::{Condition, MaintenancePhase};
use downbeat_core::model::{Language, Stage};
use downbeat_core::tell;
use reporting::Reporting;
use subscribing::Subscribing;

/// The phrases of one language.
#[derive(Debug)]
pub(crate) struct Phrases {
    // The frame.
    pub(crate) skip: &'static str,
    pub(crate) status: &'static str,
    pub(crate) pages: &'static str,
    pub(crate) history: &'static str,
    pub(crate) feed: &'static str,
    pub(crate) calendar: &'static str,
    pub(crate) subscribe: &'static str,
    pub(crate) languages: &'static str,
    pub(crate) utc: &'static str,
    pub(crate) machines: &'static str,
    pub(crate) kept_by: &'static str,
    pub(crate) incidents: &'static str,
    pub(crate) maintenance: &'static str,
    /// `{0}` is a time like "5 minutes", filled in by the page's script.
    pub(crate) old: &'static str,
    // How it is.
    headlines: Headlines,
    pub(crate) unmeasured: &'static str,
    pub(crate) measured_at: &'static str,
    pub(crate) last_measured_at: &'static str,
    pub(crate) last_claim: &'static str,
    pub(crate) never_measured: &'static str,
    // Components.
    pub(crate) components: &'static str,
    pub(crate) other_components: &'static str,
    pub(crate) no_components: &'static str,
    claims: Claims,
    conditions: Conditions,
    pub(crate) being_checked: &'static str,
    pub(crate) worked_on: &'static str,
    pub(crate) last_known: &'static str,
    pub(crate) not_measured: &'static str,
    pub(crate) not_everybody: &'static str,
    pub(crate) by_region: &'static str,
    /// Requests a second, milliseconds to the first byte, share of attempts that failed.
    pub(crate) figures: &'static str,
    // Ninety days.
    pub(crate) days_ago: &'static str,
    pub(crate) today: &'static str,
    pub(crate) uptime: &'static str,
    pub(crate) no_history: &'static str,
    pub(crate) bars: &'static str,
    pub(crate) worked: &'static str,
    pub(crate) degraded: &'static str,
    pub(crate) down: &'static str,
    pub(crate) under_maintenance: &'static str,
    pub(crate) maintenance_not_counted: &'static str,
    pub(crate) no_data_not_counted: &'static str,
    pub(crate) days_worked: &'static str,
    pub(crate) days_unknown: &'static str,
    pub(crate) days_without_data: &'static str,
    pub(crate) no_trouble: &'static str,
    pub(crate) trouble_on: &'static str,
    // The last two minutes, and reports.
    pub(crate) recent: &'static str,
    pub(crate) requests: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) reports: &'static str,
    pub(crate) nothing_counted: &'static str,
    pub(crate) something_wrong: &'static str,
    pub(crate) which: &'static str,
    pub(crate) do_not_know: &'static str,
    pub(crate) report_note: &'static str,
    pub(crate) reporting: Reporting,
    pub(crate) subscribing: Subscribing,
    // Incidents and maintenance.
    stages: Stages,
    phases: Phases,
    impacts: Headlines,
    pub(crate) past_incidents: &'static str,
    pub(crate) none_on_record: &'static str,
    pub(crate) nothing_on_record: &'static str,
    pub(crate) all_history: &'static str,
    pub(crate) all_months: &'static str,
    pub(crate) months: &'static str,
    pub(crate) happened: &'static str,
    pub(crate) now: &'static str,
    pub(crate) said: &'static str,
    pub(crate) noticed: &'static str,
    pub(crate) state: &'static str,
    pub(crate) impact: &'static str,
    pub(crate) began: &'static str,
    pub(crate) ended: &'static str,
    pub(crate) lasted: &'static str,
    pub(crate) touches: &'static str,
    pub(crate) touches_nothing: &'static str,
    pub(crate) next_update: &'static str,
    pub(crate) update_was_due: &'static str,
    pub(crate) late: &'static str,
    pub(crate) scheduled_maintenance: &'static str,
    pub(crate) from: &'static str,
    pub(crate) until: &'static str,
    pub(crate) planned_for: &'static str,
    /// State, how long, impact: how an incident went.
    pub(crate) went: &'static str,
    /// State and impact of an incident that goes on.
    pub(crate) goes: &'static str,
    /// How long and state: how maintenance went.
    pub(crate) maintained: &'static str,
    pub(crate) maintenance_cancelled: &'static str,
    pub(crate) maintenance_began: &'static str,
    pub(crate) maintenance_ended: &'static str,
    // What other pages told.
    /// How it went, and the name of the page.
    pub(crate) imported: &'static str,
    /// Before the name of the page.
    pub(crate) imported_from: &'static str,
    pub(crate) imported_note: &'static str,
    pub(crate) postmortem: &'static str,
    pub(crate) verifying: &'static str,
    // What is not there.
    pub(crate) not_here: &'static str,
    pub(crate) no_such_page: &'static str,
    pub(crate) long_ago: &'static str,
    // Dates.
    /// After the number of a day.
    day_dot: &'static str,
    months_long: [&'static str; 12],
    months_short: [&'static str; 12],
}

/// The states of the whole.
#[derive(Debug)]
struct Headlines {
    none: &'static str,
    maintenance: &'static str,
    minor: &'static str,
    major: &'static str,
    critical: &'static str,
}

/// What is claimed.
#[derive(Debug)]
struct Claims {
    operational: &'static str,
    under_maintenance: &'static str,
    degraded: &'static str,
    partial: &'static str,
    major: &'static str,
}

/// What is measured.
#[derive(Debug)]
struct Conditions {
    unknown: &'static str,
    healthy: &'static str,
    degraded: &'static str,
    down: &'static str,
}

/// Where an incident's story stands.
#[derive(Debug)]
struct Stages {
    investigating: &'static str,
    identified: &'static str,
    monitoring: &'static str,
    resolved: &'static str,
}

/// Where announced work stands.
#[derive(Debug)]
struct Phases {
    scheduled: &'static str,
    in_progress: &'static str,
    completed: &'static str,
    cancelled: &'static str,
}

impl Headlines {
    const fn of(&self, indicator: &Indicator) -> &'static str {
        match indicator {
            Indicator::None => self.none,
            Indicator::Maintenance => self.maintenance,
            Indicator::Minor => self.minor,
            Indicator::Major => self.major,
            Indicator::Critical => self.critical,
        }
    }
}

impl Phrases {
    /// Those of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &en::PHRASES,
            Language::De => &de::PHRASES,
            Language::Fr => &fr::PHRASES,
            Language::Es => &es::PHRASES,
        }
    }

    /// The state of the whole in a few words.
    pub(crate) const fn headline(&self, indicator: &Indicator) -> &'static str {
        self.headlines.of(indicator)
    }

    /// How much was lost.
    pub(crate) const fn impact(&self, impact: &Indicator) -> &'static str {
        self.impacts.of(impact)
    }

    /// What is claimed.
    pub(crate) const fn claim(&self, claim: &Claim) -> &'static str {
        match claim {
            Claim::Operational => self.claims.operational,
            Claim::UnderMaintenance => self.claims.under_maintenance,
            Claim::DegradedPerformance => self.claims.degraded,
            Claim::PartialOutage => self.claims.partial,
            Claim::MajorOutage => self.claims.major,
        }
    }

    /// What is measured.
    pub(crate) const fn condition(&self, condition: &Condition) -> &'static str {
        match condition {
            Condition::Unknown => self.conditions.unknown,
            Condition::Healthy => self.conditions.healthy,
            Condition::Degraded => self.conditions.degraded,
            Condition::Down => self.conditions.down,
        }
    }

    /// Where an incident's story stands.
    pub(crate) const fn stage(&self, stage: &Stage) -> &'static str {
        match stage {
            Stage::Investigating => self.stages.investigating,
            Stage::Identified => self.stages.identified,
            Stage::Monitoring => self.stages.monitoring,
            Stage::Resolved => self.stages.resolved,
        }
    }

    /// Where announced work stands.
    pub(crate) const fn phase(&self, phase: &MaintenancePhase) -> &'static str {
        match phase {
            MaintenancePhase::Scheduled => self.phases.scheduled,
            MaintenancePhase::InProgress => self.phases.in_progress,
            MaintenancePhase::Completed => self.phases.completed,
            MaintenancePhase::Cancelled => self.phases.cancelled,
        }
    }

    /// Where a story stands, by Statuspage's word for it; that word itself when none of ours is meant.
    pub(crate) fn standing(&self, word: &'static str) -> &'static str {
        let stages = [Stage::Investigating, Stage::Identified, Stage::Monitoring, Stage::Resolved];
        let phases = [
            MaintenancePhase::Scheduled,
            MaintenancePhase::InProgress,
            MaintenancePhase::Completed,
            MaintenancePhase::Cancelled,
        ];
        let stage = stages.iter().find(|stage| stage.word() == word).map(|stage| self.stage(stage));
        let phase = || phases.iter().find(|phase| phase.word() == word).map(|phase| self.phase(phase));
        stage.or_else(phase).unwrap_or(word)
    }

    /// What is said of announced work: translated where the hub says it by itself.
    pub(crate) fn of_work<'a>(&self, body: &'a str) -> &'a str {
        match body {
            tell::MAINTENANCE_BEGAN => self.maintenance_began,
            tell::MAINTENANCE_ENDED => self.maintenance_ended,
            body => body,
        }
    }

    /// `22 Nov 2026, 14:03:08 UTC`.
    pub(crate) fn full(&self, stamp: &Stamp) -> String {
        format!("{}, {} UTC", self.day(stamp), stamp.clock())
    }

    /// `22 Nov 2026, 14:03 UTC`, for what people agree upon.
    pub(crate) fn minute(&self, stamp: &Stamp) -> String {
        format!("{}, {} UTC", self.day(stamp), &stamp.clock()[..5])
    }

    /// `22 Nov, 14:03 UTC`, where the year does not matter.
    pub(crate) fn short(&self, stamp: &Stamp) -> String {
        let (_, month, day) = stamp.date();
        format!("{day}{} {}, {} UTC", self.day_dot, self.months_short[month], &stamp.clock()[..5])
    }

    /// `22 Nov 2026`.
    pub(crate) fn day(&self, stamp: &Stamp) -> String {
        let (year, month, day) = stamp.date();
        format!("{day}{} {} {year}", self.day_dot, self.months_short[month])
    }

    /// `November 2026`.
    pub(crate) fn month(&self, stamp: &Stamp) -> String {
        let (year, month, _) = stamp.date();
        format!("{} {year}", self.months_long[month])
    }
}

/// A phrase with its gaps filled.
pub(crate) fn fill(phrase: &str, parts: &[&str]) -> String {
    let mut text = String::with_capacity(phrase.len() + 16);
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (gap, behind) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(gap.parse().ok().and_then(|gap: usize| parts.get(gap)).copied().unwrap_or_default());
        rest = behind;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::Moment;

    #[test]
    fn gaps_are_filled_once() {
        let table = [
            ("{0} of {1}", &["3", "{0}"][..], "3 of {0}"),
            ("{1}, {1}", &["a", "b"], "b, b"),
            ("nothing", &["a"], "nothing"),
            ("{7}{", &["a"], ""),
        ];
        for (phrase, parts, expected) in table {
            assert_eq!(fill(phrase, parts), expected, "{phrase}");
        }
    }

    #[test]
    fn dates_are_those_of_the_language() {
        let stamp = Stamp(Moment::from_millis(1_795_356_188_250));
        let table = [
            (Language::En, "22 Nov 2026, 14:03:08 UTC", "November 2026"),
            (Language::De, "22. Nov. 2026, 14:03:08 UTC", "November 2026"),
            (Language::Fr, "22 nov. 2026, 14:03:08 UTC", "novembre 2026"),
            (Language::Es, "22 nov 2026, 14:03:08 UTC", "noviembre 2026"),
        ];
        for (language, full, month) in table {
            let phrases = Phrases::of(language);
            assert_eq!((phrases.full(&stamp).as_str(), phrases.month(&stamp).as_str()), (full, month));
        }
        assert_eq!(Phrases::of(Language::De).short(&stamp), "22. Nov., 14:03 UTC");
    }

    #[test]
    fn every_language_has_the_gaps_of_the_first() {
        let gaps = |text: &str| {
            let mut gaps: Vec<&str> = text.match_indices('{').map(|(at, _)| &text[at..at + 3]).collect();
            gaps.sort_unstable();
            gaps.join("")
        };
        let with_gaps = |p: &Phrases| {
            [
                p.old,
                p.figures,
                p.uptime,
                p.days_ago,
                p.days_worked,
                p.days_unknown,
                p.days_without_data,
                p.trouble_on,
                p.went,
                p.goes,
                p.maintained,
                p.imported,
            ]
            .into_iter()
            .chain(p.reporting.with_gaps())
            .chain(p.subscribing.with_gaps())
            .map(gaps)
            .collect::<Vec<_>>()
        };
        for language in Language::ALL {
            assert_eq!(with_gaps(Phrases::of(language)), with_gaps(Phrases::of(Language::En)), "{language}");
        }
    }
}
