//! The site as its readers find it: over a socket, in every state of the tale.

use super::super::story;
use super::super::testing::{Recorder, Tag, check_page, client, serve};
use super::*;
use downbeat_core::incident::State as Life;

fn drawn(snapshot: &Snapshot) -> Drawn {
    Drawn::of(snapshot, &Claims::new())
}

fn text<'a>(site: &'a Site, path: &str) -> &'a str {
    let file = site.find(path).unwrap_or_else(|| panic!("there is no {path:?}"));
    std::str::from_utf8(&file.body).expect("pages are UTF-8")
}

fn stories() -> Vec<(String, Snapshot)> {
    let told = story::STATES.map(|state| (state.word().to_owned(), story::in_state(state)));
    let others = [
        ("healthy", story::healthy()),
        ("empty", story::empty()),
        ("no data", story::no_data()),
        ("many", story::many()),
        ("hostile", story::hostile()),
        ("maintained", story::maintained()),
        ("maintained with hostility", story::maintained_with_hostility()),
    ];
    told.into_iter().chain(others.map(|(name, snapshot)| (name.to_owned(), snapshot))).collect()
}

#[test]
fn every_page_of_every_story_is_whole_and_harmless() {
    for (name, snapshot) in stories() {
        let drawn = drawn(&snapshot);
        let pages: Vec<_> = drawn.site.files().filter(|(_, file)| file.kind == Kind::Html).collect();
        assert!(pages.len() >= 3, "{name}");
        for (path, file) in pages {
            let html = std::str::from_utf8(&file.body).expect("pages are UTF-8");
            check_page(html, &format!("{name} {path}"));
            assert!(!html.contains("<script>alert"), "{name} {path}");
        }
    }
}

#[test]
fn hostile_words_reach_the_feed_as_words() {
    let mut snapshot = story::hostile();
    Arc::make_mut(&mut snapshot.settings).policy.topology.service = "a\u{0}b\u{1b}".into();
    let drawn = drawn(&snapshot);
    for path in ["history.atom", "history.rss"] {
        let feed = text(&drawn.site, path);
        // Elsewhere than in a page, a link has an end.
        super::super::testing::read(&feed.replace("link>", "url>")).expect("a feed is well-formed");
        assert!(!feed.contains("<script") && !feed.chars().any(|c| c.is_control() && c != '\n'), "{feed}");
    }
}

#[test]
fn the_feed_of_two_days() {
    let drawn = drawn(&story::in_state(Life::Resolved));
    insta::assert_snapshot!(text(&drawn.site, "history.atom"));
}

#[test]
fn the_older_feed_of_announced_work() {
    let drawn = drawn(&story::maintained());
    insta::assert_snapshot!(text(&drawn.site, "history.rss"));
}

/// What the page cries: tones of claims, banners and chips; bars of the past do not count.
fn cries(tags: &[Tag]) -> bool {
    let class = |tag: &Tag| tag.attributes.iter().find(|(key, _)| key == "class").map(|(_, value)| value.clone());
    let alarm = |class: &str| class.split(' ').any(|word| matches!(word, "warn" | "bad"));
    let live = |tag: &&Tag| tag.name != "rect" && class(tag).is_none_or(|c| !c.starts_with("swatch"));
    tags.iter().filter(live).filter_map(class).any(|c| alarm(&c))
}

#[test]
fn the_page_cries_when_and_only_when_something_was_confirmed() {
    for state in story::STATES {
        let drawn = drawn(&story::in_state(state));
        let html = text(&drawn.site, "");
        let real = matches!(state, Life::Confirmed | Life::Mitigated | Life::Restoring);
        assert_eq!(cries(&check_page(html, state.word())), real, "{state:?}");
        assert_eq!(html.contains("All Systems Operational"), !real, "{state:?}");
    }
}

#[test]
fn announced_work_is_told_and_is_no_alarm() {
    let drawn = drawn(&story::maintained());
    let html = text(&drawn.site, "");
    let words = ["Service Under Maintenance", "Playlists move to a new database", "Under maintenance", "Worked on"];
    for word in words.into_iter().chain(["Scheduled maintenance", "New disks for search"]) {
        assert!(html.contains(word), "{word}");
    }
    assert!(!cries(&check_page(html, "maintained")) && !html.contains("New network in us"));
    assert!(text(&drawn.site, "maintenance/4").contains("The parts are late."));
    assert!(text(&drawn.site, "api/v2/status.json").contains("\"indicator\":\"maintenance\""));
}

