//! The console as its operators find it: over a socket, page by page and button by button.

use super::super::story;
use super::super::testing::{Recorder, check_page, client, serve};
use super::*;
use downbeat_core::incident::{Command, State as Life, Switch};
use downbeat_core::model::{Appointment, FeatureId, MaintenanceId, Moment, RemedyId};
use std::sync::Arc;
use std::time::Duration;

async fn get(root: &str, path: &str) -> Result<(u16, String), reqwest::Error> {
    let response = client().get(format!("{root}{path}")).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

#[tokio::test]
async fn every_page_of_every_story_is_whole_and_harmless() -> Result<(), Box<dyn std::error::Error>> {
    let told = story::STATES.map(story::in_state);
    use story::{crowded, empty, healthy, held_back, hostile, lapsing, maintained, many, merged, no_data, unseeing};
    let worked_on = [maintained(), story::maintained_with_hostility(), story::counted()];
    let others =
        [healthy(), lapsing(), empty(), no_data(), many(), hostile(), merged(), crowded(), unseeing(), held_back()];
    let others = others.into_iter().chain(worked_on);
    for snapshot in told.into_iter().chain(others) {
        let incidents: Vec<u64> = snapshot.book.incidents.keys().map(|id| id.0).collect();
        let root = serve(console_routes(Recorder::of(snapshot))).await;
        let rooms = incidents.iter().flat_map(|id| [format!("/incidents/{id}"), format!("/fragments/incidents/{id}")]);
        let pages = ["/", "/log", "/maintenance", "/figures", "/fragments/home", "/fragments/log", "/incidents/77"];
        let pages = pages.map(String::from);
        for path in pages.into_iter().chain(rooms) {
            let (status, html) = get(&root, &path).await?;
            assert_eq!(status, if path == "/incidents/77" { 404 } else { 200 }, "{path}");
            check_page(&html, &path);
            assert!(!html.contains("<script>alert"), "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_room_tells_the_whole_story() -> Result<(), Box<dyn std::error::Error>> {
    let root = serve(console_routes(Recorder::of(story::in_state(Life::Mitigated)))).await;
    let (_, html) = get(&root, "/incidents/3").await?;
    let facts = [
        "Playback failing in eu",
        "aria-current=\"step\"",
        "48.6 % of 212",
        "faulty deployment",
        "97.2 %",
        "deployed 25 s before the onset",
        "in force, it helped",
        "no traffic to eu-2",
        "failed attempts fell from 48.6 % to 0.0 %",
        "Divert region=eu",
        ">A1<",
        "action=\"/remedies/3.1/undo\"",
        "action=\"/remedies/3.2/approve\"",
        "action=\"/incidents/3/post\"",
        "Playback works again",
        "status-page: delivered",
    ];
    for fact in facts {
        assert!(html.contains(fact), "{fact}");
    }
    assert!(!html.contains("action=\"/incidents/3/ack\""), "mira has seen it already");
    Ok(())
}

#[tokio::test]
async fn a_room_offers_the_verbs_that_make_sense_there() -> Result<(), Box<dyn std::error::Error>> {
    let root = serve(console_routes(Recorder::of(story::in_state(Life::Confirmed)))).await;
    let (_, open) = get(&root, "/incidents/3").await?;
    assert!(open.contains("action=\"/incidents/3/take-over\"") && !open.contains("/incidents/3/reopen"));
    assert!(!open.contains("/incidents/3/merge"), "nothing else is open");
    let (_, over) = get(&root, "/incidents/1").await?;
    assert!(over.contains("action=\"/incidents/1/reopen\"") && !over.contains("/incidents/1/take-over"));

    let root = serve(console_routes(Recorder::of(story::crowded()))).await;
    let (_, taken) = get(&root, "/incidents/3").await?;
    assert!(taken.contains("Hand back to automation") && taken.contains("action=\"/incidents/3/split\""));
    let (_, found) = get(&root, "/incidents/5").await?;
    assert!(found.contains("Adopt: automation brings it back") && found.contains("Release: all of it ends at once"));
    assert!(found.contains("edge edge-eu-1, and not of this log") && !found.contains("/incidents/5/take-over"));

    let root = serve(console_routes(Recorder::of(story::merged()))).await;
    let (_, part) = get(&root, "/incidents/4").await?;
    assert!(part.contains("<dt>Part of</dt><dd><a href=\"/incidents/3\">incident 3</a>"));
    assert!(!part.contains("/incidents/4/reopen"), "it has no life of its own any more");
    let (_, whole) = get(&root, "/incidents/3").await?;
    assert!(whole.contains("<dt>Contains</dt><dd><a href=\"/incidents/4\">"));
    Ok(())
}

#[tokio::test]
async fn a_hub_in_trouble_says_so_on_every_page() -> Result<(), Box<dyn std::error::Error>> {
    let root = serve(console_routes(Recorder::of(story::no_data()))).await;
    for path in ["/", "/log", "/incidents/1"] {
        let (_, html) = get(&root, path).await?;
        assert!(html.contains("the disk is full: the log cannot be written since 14:01:12 UTC"), "{path}");
    }
    let (_, home) = get(&root, "/").await?;
    assert!(home.contains("No edge was heard for 10 min"), "silence is said");
    Ok(())
}

#[tokio::test]
async fn the_front_page_says_what_was_tried_too_long_ago() -> Result<(), Box<dyn std::error::Error>> {
    let root = serve(console_routes(Recorder::of(story::lapsing()))).await;
    let (_, home) = get(&root, "/").await?;
    for fact in ["Restart on Search", "Divert, Restart on Playback", "In <b>4 d</b>"] {
        assert!(home.contains(fact), "{fact}");
    }
    let root = serve(console_routes(Recorder::of(story::healthy()))).await;
    assert!(!get(&root, "/").await?.1.contains("Automation asks"), "nothing acts by itself there");
    Ok(())
}

#[tokio::test]
async fn a_word_that_waits_is_shown_with_what_can_be_done_to_it() -> Result<(), Box<dyn std::error::Error>> {
    let root = serve(console_routes(Recorder::of(story::held_back()))).await;
    let (_, room) = get(&root, "/incidents/3").await?;
    for fact in ["Not said yet: Investigating", "Held back by mira", ">We see problems with Playback in eu.</textarea>"]
    {
        assert!(room.contains(fact), "{fact}");
    }
    assert!(room.contains("/incidents/3/draft/send") && !room.contains("/incidents/3/draft/hold"));
    let (_, home) = get(&root, "/").await?;
    assert!(room.contains("No public word for ") && home.contains("No public word for "));
    let root = serve(console_routes(Recorder::of(story::in_state(Life::Confirmed)))).await;
    let (_, room) = get(&root, "/incidents/3").await?;
    assert!(room.contains("Next update</span> due in") && !room.contains("Not said yet"));
    Ok(())
}

#[tokio::test]
async fn buttons_become_commands_and_lead_back() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Recorder::of(story::in_state(Life::Confirmed));
    let root = serve(console_routes(hub.clone())).await;
    let remedy = RemedyId { incident: IncidentId(3), count: 2 };
    let by_mood = FeatureId { component: story::name("search"), feature: story::name("by-mood") };
    let switched = "component=search&feature=by-mood";
    let table = [
        ("/incidents/3/ack", "", "/incidents/3", Command::Ack(IncidentId(3))),
        (
            "/incidents/3/post",
            "text=+All+is+%26+well+",
            "/incidents/3",
            Command::Post(IncidentId(3), "All is & well".into()),
        ),
        ("/incidents/3/draft/send", "", "/incidents/3", Command::SendDraft(IncidentId(3))),
        ("/incidents/3/draft/hold", "", "/incidents/3", Command::HoldDraft(IncidentId(3))),
        (
            "/incidents/3/draft/change",
            "text=+Not+yet+",
            "/incidents/3",
            Command::ChangeDraft(IncidentId(3), "Not yet".into()),
        ),
        ("/incidents/3/resolve", "", "/incidents/3", Command::Resolve(IncidentId(3))),
        ("/incidents/3/take-over", "", "/incidents/3", Command::TakeOver(IncidentId(3))),
        ("/incidents/3/hand-back", "", "/incidents/3", Command::HandBack(IncidentId(3))),
        (
            "/incidents/1/reopen",
            "text=It+still+fails",
            "/incidents/1",
            Command::Reopen(IncidentId(1), "It still fails".into()),
        ),
        ("/incidents/3/merge", "into=1", "/incidents/1", Command::Merge(IncidentId(3), IncidentId(1))),
        (
            "/incidents/3/split",
            "component=playback",
            "/incidents/3",
            Command::Split(IncidentId(3), story::name("playback")),
        ),
        ("/remedies/3.2/approve", "", "/incidents/3", Command::Approve(remedy)),
        ("/remedies/3.2/undo", "", "/incidents/3", Command::Undo(remedy)),
        ("/features/off", switched, "/", Command::Switch(by_mood.clone(), Switch::Off)),
        ("/features/on", switched, "/", Command::Switch(by_mood, Switch::On)),
        (
            "/maintenance",
            "title=Work&component=login&component=search&start=2026-11-22T15%3A00&end=2026-11-22T16%3A00&text=We+work",
            "/maintenance",
            Command::Schedule(work(), "We work".into()),
        ),
        ("/maintenance/7/cancel", "text=No", "/maintenance", Command::Cancel(MaintenanceId(7), "No".into())),
        ("/maintenance/7/end", "", "/maintenance", Command::Finish(MaintenanceId(7))),
        ("/automation/hold", "", "/", Command::Hold),
        ("/automation/release", "", "/", Command::Release),
    ];
    for (path, body, back, command) in table {
        let request = client().post(format!("{root}{path}")).body(body).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.header("x-downbeat-operator", "mira").send().await?;
        assert_eq!((response.status().as_u16(), response.headers()["location"].to_str()?), (303, back), "{path}");
        assert_eq!(hub.asked().last(), Some(&(story::name("mira"), command)), "{path}");
    }
    Ok(())
}

/// An hour of work on two components.
fn work() -> Appointment {
    let at = |hour: u64| Moment::from_millis(1_795_305_600_000 + hour * 3_600_000);
    let components = [story::name("login"), story::name("search")].into();
    Appointment { title: "Work".into(), components, start: at(15), end: at(16) }
}

#[tokio::test]
async fn announced_work_is_shown_with_its_forms() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Recorder::of(story::maintained());
    let root = serve(console_routes(hub.clone())).await;
    let (_, html) = get(&root, "/maintenance").await?;
    check_page(&html, "maintenance");
    for fact in
        ["New disks for search", "/maintenance/5/end", "/maintenance/2/cancel", "Cancelled: The parts are late."]
    {
        assert!(html.contains(fact), "{fact}");
    }
    assert!(!html.contains("/maintenance/5/cancel") && !html.contains("/maintenance/1/update"));
    let update = |body: &'static str| {
        let request = client().post(format!("{root}/maintenance/2/update")).header("sec-fetch-site", "same-origin");
        request.header("content-type", "application/x-www-form-urlencoded").body(body).send()
    };
    assert_eq!(update("text=Later&end=2026-11-24T12%3A00").await?.status(), 303);
    let known = hub.snapshots.borrow().book.maintenances[&MaintenanceId(2)].appointment.clone();
    let end = Moment::from_millis(1_795_521_600_000);
    let moved = Command::ChangeAppointment(MaintenanceId(2), Appointment { end, ..known }, "Later".into());
    assert_eq!(hub.asked().last().map(|(_, command)| command), Some(&moved), "what is left empty stays");
    let refused = update("text=Later&end=%3Cb%3E").await?;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await?.contains("end: &#34;&#60;b&#62;&#34; is no time"), "the field is named");
    Ok(())
}

