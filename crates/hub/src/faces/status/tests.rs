//! The site as its readers find it: over a socket, in every state of the tale.

use super::super::story;
use super::super::testing::{Recorder, Tag, check_page, client, serve};
use super::*;
use crate::settings::Category;
use crate::theme::{Logo, Scheme, Token};
use downbeat_core::incident::State as Life;
use downbeat_core::model::{Language, Said};

fn drawn(snapshot: &Snapshot) -> Drawn {
    Drawn::of(snapshot, None)
}

fn text<'a>(site: &'a Site, path: &str) -> &'a str {
    let page = format!("{}/index.html", path.trim_matches('/'));
    let is_it = |it: &str| it == path || it == page.trim_start_matches('/');
    let (_, file) = site.files().find(|(it, _)| is_it(it)).unwrap_or_else(|| panic!("there is no {path:?}"));
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
        ("huge", story::huge()),
        ("reported", story::reported()),
        ("maintained", story::maintained()),
        ("maintained with hostility", story::maintained_with_hostility()),
        ("moved", story::moved()),
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
    let live = |tag: &&Tag| tag.name != "path" && class(tag).is_none_or(|c| !c.starts_with("swatch"));
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
    use crate::clock::HubClock;
    use crate::reports::{ReportDesk, Standing, Told};
    use downbeat_core::model::Moment;
    let playback = story::name("playback");
    let told = |snapshot: Snapshot| {
        let desk = ReportDesk::alone(&snapshot.settings, HubClock::start(Moment::default()));
        Told::of(&snapshot, &desk, Some(&playback), None, Moment::from_millis(story::ONSET_MS))
    };
    let at = |state| told(story::in_state(state));
    assert!(matches!(at(Life::Suspected).standing, Standing::Checking(_)));
    assert!(matches!(at(Life::Confirmed).standing, Standing::Known(known) if known.next_update.is_some()));
    assert_eq!(at(Life::Resolved).standing, Standing::Nothing);
    let asked =
        [Life::Suspected, Life::Confirmed, Life::Mitigated, Life::Restoring, Life::Resolved].map(|s| at(s).asked);
    assert_eq!(asked, [false, false, true, true, false], "only when users are served again");
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
        ("/report", 200, "text/html; charset=utf-8"),
        ("/report/frame?component=playback", 200, "text/html; charset=utf-8"),
        ("/reported/0123456789abcdef", 404, "text/html; charset=utf-8"),
        ("/report.js", 200, "text/javascript; charset=utf-8"),
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
        let is_framed = path == "/embed" || path.starts_with("/report/frame");
        assert_eq!(policy.contains("frame-ancestors *"), is_framed, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(!headers.contains_key("set-cookie"), "{path}");
        let is_kept = headers["cache-control"].to_str()?.starts_with("public, max-age=");
        assert!(is_kept || path.starts_with("/report"), "{path} {headers:?}");
        assert_eq!(
            headers.contains_key("access-control-allow-origin"),
            ["json", "+xml; charset", "calendar"].iter().any(|read_anywhere| kind.contains(read_anywhere))
        );
    }
    Ok(())
}

/// The words on the buttons are the operator's in the language of the page; where there are none, built-in ones are translated, and
/// others stay as they are and say in which language that is.
#[test]
fn buttons_speak_the_language_of_the_page() {
    let mut snapshot = in_languages(Life::Resolved);
    let playback = story::name("playback");
    let own = Category {
        title: "The music stops".into(),
        titles: [(Language::De, "Die Musik bricht ab".to_owned())].into(),
        ..Category::does_not_work(&playback, "")
    };
    Arc::make_mut(&mut snapshot.settings).categories =
        vec![own, Category::does_not_work(&story::name("login"), "Log-in"), Category::something_else()];
    let drawn = drawn(&snapshot);
    for (root, words, foreign) in [
        ("", ["The music stops", "Log-in does not work", "Something else"], 0),
        ("de", ["Die Musik bricht ab", "Log-in geht nicht", "Etwas anderes"], 0),
        ("fr", ["The music stops", "Log-in ne fonctionne pas", "Autre chose"], 1),
    ] {
        let html = text(&drawn.site, root);
        assert_eq!(
            html.matches("<button name=\"category\" value=\"playback\" lang=\"en\">").count(),
            foreign,
            "{root:?}"
        );
        words.iter().for_each(|word| assert!(html.contains(&format!(">{word}</button>")), "{root:?} {word}"));
    }
}

