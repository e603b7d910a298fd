//! axe-core finds nothing to complain of on any page, in light and dark, from 320 to 1920 pixels; and nothing is wider than the screen.

use crate::browser::{Browser, Theme};
use crate::stage::Stage;
use crate::view::Snapshot;
use crate::{packages, story};
use downbeat_core::incident::State;
use downbeat_core::model::Language;
use downbeat_core::tell::subscription::Choice;
use downbeat_hub::settings::{ChannelKind, HubSettings, SubscriberSettings};
use downbeat_hub::subscribers::{Address, Wish};
use downbeat_hub::theme::{Logo, Scheme, Token};
use downbeat_hub::{HubHandle, start};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// The narrowest that WCAG asks for (1.4.10), one in the middle, and a wide screen.
const WIDTHS: [u32; 3] = [320, 768, 1920];

/// What axe finds, a line each. All of its rules are asked, those that are only good practice too.
const ASK: &str = "axe.run(document).then(found => found.violations.flatMap(rule =>
    rule.nodes.map(node => rule.id + ' at ' + node.target.join(' ') + ': ' + node.failureSummary)))";

/// What sticks out of the screen, when the page is wider than that.
const TOO_WIDE: &str = "document.scrollingElement.scrollWidth <= document.documentElement.clientWidth ? [] :
    [...document.querySelectorAll('body *')].filter(it => it.getBoundingClientRect().right > innerWidth)
        .map(it => `${it.tagName} ${it.className} sticks out`)";

/// Looks at pages in every width and theme; what is wrong with them.
async fn complaints(browser: &mut Browser, pages: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    for page in pages {
        browser.open(page).await;
        for (theme, width) in Theme::BOTH.into_iter().flat_map(|theme| WIDTHS.map(|width| (theme, width))) {
            browser.look(width, theme).await;
            for question in [ASK, TOO_WIDE] {
                let found = browser.ask(question).await;
                let found = found.as_array().expect("a list").iter().filter_map(|it| it.as_str());
                complaints.extend(found.map(|it| format!("{page} {theme:?} {width}: {it}")));
            }
        }
    }
    complaints
}

fn all(root: &str, paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| format!("{root}{path}")).collect()
}

/// With a page in all languages, and a look of its own.
fn in_languages(mut snapshot: Snapshot) -> Snapshot {
    let settings = Arc::make_mut(&mut snapshot.settings);
    settings.policy.tell.translations = vec![Language::De, Language::Fr, Language::Es];
    let theme = &mut settings.page.theme;
    let logo = include_bytes!("../../templates/assets/favicon.svg");
    theme.logo = Some(Logo::of(logo.to_vec()).expect("a picture"));
    let colours = [(Scheme::Light, Token::Link, "#004d40"), (Scheme::Dark, Token::Link, "#80cbc4")];
    theme.colours = colours.map(|(scheme, token, text)| ((scheme, token), text.parse().expect("a colour"))).into();
    snapshot
}

/// A browser with axe in it.
async fn browser() -> Option<Browser> {
    let chromium = packages::program("DOWNBEAT_CHROMIUM", "chromium")?;
    let axe = packages::file("node_modules/axe-core/axe.min.js")?;
    let mut browser = Browser::start(&chromium).await;
    browser.bring_along(&std::fs::read_to_string(axe).expect("axe can be read")).await;
    Some(browser)
}

