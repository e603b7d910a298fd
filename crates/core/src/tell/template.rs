//! Public words from templates (Jinja's language, by minijinja): those built in, and those that the configuration puts in
//! their place.
//!
//! A template has the facts as `what`, `where`, `cause`, `doing`, `done` and `next_update`, ready to stand in a sentence of
//! its language, and as lists `components` and `regions`. A name that is none of these is an error, and so is a template
//! that takes too long: both are found by trying it when the configuration is read.

use super::Facts;
use super::lexicon::Lexicon;
use crate::model::{CauseKind, Language, Piece, RemedyKind, Templates};
use minijinja::{Environment, UndefinedBehavior, context};
use std::time::Duration;

/// Instructions of the template machine; the longest template built in needs some hundred.
const FUEL: u64 = 20_000;
/// Longest template, in characters.
const TEMPLATE_MAX: usize = 5_000;
/// Longest text that comes of a template, in characters: as long as an operator's word may be.
const SPOKEN_MAX: usize = 5_000;

/// Why a template is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// It is too long.
    #[error("the template has {0} characters, at most {TEMPLATE_MAX} are taken")]
    Long(usize),
    /// It is no template, or asks for what is not there.
    #[error("{why} (line {line} of the template)")]
    Wrong {
        /// Within the template.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// What comes of it is empty.
    #[error("nothing comes of the template")]
    Empty,
    /// What comes of it is too long.
    #[error("what comes of the template has more than {SPOKEN_MAX} characters")]
    Endless,
}

/// Tries a template.
///
/// # Errors
/// [`TemplateFault`] when it does not yield a text with every kind of facts.
pub fn try_template(language: Language, source: &str) -> Result<(), TemplateFault> {
    let length = source.chars().count();
    if length > TEMPLATE_MAX {
        return Err(TemplateFault::Long(length));
    }
    samples().iter().try_for_each(|facts| render(language, source, facts).map(drop))
}

/// The text of a piece. A template that fails with these facts, for all its trials, gives way to the one built in.
pub(super) fn text(templates: &Templates, language: Language, piece: Piece, facts: &Facts) -> String {
    let own = templates.get(&(language, piece)).and_then(|source| render(language, source, facts).ok());
    own.unwrap_or_else(|| built_in(language, piece, facts))
}

/// The text of a piece by the template built in.
pub(super) fn built_in(language: Language, piece: Piece, facts: &Facts) -> String {
    let source = Lexicon::of(language).template(piece);
    compose(language, source, facts).expect("those built in work with any facts")
}

/// What comes of a template, if it is neither empty nor too long.
fn render(language: Language, source: &str, facts: &Facts) -> Result<String, TemplateFault> {
    let text = compose(language, source, facts)?;
    match text.chars().count() {
        0 => Err(TemplateFault::Empty),
        length if length > SPOKEN_MAX => Err(TemplateFault::Endless),
        _ => Ok(text),
    }
}

fn compose(language: Language, source: &str, facts: &Facts) -> Result<String, TemplateFault> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let wrong = |error: minijinja::Error| TemplateFault::Wrong {
        line: error.line().unwrap_or(1),
        why: error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind())),
    };
    let lexicon = Lexicon::of(language);
    let text = environment.render_str(
        source,
        context! {
            what => lexicon.what(&facts.components),
            where => lexicon.join(&facts.regions),
            components => facts.components.clone(),
            regions => facts.regions.clone(),
            cause => lexicon.cause(facts.cause, facts.upstream.as_deref()),
            doing => lexicon.doing(facts.remedy),
            done => lexicon.done(facts.remedy),
            next_update => lexicon.span(facts.next_update),
        },
    );
    text.map(|text| text.trim().to_owned()).map_err(wrong)
}

/// Facts of every kind: of everything and of something, of one and of several, with and without a cause and a remedy.
fn samples() -> [Facts; 3] {
    let some = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect();
    [
        Facts { next_update: Duration::from_secs(60), ..Facts::default() },
        Facts {
            components: some(&["Log-in"]),
            regions: some(&["eu"]),
            cause: Some(CauseKind::Overload),
            upstream: None,
            remedy: Some(RemedyKind::Shed),
            next_update: Duration::from_secs(1_800),
        },
        Facts {
            components: some(&["Log-in", "Playback", "Search"]),
            regions: some(&["ap", "eu", "us"]),
            cause: Some(CauseKind::Dependency),
            upstream: Some("Example Payments".into()),
            remedy: Some(RemedyKind::Divert),
            next_update: Duration::from_secs(86_400 * 3),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stage;

    #[test]
    fn what_is_built_in_works_in_every_language() {
        for language in Language::ALL {
            for piece in Piece::ALL {
                for facts in samples() {
                    let text = built_in(language, piece, &facts);
                    assert!(text.len() > 8 && !text.contains(['{', '}', '%']), "{language} {piece:?}: {text}");
                }
            }
        }
    }

    #[test]
    fn templates_are_tried_before_they_are_taken() {
        let endless = "{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}";
        let table = [
            ("Sorry, {{ what }}.", None),
            ("{{ components | join(' + ') }}{% if regions %} ({{ where }}){% endif %}!", None),
            ("Sorry, {{ what }", Some("syntax error: unexpected")),
            ("one\n{{ replica }}", Some("undefined value")),
            ("{% if where %}{{ where }}{% endif %}", Some("nothing comes of the template")),
            ("{% for a in range(1000) %}over and over {% endfor %}", Some("has more than 5000 characters")),
            (endless, Some("engine ran out of fuel")),
            ("{% include 'other' %}", Some("unknown statement include")),
        ];
        for (source, expected) in table {
            let found = try_template(Language::En, source).err().map(|fault| fault.to_string());
            let is_so = match (&found, expected) {
                (None, None) => true,
                (Some(found), Some(expected)) => found.contains(expected),
                _ => false,
            };
            assert!(is_so, "{source:?}: {found:?}");
        }
        let long = "x".repeat(TEMPLATE_MAX + 1);
        assert_eq!(try_template(Language::En, &long), Err(TemplateFault::Long(TEMPLATE_MAX + 1)));
    }

    #[test]
    fn one_that_fails_after_all_gives_way() {
        let piece = Piece::Word(Stage::Resolved);
        let templates = [((Language::En, piece), "{{ regions[5].x }}".to_owned())].into();
        let text = text(&templates, Language::En, piece, &Facts::default());
        assert_eq!(text, "The problems with the service are over. Everything works as usual.");
    }
}
