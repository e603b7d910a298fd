//! Who is told what: titles for operators, words for the public, pages for whoever is on call.
//!
//! The public reads what it can use: which part of the service, where, what is being done, when the next word comes.
//! It never reads names of replicas, versions or networks. What was said is never rewritten; a new word is added.

pub mod lane;
pub mod subscription;
pub mod word;

use crate::model::{
    CauseKind, Dimension, Finding, Hypothesis, IncidentId, Name, Remedy, RemedyKind, Slice, Stage, Topology,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a public word may be made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Titles of the components concerned; all of them when empty.
    pub components: Vec<String>,
    /// Regions concerned; all of them when empty.
    pub regions: Vec<String>,
    /// The cause, when it is certain.
    pub cause: Option<CauseKind>,
    /// What is in force.
    pub remedy: Option<RemedyKind>,
    /// When the next word comes at the latest.
    pub next_update: Duration,
}

impl Facts {
    /// Reads which components and regions are concerned off findings and the likely cause.
    pub fn new(findings: &[Finding], cause: Option<&Hypothesis>, topology: &Topology, next_update: Duration) -> Self {
        let slices: Vec<&Slice> = findings.iter().map(|f| &f.slice).chain(cause.map(|c| &c.slice)).collect();
        let named = |d| slices.iter().filter_map(|s| s.get(d)).cloned().collect::<BTreeSet<Name>>();
        let components = named(Dimension::Component);
        let title = |name: &Name| topology.components.get(name).map_or(name.to_string(), |c| c.title.clone());
        let mut regions = named(Dimension::Region);
        for replica in named(Dimension::Replica) {
            regions.extend(topology.replicas.get(&replica).map(|r| r.region.clone()));
        }
        let everywhere = regions.len() == topology.regions().len();
        Self {
            components: if components.len() == topology.components.len() {
                vec![]
            } else {
                components.iter().map(title).collect()
            },
            regions: if everywhere { vec![] } else { regions.iter().map(Name::to_string).collect() },
            cause: cause.map(|c| c.kind),
            remedy: None,
            next_update,
        }
    }

    fn what(&self) -> String {
        match self.components.as_slice() {
            [] => "the service".into(),
            some => join(some),
        }
    }

    fn place(&self) -> String {
        match self.regions.as_slice() {
            [] => String::new(),
            some => format!(" in {}", join(some)),
        }
    }
}

/// The incident's name, for everybody: "Problems with Log-in in us".
pub fn title(facts: &Facts) -> String {
    format!("Problems with {}{}", facts.what(), facts.place())
}

/// The public word of a stage.
pub fn public_word(stage: Stage, facts: &Facts) -> String {
    let (what, place) = (facts.what(), facts.place());
    match stage {
        Stage::Investigating => format!(
            "We see problems with {what}{place} and are looking into them. Next update within {}.",
            span(facts.next_update)
        ),
        Stage::Identified => format!(
            "We know the cause: {}. {} Next update within {}.",
            cause_for_all(facts.cause),
            doing(facts.remedy),
            span(facts.next_update)
        ),
        Stage::Monitoring => format!(
            "The problems with {what}{place} have stopped. {} We bring everything back in steps and keep watching.",
            done(facts.remedy)
        ),
        Stage::Resolved => format!("The problems with {what}{place} are over. Everything works as usual."),
    }
}

/// The last word about an incident that became part of another.
pub fn goes_on_under(id: IncidentId, title: &str) -> String {
    format!("This is part of incident {id}, “{title}”. What follows is said there.")
}

/// A word of an incident that another became part of.
pub fn belongs_here(id: IncidentId, title: &str) -> String {
    format!("Incident {id}, “{title}”, is part of this one. What follows is said here.")
}

/// The public word when announced work begins.
pub const MAINTENANCE_BEGAN: &str = "The maintenance has begun.";

/// The public word when it is over.
pub const MAINTENANCE_ENDED: &str = "The maintenance is over.";

/// The name of an incident that is made of what edges had in force when the log began.
pub const FOUND_TITLE: &str = "In force at the edges, not of this log";

/// The page for whoever is on call when something is found in force.
pub fn page_for_found(edge: &Name, count: usize) -> String {
    let what = if count == 1 { "A remedy is".to_owned() } else { format!("{count} remedies are") };
    format!(
        "{what} in force at edge {edge} that this log knows nothing of: the log before it is gone. The traffic stays as it is \
         until you decide. Undo a remedy to bring its traffic back at once; hand the incident back to automation to bring it \
         back in steps."
    )
}

