//! The banner on a page of somebody else: by a script, and in a frame.

use crate::browser::{Browser, Theme};
use crate::stage::{Stage, listener};
use crate::view::Snapshot;
use crate::{packages, story};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use downbeat_core::incident::State;

/// A page of another origin that shows the state of a service both ways.
async fn foreign_page(status: &str, wishes: &str) -> String {
    let page = format!(
        "<!doctype html><title>Shop</title><h1>Shop</h1><iframe src=\"{status}/embed\" title=\"State\"></iframe>\
         <p id=\"here\"></p><script src=\"{status}/embed.js\" {wishes} defer></script>"
    );
    let (listener, address) = listener().await;
    let routes = Router::new().route("/", get(async move || Html(page.clone())));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("{address}/")
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_show_what_goes_on_and_nothing_while_all_is_well() {
    let Some(chromium) = packages::program("DOWNBEAT_CHROMIUM", "chromium") else { return };
    let mut browser = Browser::start(&chromium).await;
    browser.look(1280, Theme::Light).await;
    let told: [(Snapshot, &str, &str); 4] = [
        (story::healthy(), "none", ""),
        (story::in_state(State::Suspected), "none", ""),
        (story::in_state(State::Confirmed), "block", "Partial System Outage Playback problems in Europe"),
        (story::maintained_with_hostility(), "block", "Service Under Maintenance <script>alert('x')</script>"),
    ];
    for (snapshot, display, text) in told {
        let stage = Stage::of(snapshot).await;
        browser.open(&foreign_page(&stage.status, "").await).await;
        // The link is set by the first answer.
        browser
            .until("the banner", "document.querySelector('[role=status] a')?.href.startsWith('http') ?? false")
            .await;
        assert_eq!(browser.ask("document.querySelector('[role=status]').style.display").await, display);
        let shown = browser.ask("document.querySelector('[role=status]').textContent").await;
        assert!(shown.as_str().is_some_and(|shown| shown.starts_with(text) || display == "none"), "{shown}");
        assert_eq!(browser.ask("document.querySelectorAll('script').length").await, 1, "words stay words");
        assert_eq!(browser.frames().await, [format!("{}/embed", stage.status)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_want_the_banner_always_and_elsewhere() {
    let Some(chromium) = packages::program("DOWNBEAT_CHROMIUM", "chromium") else { return };
    let mut browser = Browser::start(&chromium).await;
    let stage = Stage::of(story::healthy()).await;
    let page = foreign_page(&stage.status, "data-always data-into=\"#here\"").await;
    let mut grounds = Vec::new();
    for theme in Theme::BOTH {
        browser.look(1280, theme).await;
        browser.open(&page).await;
        browser.until("the banner", "document.querySelector('#here [role=status]').style.display === 'block'").await;
        assert_eq!(browser.ask("document.querySelector('#here').textContent").await, "All Systems Operational");
        grounds.push(browser.ask("document.querySelector('#here div').style.background").await);
    }
    assert_ne!(grounds[0], grounds[1], "it follows the reader's theme");
}