/// The reader's language by their browser, another one by the address; what is asked for in a hostile way is text or nothing.
#[tokio::test]
async fn reporting_is_in_the_readers_language() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut snapshot = story::hostile();
    let settings = Arc::make_mut(&mut snapshot.settings);
    settings.data = folder.path().to_owned();
    settings.policy.tell.translations = vec![Language::De, Language::Fr, Language::Es];
    let desk = Recorder::of(snapshot);
    let root = serve(status_routes(desk)).await;
    let page = async |path: &str, speaks: &str| {
        let asked = client().get(format!("{root}{path}")).header("accept-language", speaks).send().await?;
        let html = asked.text().await?;
        check_page(&html, path);
        Ok::<String, reqwest::Error>(html)
    };
    for (path, speaks, language, says) in [
        ("/report", "", "en", "Something wrong?"),
        ("/report", "pt, de-AT;q=0.7, en;q=0.2", "de", "Stimmt etwas nicht?"),
        ("/report/frame", "fr", "fr", "Un problème ?"),
        ("/report?language=es", "de", "es", "¿Algo va mal?"),
        ("/reported/nothing?language=de", "", "de", "Diese Seite gibt es nicht"),
        ("/report?language=%3Cscript%3Ealert(1)%3C/script%3E", "de", "de", "Stimmt etwas nicht?"),
        ("/report/frame?component=playback&language=fr", "", "fr", "Un problème ?"),
    ] {
        let html = page(path, speaks).await?;
        let lang = format!("<html lang=\"{language}\">");
        assert!(html.contains(&lang) && html.contains(says), "{path} {speaks}: {html}");
        assert_eq!(html.matches("hreflang=\"").count() % 3, if path.contains("frame") { 0 } else { 1 }, "{path}");
    }
    let rtl = "%E2%80%AE%E2%80%8B%22%3E%3Cscript%3Ealert(1)%3C/script%3E**x**";
    for language in Language::ALL {
        for field in ["component", "category", "token"] {
            let html = page(&format!("/report?language={language}&{field}={rtl}"), "").await?;
            assert!(!html.contains("<script>alert"), "{language} {field}");
        }
        let endless = format!("/report?language={language}&component={}", "x".repeat(60 * 1024));
        let answer = client().get(format!("{root}{endless}")).send().await?;
        assert!(answer.status().is_client_error() || !answer.text().await?.contains("xxxx"), "{language}");
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

/// The tale with a page in all languages, and with words that the hub made in them.
fn in_languages(state: Life) -> Snapshot {
    let mut snapshot = story::in_state(state);
    let tell = &mut Arc::make_mut(&mut snapshot.settings).policy.tell;
    tell.translations = vec![Language::De, Language::Fr, Language::Es];
    let said = |title: &str, body: &str| Said { title: title.into(), body: body.into() };
    let notices = Arc::make_mut(&mut snapshot.book).incidents.values_mut().flat_map(|it| it.notices.iter_mut());
    for case in notices {
        case.notice.translations = [(Language::De, said("Wiedergabe gestört", "Wir gehen dem *nach*."))].into();
    }
    snapshot
}

#[test]
fn each_language_has_every_page_and_the_way_to_the_others() {
    let drawn = drawn(&in_languages(Life::Confirmed));
    let pages = |root: &str| {
        let html = drawn.site.files().filter(|(path, file)| file.kind == Kind::Html && *path != "404.html");
        let own = html.filter_map(|(path, _)| {
            let is_other = ["de/", "fr/", "es/"].iter().any(|other| path.starts_with(other));
            if root.is_empty() { (!is_other).then_some(path) } else { path.strip_prefix(root) }
        });
        own.map(str::to_owned).collect::<Vec<_>>()
    };
    let english = pages("");
    assert!(english.len() > 5);
    for (language, root, headline) in [
        (Language::En, "", "Partial System Outage"),
        (Language::De, "de/", "Teilausfall"),
        (Language::Fr, "fr/", "Panne partielle"),
        (Language::Es, "es/", "Interrupción parcial"),
    ] {
        assert_eq!(pages(root), english, "{language}");
        let html = text(&drawn.site, root);
        check_page(html, root);
        assert!(html.contains(&format!("<html lang=\"{language}\">")) && html.contains(headline), "{language}");
        for other in Language::ALL {
            let path = if other == Language::En { "/".to_owned() } else { format!("/{other}/") };
            let head = format!("<link rel=\"alternate\" hreflang=\"{other}\" href=\"{path}\">");
            assert!(html.contains(&head), "{language} {head}");
            let link = format!("<a lang=\"{other}\" hreflang=\"{other}\" href=\"{path}\">{}</a>", other.title());
            assert_eq!(html.contains(&link), other != language, "{language} {link}");
        }
    }
    let incident = text(&drawn.site, "de/incidents/3");
    assert!(incident.contains("<h1>Wiedergabe gestört</h1>") && incident.contains("Wir gehen dem <em>nach</em>."));
    assert!(incident.contains("hreflang=\"fr\" href=\"/fr/incidents/3\""));
    assert!(text(&drawn.site, "fr/incidents/3").contains("Playback problems in Europe"), "it was said so alone");
    assert!(!text(&drawn.site, "incidents/3").contains("Wiedergabe"));
}

#[test]
fn no_language_is_alarmed_before_the_others() {
    for state in story::STATES {
        let drawn = drawn(&in_languages(state));
        let real = matches!(state, Life::Confirmed | Life::Mitigated | Life::Restoring);
        for root in ["", "de", "fr", "es"] {
            assert_eq!(cries(&check_page(text(&drawn.site, root), root)), real, "{state:?} {root}");
        }
    }
}

#[test]
fn components_stand_in_their_groups() {
    let drawn = drawn(&story::in_state(Life::Confirmed));
    let html = text(&drawn.site, "");
    let place = |what: &str| html.find(what).unwrap_or_else(|| panic!("no {what} in {html}"));
    let (music, others) = (place("<summary>Music "), place("<summary>Others "));
    let (playback, login) = (place("<h3>Playback</h3>"), place("<h3>Log-in</h3>"));
    assert!(music < playback && playback < others && others < login);
}

/// Who knows a group by an id of before goes on with it; without one it has one that no component can have.
#[test]
fn a_group_keeps_the_id_that_clients_know() {
    let mut snapshot = story::healthy();
    let ids = |snapshot: &Snapshot| {
        let answer: serde_json::Value =
            serde_json::from_str(text(&drawn(snapshot).site, "api/v2/components.json")).expect("JSON");
        let all = answer["components"].as_array().expect("a list").clone();
        let of = |of: &str, key: &str| {
            let found = all.iter().find(|it| it["name"] == of).unwrap_or_else(|| panic!("no {of}"));
            found[key].as_str().map(str::to_owned)
        };
        (of("Music", "id"), of("Playback", "group_id"))
    };
    let (made, member) = ids(&snapshot);
    assert_eq!(made, member);
    assert!(made.is_some_and(|id| id.starts_with("group~")));
    let page = &mut Arc::make_mut(&mut snapshot.settings).page;
    page.group_ids = [("Music".to_owned(), story::name("41wg86q5vc14"))].into();
    let known = Some("41wg86q5vc14".to_owned());
    assert_eq!(ids(&snapshot), (known.clone(), known));
}

#[test]
fn a_theme_is_part_of_the_site() {
    let mut snapshot = story::healthy();
    let theme = &mut Arc::make_mut(&mut snapshot.settings).page.theme;
    theme.name = Some("Encore <music>".into());
    theme.logo = Some(Logo::of(b"\x89PNG\r\n\x1a\n".to_vec()).expect("a logo"));
    theme.colours = [((Scheme::Light, Token::Link), "#004d40".parse().expect("a colour"))].into();
    let drawn = drawn(&snapshot);
    let html = text(&drawn.site, "");
    check_page(html, "themed");
    assert!(html.contains("<img class=\"logo\" src=\"/logo.png\" alt=\"\">Encore &#60;music&#62; <span>status</span>"));
    assert!(html.contains("href=\"/theme.css\"") && text(&drawn.site, "theme.css").contains("--link:#004d40"));
    assert!(drawn.site.files().any(|(path, file)| path == "logo.png" && file.kind == Kind::Png));
    assert!(text(&drawn.site, "embed").contains("href=\"/theme.css\""));
}
