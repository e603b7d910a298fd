//! A page that nobody draws any more says how old it is, in its own language.

use crate::browser::{Browser, Theme};
use crate::stage::Stage;
use crate::{packages, story};
use downbeat_core::incident::State;
use downbeat_core::model::{Language, Moment};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[tokio::test(flavor = "multi_thread")]
async fn an_old_page_says_how_old_it_is() {
    let Some(chromium) = packages::program("DOWNBEAT_CHROMIUM", "chromium") else { return };
    let mut browser = Browser::start(&chromium).await;
    browser.look(360, Theme::Light).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    // Half a unit more than is said: the page may take a while to be looked at.
    let table = [
        (30, "", ""),
        (5 * 60 + 30, "", "This page is 5 minutes old:"),
        (2 * 3_600 + 1_800, "/de", "Diese Seite ist 2 Stunden alt:"),
        (3 * 86_400 + 43_200, "/fr", "Cette page date de 3\u{a0}jours"),
        (86_400 + 43_200, "/es", "Esta página tiene 1 día:"),
    ];
    for (seconds, root, told) in table {
        let mut snapshot = story::in_state(State::Confirmed);
        snapshot.now = Moment::default() + now.saturating_sub(Duration::from_secs(seconds));
        let settings = Arc::make_mut(&mut snapshot.settings);
        settings.policy.tell.translations = vec![Language::De, Language::Fr, Language::Es];
        let stage = Stage::of(snapshot).await;
        for page in ["/", "/embed"] {
            browser.open(&format!("{}{root}{page}", stage.status)).await;
            let age = "[...document.querySelectorAll('.age:not([hidden])')].map(it => it.innerText).join()";
            browser.until("its age", "document.querySelector('.age').textContent !== ''").await;
            let shown = browser.ask(age).await;
            let shown = shown.as_str().expect("a text");
            assert!(shown.starts_with(told) && shown.is_empty() == told.is_empty(), "{root}{page}: {shown}");
        }
    }
}
