//! How many sessions are active, as edges tell: what so many reports are many of.
//!
//! Each edge tells of its last five minutes, every ten seconds. Their sum counts whoever comes by two edges twice. An edge that
//! has been started anew knows of less than five minutes for a while; until it does, what its earlier run told last counts, if
//! that is more: a restart must not make the same reports weigh more.

use crate::model::{Moment, Name, RollUp, SessionRow};
use std::collections::BTreeMap;
use std::time::Duration;

/// What an edge told longer ago than this says nothing of now.
const FRESH: Duration = Duration::from_secs(60);
/// So long an edge looks back.
const WINDOW: Duration = Duration::from_secs(300);

/// Active sessions of the service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActiveSessions {
    /// All of them; who uses two components is one.
    pub all: u64,
    /// By component.
    pub components: BTreeMap<Name, u64>,
}

impl ActiveSessions {
    /// Those of a component, or all of them where none is named; `None` where there are none to be a share of.
    pub fn of(&self, component: Option<&Name>) -> Option<u64> {
        let active = component.map_or(Some(self.all), |name| self.components.get(name).copied());
        active.filter(|active| *active > 0)
    }

    fn read(rows: &[SessionRow]) -> Self {
        let mut read = Self::default();
        for row in rows {
            match &row.component {
                Some(component) => drop(read.components.insert(component.clone(), row.active)),
                None => read.all = row.active,
            }
        }
        read
    }

    /// The larger of both, figure by figure.
    fn max(mut self, other: &Self) -> Self {
        self.all = self.all.max(other.all);
        for (component, active) in &other.components {
            let mine = self.components.entry(component.clone()).or_default();
            *mine = (*mine).max(*active);
        }
        self
    }

    fn add(&mut self, other: &Self) {
        self.all = self.all.saturating_add(other.all);
        for (component, active) in &other.components {
            let mine = self.components.entry(component.clone()).or_default();
            *mine = mine.saturating_add(*active);
        }
    }
}

/// What edges told last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sessions(BTreeMap<Name, Line>);

/// What one edge told.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    boot: u64,
    at: Moment,
    told: ActiveSessions,
    /// What another run of it told last, and when that was.
    before: Option<(Moment, ActiveSessions)>,
}

impl Sessions {
    /// Takes in what a roll-up tells, if it tells anything of sessions.
    pub(super) fn hear(&mut self, now: Moment, roll: &RollUp) {
        if roll.sessions.is_empty() {
            return;
        }
        let told = ActiveSessions::read(&roll.sessions);
        let before = self
            .0
            .remove(&roll.edge)
            .and_then(|line| if line.boot == roll.boot { line.before } else { Some((line.at, line.told)) });
        let line = Line { boot: roll.boot, at: now, told, before };
        self.0.insert(roll.edge.clone(), line);
    }

    /// The sessions that are active now; `None` where no edge tells of any.
    pub fn active(&self, now: Moment) -> Option<ActiveSessions> {
        let mut sum = None::<ActiveSessions>;
        for line in self.0.values().filter(|line| now.since(line.at) <= FRESH) {
            let before = line.before.as_ref().filter(|(at, _)| now.since(*at) <= WINDOW);
            let told = before.map_or_else(|| line.told.clone(), |(_, before)| line.told.clone().max(before));
            sum.get_or_insert_default().add(&told);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn roll(edge: &str, boot: u64, login: u64, playback: u64) -> RollUp {
        let row = |component, active| SessionRow { component, active };
        let sessions = vec![
            row(None, login.max(playback)),
            row(Some(name("login")), login),
            row(Some(name("playback")), playback),
        ];
        let bare = format!(r#"{{"edge":"{edge}","boot":{boot},"seq":1}}"#);
        RollUp { sessions, ..serde_json::from_str(&bare).expect("all else has a default") }
    }

    #[test]
    fn edges_are_summed_while_they_are_heard() {
        let (mut sessions, at) = (Sessions::default(), Moment::from_millis(1_000_000));
        assert_eq!(sessions.active(at), None);
        sessions.hear(at, &RollUp { sessions: vec![], ..roll("e1", 1, 0, 0) });
        assert_eq!(sessions.active(at), None, "an edge that knows no sessions says nothing of them");
        sessions.hear(at, &roll("e1", 1, 10, 400));
        sessions.hear(at, &roll("e2", 2, 20, 100));
        let active = sessions.active(at).expect("told");
        let of = |component: &str| active.of(Some(&name(component)));
        assert_eq!(
            (active.of(None), of("login"), of("playback"), of("search")),
            (Some(500), Some(30), Some(500), None)
        );
        let later = at + Duration::from_secs(50);
        sessions.hear(later, &roll("e2", 2, 25, 100));
        let active = sessions.active(later + Duration::from_secs(30)).expect("told");
        assert_eq!(active.of(Some(&name("login"))), Some(25), "the other edge is silent");
    }

    #[test]
    fn an_edge_that_was_started_anew_has_no_fewer_at_once() {
        let (mut sessions, at) = (Sessions::default(), Moment::from_millis(1_000_000));
        let login = |sessions: &Sessions, now| sessions.active(now).and_then(|active| active.of(Some(&name("login"))));
        sessions.hear(at, &roll("e", 1, 9_000, 0));
        sessions.hear(at + FRESH, &roll("e", 2, 70, 0));
        assert_eq!(login(&sessions, at + FRESH), Some(9_000));
        // The one before winds down and tells as well.
        sessions.hear(at + FRESH, &roll("e", 1, 8_000, 0));
        sessions.hear(at + FRESH, &roll("e", 2, 80, 0));
        assert_eq!(login(&sessions, at + FRESH), Some(8_000));
        let full = at + FRESH + WINDOW + Duration::from_secs(1);
        sessions.hear(full, &roll("e", 2, 7_500, 0));
        assert_eq!(login(&sessions, full), Some(7_500));
    }
}
