//! What people want, in what proportion, and whether they got it.

use crate::dice::Dice;
use crate::encore_api::{self, Playlist, Track};
use crate::http::{Answer, Ask, CallError, Caller};
use hyper::header::RANGE;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The parts of Encore that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Streaming music.
    Playback,
    /// Logging in.
    Login,
    /// One's own playlists.
    Playlists,
    /// Searching.
    Search,
    /// Tracks, albums and covers.
    Catalogue,
}

impl Component {
    /// Its name in configuration and signals.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Playback => "playback",
            Self::Login => "login",
            Self::Playlists => "playlists",
            Self::Search => "search",
            Self::Catalogue => "catalogue",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Out of 24 wishes so many are for this; at 120 requests a second, 5 log-ins.
const MIX: [(Component, usize); 5] = [
    (Component::Login, 1),
    (Component::Search, 4),
    (Component::Playback, 3),
    (Component::Catalogue, 8),
    (Component::Playlists, 8),
];

/// What people type into the search box.
const QUERIES: [&str; 8] = ["a", "e", "night", "rain", "blue", "sun", "the", "o"];

/// Somebody of the crowd, logged in.
#[derive(Debug, Clone)]
pub(super) struct Member {
    user: String,
    token: String,
    playlists: Vec<String>,
    tracks: Vec<Track>,
}

impl Member {
    /// Logs in and looks around.
    pub(super) async fn join(caller: &mut Caller, number: usize) -> Result<Self, CallError> {
        let user = format!("listener-{}", number % 40 + 1);
        let token = encore_api::log_in(caller, &user, "music").await?;
        let playlists = encore_api::playlists(caller, &token).await?;
        let mut tracks = Vec::new();
        for list in &playlists {
            tracks.extend(encore_api::playlist(caller, &token, list).await?.tracks);
        }
        Ok(Self { user, token, playlists, tracks })
    }

    /// The next wish of this component.
    pub(super) fn wish(&self, component: Component, dice: &mut Dice) -> Ask {
        let page = match component {
            Component::Login => return encore_api::login(&self.user, "music"),
            Component::Playback => return self.listen_in(dice),
            Component::Search => self.some_search(dice),
            Component::Catalogue if dice.below(2) == 0 => "/api/tracks".to_owned(),
            Component::Catalogue => self.some_track(dice).map_or("/api/albums".to_owned(), |t| t.cover.clone()),
            Component::Playlists => match dice.pick(&self.playlists) {
                Some(list) if dice.below(2) == 0 => format!("/api/playlists/{list}"),
                _ => "/api/playlists".to_owned(),
            },
        };
        Ask::get(page).by(&self.token)
    }

    /// The first seconds of a song, as somebody does who skips through a list.
    fn listen_in(&self, dice: &mut Dice) -> Ask {
        let track = self.some_track(dice).map_or("/media/none", |t| &t.media.url);
        Ask::get(track).by(&self.token).with(RANGE, "bytes=0-32767")
    }

    /// Every fourth is only typed so far.
    fn some_search(&self, dice: &mut Dice) -> String {
        let page = if dice.below(4) == 0 { "/api/search/suggest" } else { "/api/search" };
        format!("{page}?q={}", dice.pick(&QUERIES).unwrap_or(&"a"))
    }

    fn some_track(&self, dice: &mut Dice) -> Option<&Track> {
        dice.pick(&self.tracks)
    }
}

/// What the next one wants.
pub(super) fn choose(dice: &mut Dice) -> Component {
    let mut place = dice.below(MIX.iter().map(|(_, n)| n).sum());
    for (component, n) in MIX {
        if place < n {
            return component;
        }
        place -= n;
    }
    Component::Catalogue
}

/// What is wrong with an answer, in a word or two; nothing, mostly.
pub(super) fn complaint(path: &Ask, answer: &Result<Answer, CallError>) -> Option<String> {
    match answer {
        Err(CallError::Connect(..)) => Some("no connection".to_owned()),
        Err(CallError::Late(..)) => Some("late".to_owned()),
        Err(_) => Some("cut".to_owned()),
        Ok(answer) if !answer.status.is_success() => Some(answer.status.as_u16().to_string()),
        Ok(answer) if path.is_playlist() => match answer.json::<Playlist>() {
            Ok(list) if !list.tracks.is_empty() => None,
            _ => Some("empty playlist".to_owned()),
        },
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_want_what_the_mix_says() {
        let mut dice = Dice::new(5);
        let mut logins = 0;
        for _ in 0..24_000 {
            logins += usize::from(choose(&mut dice) == Component::Login);
        }
        assert!((850..=1_150).contains(&logins), "{logins} log-ins of 24,000, about 1,000 expected");
    }
}