#[test]
fn without_data_the_page_is_not_green() {
    let drawn = drawn(&story::no_data());
    let html = text(&drawn.site, "");
    assert!(html.contains("No current measurements") && !html.contains("All Systems Operational"));
    assert!(html.contains("Last measured at"));
    assert!(html.contains("Not measured now") && html.contains("Last known: Operational"));
    assert!(!html.contains("class=\"state good\""), "what is not measured is not green");
    assert!(text(&drawn.site, "api/v2/status.json").contains("\"indicator\":\"none\""), "the last claim stays");
}

#[test]
fn reporters_are_told_what_is_known() {
    let answer = |state| drawn(&story::in_state(state)).answer();
    assert!(matches!(answer(Life::Suspected), Answer::Checking(_)));
    assert_eq!(answer(Life::Confirmed), Answer::Known);
    assert_eq!(answer(Life::Resolved), Answer::Nothing);
}

#[tokio::test]
async fn the_site_is_served_with_its_headers() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut snapshot = story::in_state(Life::Confirmed);
    Arc::make_mut(&mut snapshot.settings).data = folder.path().to_owned();
    let root = serve(status_routes(Recorder::of(snapshot))).await;
    let table = [
        ("/", 200, "text/html; charset=utf-8"),
        ("/incidents/3", 200, "text/html; charset=utf-8"),
        ("/incidents/3/", 200, "text/html; charset=utf-8"),
        ("/incidents/2", 404, "text/html; charset=utf-8"),
        ("/history", 200, "text/html; charset=utf-8"),
        ("/reported", 200, "text/html; charset=utf-8"),
        ("/history/2026-11", 200, "text/html; charset=utf-8"),
        ("/history/2026-13", 404, "text/html; charset=utf-8"),
        ("/embed", 200, "text/html; charset=utf-8"),
        ("/embed.js", 200, "text/javascript; charset=utf-8"),
        ("/badge.svg", 200, "image/svg+xml"),
        ("/badge/playback.svg", 200, "image/svg+xml"),
        ("/badge/nothing.svg", 404, "text/html; charset=utf-8"),
        ("/history.atom", 200, "application/atom+xml; charset=utf-8"),
        ("/history.rss", 200, "application/rss+xml; charset=utf-8"),
        ("/maintenance.ics", 200, "text/calendar; charset=utf-8"),
        ("/api/v2/summary.json", 200, "application/json; charset=utf-8"),
        ("/api/v2/status.json", 200, "application/json; charset=utf-8"),
        ("/api/v2/components.json", 200, "application/json; charset=utf-8"),
        ("/api/v2/incidents.json", 200, "application/json; charset=utf-8"),
        ("/api/v2/incidents/unresolved.json", 200, "application/json; charset=utf-8"),
        ("/api/v2/scheduled-maintenances.json", 200, "application/json; charset=utf-8"),
        ("/api/v2/scheduled-maintenances/upcoming.json", 200, "application/json; charset=utf-8"),
        ("/api/v2/scheduled-maintenances/active.json", 200, "application/json; charset=utf-8"),
        ("/status.css", 200, "text/css; charset=utf-8"),
        ("/status.js", 200, "text/javascript; charset=utf-8"),
        ("/favicon.svg", 200, "image/svg+xml"),
        ("/../../etc/passwd", 404, "text/html; charset=utf-8"),
        ("/%2e%2e/hub.db", 404, "text/html; charset=utf-8"),
    ];
    for (path, status, kind) in table {
        let response = client().get(format!("{root}{path}")).send().await?;
        let headers = response.headers();
        assert_eq!((response.status().as_u16(), headers["content-type"].to_str()?), (status, kind), "{path}");
        let policy = headers["content-security-policy"].to_str()?;
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert_eq!(policy.contains("frame-ancestors *"), path == "/embed", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(!headers.contains_key("set-cookie"), "{path}");
        assert_eq!(
            headers.contains_key("access-control-allow-origin"),
            ["json", "+xml; charset", "calendar"].iter().any(|read_anywhere| kind.contains(read_anywhere))
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_site_follows_the_hub_in_memory_and_on_disk() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let told = |state| {
        let mut snapshot = story::in_state(state);
        Arc::make_mut(&mut snapshot.settings).data = folder.path().to_owned();
        snapshot
    };
    let hub = Recorder::of(told(Life::Suspected));
    let root = serve(status_routes(hub.clone())).await;
    let page = client().get(&root).send().await?.text().await?;
    assert!(page.contains("All Systems Operational"));

    hub.snapshots.send_replace(told(Life::Confirmed));
    let on_disk = folder.path().join("status/index.html");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !std::fs::read_to_string(&on_disk).is_ok_and(|page| page.contains("Partial System Outage")) {
        assert!(tokio::time::Instant::now() < deadline, "the page on disk never followed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let page = client().get(&root).send().await?.text().await?;
    assert!(page.contains("Playback problems in Europe"));
    Ok(())
}