#[tokio::test]
async fn pages_of_strangers_press_nothing() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Recorder::of(story::in_state(Life::Confirmed));
    let root = serve(console_routes(hub.clone())).await;
    for path in ["/incidents/3/ack", "/incidents/3/resolve", "/automation/hold", "/break/host", "/heal"] {
        for (header, value) in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example"), ("accept", "*/*")]
        {
            let request = client().post(format!("{root}{path}")).header(header, value);
            let response = request.header("content-type", "application/x-www-form-urlencoded").send().await?;
            assert_eq!(response.status(), 403, "{path} {header}");
        }
    }
    assert_eq!(hub.asked(), [], "nothing reached the hub");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_done_is_explained() -> Result<(), Box<dyn std::error::Error>> {
    let mut snapshot = story::in_state(Life::Confirmed);
    Arc::make_mut(&mut snapshot.settings).breaker = None;
    let root = serve(console_routes(Recorder::of(snapshot))).await;
    let table = [
        ("/incidents/99/ack", 404, "there is no incident 99"),
        ("/remedies/x/undo", 404, "is not of the form INCIDENT.COUNT"),
        ("/break/host", 404, "Only the demo can be broken"),
        ("/break/everything", 404, "no way to break things"),
    ];
    for (path, status, why) in table {
        let response = client().post(format!("{root}{path}")).header("origin", &root).send().await?;
        assert_eq!(response.status(), status, "{path}");
        let html = response.text().await?;
        check_page(&html, path);
        assert!(html.contains(why), "{path}: {html}");
    }
    let huge = client().post(format!("{root}/incidents/3/post")).header("origin", &root);
    let huge = huge
        .header("content-type", "application/x-www-form-urlencoded")
        .body("text=".to_owned() + &"a".repeat(300_000));
    assert_eq!(huge.send().await?.status(), 413);
    Ok(())
}

#[tokio::test]
async fn the_demo_is_broken_and_healed_by_its_supervisor() -> Result<(), Box<dyn std::error::Error>> {
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let supervisor = axum::Router::new().fallback(move |request: axum::extract::Request| {
        let path = request.uri().path().to_owned();
        let status = if path == "/break/dns" { StatusCode::CONFLICT } else { StatusCode::NO_CONTENT };
        ear.lock().expect("no test panics while holding it").push(format!("{} {path}", request.method()));
        async move { status }
    });
    let mut snapshot = story::healthy();
    let breaker = Arc::make_mut(&mut snapshot.settings).breaker.as_mut().ok_or("the story has a breaker")?;
    breaker.url = serve(supervisor).await;
    let root = serve(console_routes(Recorder::of(snapshot))).await;
    for (path, status) in [("/break/bad-deploy", 303), ("/heal", 303), ("/break/dns", 502)] {
        let response = client().post(format!("{root}{path}")).header("sec-fetch-site", "same-origin").send().await?;
        assert_eq!(response.status(), status, "{path}");
    }
    let heard = heard.lock().expect("no test panics while holding it").clone();
    assert_eq!(heard, ["POST /break/bad-deploy", "POST /heal", "POST /break/dns"]);
    Ok(())
}

#[tokio::test]
async fn reviews_are_rendered_and_stay_in_their_directory() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("reviews"))?;
    std::fs::write(folder.path().join("reviews/2026-11-22-playback-eu-3.md"), "# Learnt\n\n<b>raw</b> *much*\n")?;
    let mut snapshot = story::in_state(Life::Reviewed);
    Arc::make_mut(&mut snapshot.settings).data = folder.path().join("");
    let root = serve(console_routes(Recorder::of(snapshot.clone()))).await;
    let (status, html) = get(&root, "/incidents/3/review").await?;
    check_page(&html, "review");
    assert_eq!(status, 200);
    assert!(html.contains("<h1>Learnt</h1>") && html.contains("<em>much</em>") && !html.contains("<b>raw"), "{html}");
    assert!(get(&root, "/incidents/2/review").await?.1.contains("A draft: it is written down once"));

    std::fs::write(folder.path().join("secret.md"), "secret")?;
    for path in ["../secret.md", "/etc/hostname", "reviews/gone.md"] {
        let incident = Arc::make_mut(&mut snapshot.book).incidents.get_mut(&story::INCIDENT);
        incident.ok_or("the story has its incident")?.review = Some(path.into());
        Arc::make_mut(&mut snapshot.settings).data = folder.path().join("reviews");
        let root = serve(console_routes(Recorder::of(snapshot.clone()))).await;
        let (status, html) = get(&root, "/incidents/3/review").await?;
        assert_eq!((status, html.contains("cannot be read")), (200, true), "{path}");
        assert!(!html.contains("secret</p>"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn open_pages_hear_of_changes() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Recorder::of(story::healthy());
    let root = serve(console_routes(hub.clone())).await;
    let mut response = client().get(format!("{root}/events")).send().await?;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    hub.snapshots.send_replace(story::in_state(Life::Confirmed));
    let first = tokio::time::timeout(Duration::from_secs(30), response.chunk()).await??.ok_or("the stream ended")?;
    assert!(first.starts_with(b"event: changed\ndata: "), "{first:?}");
    Ok(())
}

#[tokio::test]
async fn answers_are_private_and_typed() -> Result<(), Box<dyn std::error::Error>> {
    let root = serve(console_routes(Recorder::of(story::healthy()))).await;
    let table = [
        ("/", "text/html; charset=utf-8"),
        ("/fragments/home", "text/html; charset=utf-8"),
        ("/console.css", "text/css; charset=utf-8"),
        ("/console.js", "text/javascript; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
    ];
    for (path, kind) in table {
        let response = client().get(format!("{root}{path}")).send().await?;
        let headers = response.headers();
        assert_eq!(headers["content-type"], kind, "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert!(headers["content-security-policy"].to_str()?.contains("frame-ancestors 'none'"), "{path}");
        assert!(!headers.contains_key("access-control-allow-origin"), "{path}");
    }
    Ok(())
}
