//! Who is told what: titles for operators, words for the public, pages for whoever is on call.
//!
//! The public reads what it can use: which part of the service, where, what is being done, when the next word comes.
//! It never reads names of replicas, versions or networks. What was said is never rewritten; a new word is added, in all the
//! languages of the policy at once.

mod lexicon;
mod template;

pub use template::{TemplateFault, try_template};

pub mod lane;
pub(crate) mod matter;
pub mod subscription;
pub mod word;

use crate::model::{
    CauseKind, Dimension, Finding, Hypothesis, IncidentId, Language, Name, Notice, Piece, Remedy, RemedyKind, Said,
    Slice, Stage, TellPolicy, Topology,
};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Somebody else's service that says that it ails and is that cause.
    pub upstream: Option<String>,
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
            upstream: cause.and_then(|c| c.upstream.clone()),
            remedy: None,
            next_update,
        }
    }
}

/// The incident's name for operators: "Problems with Log-in in us".
pub fn title(facts: &Facts) -> String {
    template::built_in(Language::En, Piece::Title, facts)
}

/// The public word of a stage in one language; the title of an earlier word stays.
fn say(policy: &TellPolicy, language: Language, stage: Stage, facts: &Facts, title: Option<&str>) -> Said {
    let text = |piece| template::text(&policy.templates, language, piece, facts);
    Said { title: title.map_or_else(|| text(Piece::Title), str::to_owned), body: text(Piece::Word(stage)) }
}

/// The public word of a stage: in the policy's first language, and in its others. `before` is an earlier word of the incident,
/// whose titles stay.
pub fn public_word(
    policy: &TellPolicy,
    stage: Stage,
    facts: &Facts,
    before: Option<&Notice>,
) -> (Said, BTreeMap<Language, Said>) {
    let first = say(policy, policy.language, stage, facts, before.map(|notice| notice.title.as_str()));
    let other = |language: &Language| {
        let title = before.and_then(|notice| notice.translations.get(language)).map(|said| said.title.as_str());
        (*language, say(policy, *language, stage, facts, title))
    };
    (first, policy.translations.iter().map(other).collect())
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
        Some(Hypothesis { upstream: Some(upstream), slice, posterior, .. }) => {
            format!("Most likely: {upstream} is down, on which {slice} depends ({:.0} %).", posterior * 100.0)
        }
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
    use crate::model::{Audience, NoticeId};

    fn facts() -> Facts {
        Facts {
            components: vec!["Log-in".into(), "Playlists".into()],
            regions: vec!["us".into()],
            cause: Some(CauseKind::BadConfig),
            upstream: None,
            remedy: Some(RemedyKind::RollBack),
            next_update: Duration::from_secs(1_800),
        }
    }

    fn body(stage: Stage, facts: &Facts) -> String {
        public_word(&TellPolicy::default(), stage, facts, None).0.body
    }

    #[test]
    fn words_for_everybody() {
        assert_eq!(title(&facts()), "Problems with Log-in and Playlists in us");
        assert_eq!(
            body(Stage::Identified, &facts()),
            "We know the cause: a change of settings that does not work as it should. We are going back to what worked \
             before. Next update within 30 minutes."
        );
        let depends = Facts { upstream: Some("Example Payments".into()), ..facts() };
        let word = body(Stage::Identified, &depends);
        assert!(
            word.starts_with("We know the cause: Example Payments, which ours depends on, has an outage."),
            "{word}"
        );
        let everything = Facts { next_update: Duration::from_secs(60), ..Facts::default() };
        assert_eq!(
            body(Stage::Investigating, &everything),
            "We see problems with the service and are looking into them. Next update within 60 seconds."
        );
        let monitoring = body(Stage::Monitoring, &facts());
        assert!(monitoring.starts_with("The problems with Log-in and Playlists in us have stopped. We went back"));
    }

    #[test]
    fn the_public_is_told_in_all_languages_at_once_and_titles_stay() {
        let policy = TellPolicy {
            language: Language::De,
            translations: vec![Language::En, Language::Es],
            ..TellPolicy::default()
        };
        let (first, others) = public_word(&policy, Stage::Identified, &facts(), None);
        assert_eq!(first.title, "Störung: Log-in und Playlists (us)");
        assert!(first.body.ends_with("Nächste Meldung innerhalb von 30 Minuten."), "{}", first.body);
        assert_eq!(others[&Language::Es].title, "Problemas: Log-in y Playlists (us)");
        let slice = Slice::everywhere();
        let (id, audience) = (NoticeId { incident: IncidentId(1), count: 1 }, Audience::Public);
        let (title, body) = ("Von Hand".to_owned(), String::new());
        let before = Notice { id, audience, stage: Stage::Investigating, title, body, translations: others, slice };
        let (first, others) = public_word(&policy, Stage::Resolved, &Facts::default(), Some(&before));
        assert_eq!(
            (first.title.as_str(), others[&Language::Es].title.as_str()),
            ("Von Hand", "Problemas: Log-in y Playlists (us)")
        );
        assert!(first.body.starts_with("Die Störungen (der ganze Dienst) sind behoben."), "{}", first.body);
    }
}
