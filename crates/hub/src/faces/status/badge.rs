//! Badges: the service, or one component, in a small picture for other pages and for README files.
//!
//! They have their colours as attributes and none from a style sheet, so they look alike under any policy; on light and dark grounds
//! alike, for they bring their own.

use super::picture::{ComponentLine, Picture};
use crate::faces::claim::Indicator;
use crate::faces::tone::Tone;
use askama::Template;
use downbeat_core::model::Name;

/// Most characters of a label.
const LABEL_MAX: usize = 40;
/// Left and right of each text, in pixels.
const PADDING: u32 = 9;

/// `/badge.svg` and `/badge/COMPONENT.svg`
#[derive(Template)]
#[template(path = "status/badge.svg", escape = "html")]
pub(super) struct Badge {
    label: String,
    state: String,
    tone: Tone,
    /// Widths of the two halves, in pixels.
    widths: (u32, u32),
}

impl Badge {
    /// The whole service.
    pub(super) fn of_service(picture: &Picture) -> Self {
        let tone = picture.tone();
        let state = match (tone, picture.indicator) {
            (Tone::Unknown, _) => "not measured",
            (_, Indicator::None) => "operational",
            (_, Indicator::Maintenance) => "under maintenance",
            (_, Indicator::Minor) => "degraded",
            (_, Indicator::Major) => "partial outage",
            (_, Indicator::Critical) => "major outage",
        };
        Self::new(&picture.service, state, tone)
    }

    /// One component.
    pub(super) fn of_component(line: &ComponentLine) -> Self {
        let state = match line.tone() {
            Tone::Unknown => "not measured".to_owned(),
            _ => line.claim.title().to_lowercase(),
        };
        Self::new(&line.title, &state, line.tone())
    }

    fn new(label: &str, state: &str, tone: Tone) -> Self {
        let label = shortened(label);
        let widths = (2 * PADDING + width(&label), 2 * PADDING + width(state));
        Self { label, state: state.to_owned(), tone, widths }
    }

    /// White on it has a contrast of 4.5 at least.
    const fn colour(&self) -> &'static str {
        match self.tone {
            Tone::Good => "#1b7a4d",
            Tone::Maintenance => "#1f5fae",
            Tone::Warn => "#8f5a00",
            Tone::Bad => "#b3261e",
            Tone::Unknown => "#5f6672",
        }
    }
}

/// The file of a component's badge: names may have slashes, which would be folders.
pub(super) fn path(component: &Name) -> String {
    format!("badge/{}.svg", component.as_str().replace('/', "~"))
}

fn shortened(label: &str) -> String {
    let shown: String = label.chars().filter(|c| !c.is_control()).collect();
    if shown.chars().count() <= LABEL_MAX {
        return shown;
    }
    shown.chars().take(LABEL_MAX - 1).chain(['…']).collect()
}

/// About how wide a text is at 11 pixels, in pixels; the picture then fits it exactly.
fn width(text: &str) -> u32 {
    let tenths = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '(' | ')' => 40,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 100,
        'A'..='Z' => 80,
        c if c.is_ascii() => 66,
        _ => 110,
    };
    (text.chars().map(tenths).sum::<u32>() / 10).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::read;
    use super::super::super::{claim::Claims, story};
    use super::*;
    use downbeat_core::incident::State;

    fn badges(snapshot: &crate::view::Snapshot) -> Vec<String> {
        let picture = Picture::of(snapshot, &Claims::new());
        let parts = picture.components.iter().map(Badge::of_component);
        let all = std::iter::once(Badge::of_service(&picture)).chain(parts);
        all.map(|badge| badge.render().expect("memory")).collect()
    }

    #[test]
    fn badges_say_what_the_page_says() {
        let table = [
            (story::healthy(), "Encore: operational", "Playback: operational"),
            (story::in_state(State::Suspected), "Encore: operational", "Playback: operational"),
            (story::in_state(State::Confirmed), "Encore: partial outage", "Playback: partial outage"),
            (story::no_data(), "Encore: not measured", "Playback: not measured"),
            (story::maintained(), "Encore: under maintenance", "Playback: operational"),
        ];
        for (snapshot, service, playback) in table {
            let badges = badges(&snapshot);
            for (badge, said) in badges.iter().zip([service, playback]) {
                assert!(badge.contains(&format!("<title>{said}</title>")), "{said}: {badge}");
            }
        }
    }

    #[test]
    fn hostile_titles_stay_text() {
        for badge in badges(&story::hostile()) {
            read(&badge).expect("it is well-formed");
            assert!(!badge.contains("<script") && !badge.contains("<img"), "{badge}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let of = |name: &str| path(&Name::new(name).expect("a name"));
        assert_eq!((of("../../x").as_str(), of("..").as_str()), ("badge/..~..~x.svg", "badge/...svg"));
    }
}
