//! A service that has moved here from another status page.

use super::{DAY_MS, ONSET_MS, in_state, name};
use crate::history::{Chapter, History, Impact, Planned, Standing, Story, Touched, Word};
use crate::view::Snapshot;
use downbeat_core::incident::State;
use downbeat_core::model::Moment;
use std::sync::Arc;

/// What its page told before, among it what was written by somebody hostile.
pub(crate) fn moved() -> Snapshot {
    let mut snapshot = in_state(State::Resolved);
    let at = |minutes: u64| Moment::from_millis(ONSET_MS - 3 * DAY_MS + minutes * 60_000);
    let word = |minutes, standing, body: &str| Word {
        id: format!("u{minutes}"),
        standing,
        body: body.into(),
        at: at(minutes),
        affected: vec![],
    };
    let story = |id: &str, title: &str, words: Vec<Word>| Story {
        id: id.into(),
        title: title.into(),
        standing: Standing::Resolved,
        impact: Impact::Major,
        created_at: at(2),
        started_at: at(0),
        updated_at: at(90),
        monitoring_at: None,
        resolved_at: at(75),
        planned: None,
        components: vec![Touched { code: "x1".into(), title: "Playback".into() }],
        words,
    };
    let outage = story(
        "kctbh9vrtdwd",
        "Songs stop after a minute",
        vec![
            word(1_440, Standing::Postmortem, "## What happened\n\nA cache was full.\n\n- It is larger now."),
            word(75, Standing::Resolved, "<p>It is over.</p><p>Sorry for the <b>silence</b>.</p>"),
            word(2, Standing::Investigating, "We look into it."),
        ],
    );
    let hostile = story(
        "zzz-1",
        "<script>alert(1)</script>",
        vec![word(9, Standing::Resolved, "<script>alert(1)</script> <a href=\"javascript:alert(1)\">here</a>")],
    );
    let work = Story {
        standing: Standing::Completed,
        impact: Impact::Maintenance,
        planned: Some(Planned { from: at(0), until: at(60) }),
        ..story("w4rk0000000", "A larger cache", vec![word(60, Standing::Completed, "Done.")])
    };
    let long_ago = Story {
        started_at: Moment::from_millis(ONSET_MS - 400 * DAY_MS),
        created_at: Moment::from_millis(ONSET_MS - 400 * DAY_MS),
        ..story("0ldest000000", "The first one", vec![word(1, Standing::Resolved, "It was the cable.")])
    };
    let stories = vec![outage, hostile, work, long_ago];
    let (title, url) = ("Encore's old page".to_owned(), "https://old.example".to_owned());
    let chapter = Chapter { source: name("srhpyqt94yxb"), title, url, stories };
    snapshot.history = Arc::new(History::of(vec![Arc::new(chapter)]));
    snapshot
}