/// The control: what is wrong is found.
#[tokio::test(flavor = "multi_thread")]
async fn axe_complains_where_there_is_reason_to() {
    let Some(mut browser) = browser().await else { return };
    let stage = Stage::of(story::healthy()).await;
    browser.open(&format!("{}/", stage.status)).await;
    browser.ask("document.documentElement.removeAttribute('lang')").await;
    browser.ask("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"/favicon.svg\">')").await;
    let found = browser.ask(ASK).await.to_string();
    assert!(found.contains("html-has-lang") && found.contains("image-alt"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_out_of_the_public_pages() {
    let Some(mut browser) = browser().await else { return };
    let told = [
        (story::maintained(), vec!["/", "/maintenance/5", "/maintenance/4", "/history", "/history/2026-11", "/embed"]),
        (story::in_state(State::Confirmed), vec!["/", "/incidents/3", "/embed"]),
        (
            in_languages(story::in_state(State::Confirmed)),
            vec!["/", "/de/", "/fr/incidents/3", "/es/history", "/de/embed"],
        ),
        (story::reported(), vec!["/", "/report", "/report/frame"]),
        (story::no_data(), vec!["/", "/embed", "/nowhere"]),
        (story::hostile(), vec!["/", "/incidents/3", "/history"]),
        (story::maintained_with_hostility(), vec!["/", "/maintenance/5"]),
        (story::huge(), vec!["/", "/incidents/3", "/history", "/embed", "/report"]),
        (story::empty(), vec!["/", "/history"]),
        (story::moved(), vec!["/", "/history", "/history/2026-11", "/incidents/kctbh9vrtdwd", "/incidents/zzz-1"]),
    ];
    let mut complaints_of_all = Vec::new();
    for (snapshot, paths) in told {
        let stage = Stage::of(snapshot).await;
        complaints_of_all.extend(complaints(&mut browser, &all(&stage.status, &paths)).await);
    }
    assert!(complaints_of_all.is_empty(), "{}", complaints_of_all.join("\n"));
}

/// A hub that takes reports and subscriptions in all languages, with one of each.
async fn listening(data: &Path) -> HubHandle {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let subscribers = SubscriberSettings { open_to: vec![ChannelKind::Mail, ChannelKind::Webhook], mail: None };
    let told = in_languages(story::reported());
    let settings = HubSettings {
        data: data.to_path_buf(),
        console: any,
        status: any,
        subscribers,
        breaker: None,
        ..HubSettings::clone(&told.settings)
    };
    start(settings).await.expect("the hub starts")
}

/// The pages of who subscribes, confirms, manages and has left, and of who reported.
async fn pages_of(hub: &HubHandle) -> Vec<String> {
    let doors = hub.doors();
    let address = |text: &str| Address::read(ChannelKind::Webhook, text).expect("an address");
    let wishes =
        ["https://hooks.example/asked", "https://hooks.example/with-a-path-that-is-longer-than-any-screen-is-wide"];
    let [asked, confirmed] = wishes.map(|text| Wish::new(address(text), Choice::default()));
    doors.subscribers.ask(doors.clock.now(), asked).await.expect("asked");
    doors.subscribers.add(doors.clock.now(), vec![confirmed]).await.expect("added");
    let tokens: Vec<String> =
        doors.subscribers.list(0, 10).await.expect("listed").into_iter().map(|one| one.token).collect();
    assert_eq!(tokens.len(), 2);
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let form = client.post(format!("http://{}/report", hub.status_address())).body("category=no-sound");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let ticket = form.send().await.expect("answered").headers()["location"].to_str().expect("a path").to_owned();
    let subscriptions = tokens.iter().map(|token| format!("/subscription/{token}"));
    let others = ["/report", "/report/frame", "/subscribe", "/subscribed", "/subscription/nobody"].map(str::to_owned);
    others.into_iter().chain(subscriptions).chain([ticket.clone(), format!("{ticket}/frame")]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_out_of_reporting_and_subscribing_in_any_language() {
    let Some(mut browser) = browser().await else { return };
    let data = tempfile::tempdir().expect("a folder");
    let hub = listening(data.path()).await;
    let paths = pages_of(&hub).await;
    let mut complaints_of_all = Vec::new();
    for language in Language::ALL {
        let root = format!("http://{}", hub.status_address());
        let pages: Vec<String> = paths.iter().map(|path| format!("{root}{path}?language={language}")).collect();
        complaints_of_all.extend(complaints(&mut browser, &pages).await);
    }
    assert!(complaints_of_all.is_empty(), "{}", complaints_of_all.join("\n"));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_out_of_the_console() {
    let Some(mut browser) = browser().await else { return };
    let told = [
        (story::maintained(), vec!["/", "/maintenance"]),
        (story::maintained_with_hostility(), vec!["/maintenance"]),
        (story::reported(), vec!["/reports"]),
        (story::counted(), vec!["/figures"]),
        (story::huge(), vec!["/", "/incidents/3", "/log", "/reports", "/maintenance"]),
        (story::in_state(State::Confirmed), vec!["/", "/incidents/3", "/log"]),
    ];
    let mut complaints_of_all = Vec::new();
    for (snapshot, paths) in told {
        let stage = Stage::of(snapshot).await;
        complaints_of_all.extend(complaints(&mut browser, &all(&stage.console, &paths)).await);
    }
    assert!(complaints_of_all.is_empty(), "{}", complaints_of_all.join("\n"));
}