/// The page for whoever is on call when an incident is confirmed.
pub fn page(why: &str, cause: Option<&Hypothesis>, remedy: Option<&Remedy>) -> String {
    let cause = match cause {
        Some(c) => format!("Most likely: {}, {} ({:.0} %).", c.kind.title(), c.slice, c.posterior * 100.0),
        None => "No cause stands out yet.".into(),
    };
    let remedy = match remedy {
        Some(r) => format!("Proposed: {} {}.", r.kind, r.slice),
        None => "Nothing is proposed yet.".into(),
    };
    format!("{}. {cause} {remedy}", capital(why))
}

/// Why a page asks for what would else be done by itself.
pub fn untried(kind: RemedyKind, component: &Name, armed_for: Duration) -> String {
    format!(": no drill of {kind} on {component} has passed within {}", span(armed_for))
}

/// The page when automation may not or cannot go on by itself.
pub fn page_for_help(kind: RemedyKind, slice: &Slice, guard: &str, why: &str) -> String {
    format!("A person has to decide: {kind} {slice} is refused by {guard}: {why}.")
}

fn cause_for_all(cause: Option<CauseKind>) -> &'static str {
    match cause {
        Some(CauseKind::Overload) => "far more requests than usual",
        Some(CauseKind::BadDeploy) => "a new release that does not work as it should",
        Some(CauseKind::BadConfig) => "a change of settings that does not work as it should",
        Some(CauseKind::Network) => "a network fault on the way to one of our regions",
        Some(CauseKind::Dns) => "a fault in name resolution",
        Some(CauseKind::Dependency) => "a fault of a service that ours depends on",
        Some(CauseKind::Attack) => "an attack on our service",
        Some(CauseKind::Host) => "a server that failed",
        Some(CauseKind::Unknown) | None => "one that we are still narrowing down",
    }
}

fn doing(remedy: Option<RemedyKind>) -> &'static str {
    match remedy {
        Some(RemedyKind::Divert) => "We are sending requests another way.",
        Some(RemedyKind::RollBack) => "We are going back to what worked before.",
        Some(RemedyKind::Restart) => "Other servers have taken over while it restarts.",
        Some(RemedyKind::Shed) => "We are holding some requests back so that what matters most goes on.",
        Some(RemedyKind::Limit) => "We are holding the attackers back.",
        Some(RemedyKind::Pin) => "We are going on with the addresses that are known to be good.",
        None => "We are working on it.",
    }
}

fn done(remedy: Option<RemedyKind>) -> &'static str {
    match remedy {
        Some(RemedyKind::Divert) => "Requests are served elsewhere for now.",
        Some(RemedyKind::RollBack) => "We went back to what worked before.",
        Some(RemedyKind::Restart) => "Other servers have taken over.",
        Some(RemedyKind::Shed) => "Some requests are held back for now.",
        Some(RemedyKind::Limit) => "The attackers are held back.",
        Some(RemedyKind::Pin) => "We go on with addresses that are known to be good.",
        None => "They ended without our doing.",
    }
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn span(duration: Duration) -> String {
    match duration.as_secs() {
        s if s >= 2 * 86_400 => format!("{} days", s / 86_400),
        s if s >= 120 => format!("{} minutes", s / 60),
        s => format!("{s} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            components: vec!["Log-in".into(), "Playlists".into()],
            regions: vec!["us".into()],
            cause: Some(CauseKind::BadConfig),
            remedy: Some(RemedyKind::RollBack),
            next_update: Duration::from_secs(1_800),
        }
    }

    #[test]
    fn words_for_everybody() {
        assert_eq!(title(&facts()), "Problems with Log-in and Playlists in us");
        assert_eq!(
            public_word(Stage::Identified, &facts()),
            "We know the cause: a change of settings that does not work as it should. We are going back to what worked \
             before. Next update within 30 minutes."
        );
        let everything = Facts { next_update: Duration::from_secs(60), ..Facts::default() };
        assert_eq!(
            public_word(Stage::Investigating, &everything),
            "We see problems with the service and are looking into them. Next update within 60 seconds."
        );
        let monitoring = public_word(Stage::Monitoring, &facts());
        assert!(monitoring.starts_with("The problems with Log-in and Playlists in us have stopped. We went back"));
    }
}
