//! The public form: what counts, what is answered, what is refused.

use crate::rig::{PATIENCE, eventually, name, remember, remember_from, settings, story};
use downbeat_core::incident::{Event, Voices};
use downbeat_core::model::{Audience, IncidentId, Language};
use downbeat_hub::settings::{HubSettings, ReportSettings};
use downbeat_hub::{HubHandle, start};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sha2::Sha256;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

async fn report(hub: &HubHandle, form: &str, accept: &str) -> Response {
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let request = client.post(format!("http://{}/report", hub.status_address())).header("accept", accept);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
    request.send().await.expect("answered")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_counts_once_and_is_answered_honestly() {
    let data = tempfile::tempdir().expect("a directory");
    let word = story::notice(1, Audience::Public);
    remember(data.path(), &[story::suspected(), story::confirmed(), word]);
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let answer = report(&hub, "category=no-sound&component=playback", "text/html").await;
    assert_eq!(answer.status(), 303);
    let answer_page = answer.headers()["location"].to_str().expect("text").to_owned();
    let page = reqwest::get(format!("http://{}{answer_page}", hub.status_address())).await.expect("answered");
    assert!(page.status().is_success() && page.headers().get("set-cookie").is_none());
    let page = page.text().await.expect("a page");
    assert!(page.contains("Known since") && page.contains("Next update by"), "{page}");

    let answer = report(&hub, "category=no-sound&component=playback", "application/json").await;
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["counted"], false, "the same network, the same component, the same minute");
    let known = json!({"incident": 1, "title": "Playback failing in eu", "since": "1970-01-01T00:00:01.000Z"});
    for (key, value) in known.as_object().expect("an object") {
        assert_eq!(answer["known"][key], *value, "{key}");
    }
    assert_eq!((&answer["others"], &answer["asked"]), (&json!(0), &json!(false)), "there is nobody else");

    let one_report = || {
        let pulses = &hub.doors().snapshots.borrow().board.pulses;
        (pulses.iter().map(|pulse| pulse.reports).sum::<u64>() == 1).then_some(())
    };
    eventually("one counted report on the board", one_report).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_can_be_reported() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let large = format!("category={}", "x".repeat(5_000));
    for (form, status) in [
        ("category=weather", 422),
        ("category=no-sound&component=search", 422),
        ("category=%3Cb%3E", 400),
        ("category=", 400),
        ("component=playback", 400),
        ("", 400),
        (large.as_str(), 413),
    ] {
        let answer = report(&hub, form, "text/html").await;
        assert_eq!(answer.status(), status, "{form:.40}");
    }
    hub.stop().await;
}

/// The region is asked for where there are several; one that there is not is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_reporter_may_say_where_they_are() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let form = reqwest::get(format!("http://{}/report?region=us", hub.status_address())).await.expect("answered");
    let form = form.text().await.expect("a page");
    assert!(form.contains("<option selected>us</option>") && form.contains("<option>eu</option>"), "{form}");
    for (said, understood) in [("us", json!("us")), ("atlantis", Value::Null), ("", Value::Null)] {
        let body = format!("category=no-sound&component=playback&region={said}");
        let answer: Value = report(&hub, &body, "application/json").await.json().await.expect("JSON");
        assert_eq!(answer["region"], understood, "{said}");
    }
    let placed = || {
        let reports = hub.doors().snapshots.borrow().reports.clone();
        reports.places.iter().any(|place| place.region == Some(name("us"))).then_some(())
    };
    eventually("the region on the map", placed).await;
    let page = location(&report(&hub, "category=no-sound&component=playback&region=us", "text/html").await);
    let page = reqwest::get(format!("http://{}{page}", hub.status_address())).await.expect("answered");
    assert!(page.text().await.expect("a page").contains("in us"), "the others there are meant");
    assert_eq!(report(&hub, "category=no-sound&region=%3Cb%3E", "text/html").await.status(), 400);
    hub.stop().await;
}

fn in_languages(data: &Path) -> HubSettings {
    let mut settings = settings(data);
    settings.policy.tell.translations = vec![Language::De, Language::Fr, Language::Es];
    settings
}

/// A report from a German form is answered in German, and so is the answer's answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_in_the_language_of_the_form() {
    let data = tempfile::tempdir().expect("a directory");
    remember(data.path(), &[story::suspected(), story::confirmed()]);
    let hub = start(in_languages(data.path())).await.expect("the hub starts");
    let at = |path: &str| format!("http://{}{path}", hub.status_address());
    for (language, says) in [("de", "Danke, es ist angekommen"), ("fr", "c’est noté"), ("es", "lo hemos recibido")] {
        let form = format!("category=no-sound&component=playback&language={language}");
        let there = location(&report(&hub, &form, "text/html").await);
        assert!(there.ends_with(&format!("?language={language}")), "{there}");
        let text = reqwest::get(at(&there)).await.expect("answered").text().await.expect("a page");
        assert!(text.contains(&format!("<html lang=\"{language}\">")) && text.contains(says), "{text}");
        assert!(!text.contains("Nobody else"), "{text}");
        let ticket = there.split('?').next().expect("a path");
        let vote = Client::builder().redirect(Policy::none()).build().expect("a client").post(at(ticket));
        let vote = vote.header("content-type", "application/x-www-form-urlencoded");
        let vote = vote.body(format!("works=not_yet&language={language}")).send().await.expect("answered");
        assert!(location(&vote).ends_with(&format!("?thanks=1&language={language}")), "{vote:?}");
    }
    let stranger = report(&hub, "category=no-sound&component=playback&language=%3Cb%3E%0d%0ax: y", "text/html").await;
    assert!(!location(&stranger).contains("language"), "{stranger:?}");
    hub.stop().await;
}

/// Nothing of what strangers post comes back as anything but text, and most of it not at all, in any language.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_posts_stay_text_in_every_language() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(in_languages(data.path())).await.expect("the hub starts");
    let hostile = [
        "%E2%80%AEgnihton",
        "%E2%80%8B%EF%BB%BF",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "%5Bx%5D(javascript:alert(1))",
        "%F0%9F%98%80",
        &"x".repeat(100 * 1024),
    ];
    for (language, text) in ["en", "de", "fr", "es"].iter().flat_map(|language| hostile.map(|text| (language, text))) {
        for form in [
            format!("category={text}&language={language}"),
            format!("category=no-sound&component={text}&language={language}"),
            format!("category=no-sound&component=playback&language={language}&token={text}&proof={text}&frame={text}"),
        ] {
            let answer = report(&hub, &form, "text/html").await;
            let (status, there) = (answer.status().as_u16(), answer.headers().get("location").cloned());
            let said = answer.text().await.expect("text");
            assert!(matches!(status, 303 | 400 | 413 | 422), "{status} {form:.80}");
            assert!(!said.contains("<script") && said.len() < 2_048, "{said}");
            let there = there.map(|there| there.to_str().expect("ASCII").to_owned()).unwrap_or_default();
            assert!(!there.contains("script") && there.len() < 256, "{there}");
        }
    }
    hub.stop().await;
}

fn location(answer: &Response) -> String {
    answer.headers()["location"].to_str().expect("text").to_owned()
}

/// While many report, a press without a script leads to another one, which counts once the token has ripened.
#[tokio::test(flavor = "multi_thread")]
async fn g3_in_a_burst_a_report_has_to_show_a_token_and_needs_no_script() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let url = format!("http://{}/report", hub.status_address());
    let press = async |form: String| {
        let request = client.post(&url).header("content-type", "application/x-www-form-urlencoded").body(form);
        location(&request.send().await.expect("answered"))
    };
    let bare = "category=no-sound&component=playback".to_owned();
    // A minute may end in between, so twice as many may be needed.
    let mut again = String::new();
    for _ in 0..1_300 {
        again = press(bare.clone()).await;
        if !again.starts_with("/reported/") {
            break;
        }
    }
    assert!(again.starts_with("/report?category=no-sound&component=playback&region=&token="), "{again}");
    let page = client.get(format!("http://{}{again}", hub.status_address())).send().await.expect("answered");
    let page = page.text().await.expect("a page");
    let token = again.split("token=").nth(1).expect("a token");
    assert!(page.contains(token) && page.contains("press once more"), "the token is kept: {page}");

    let (began, with_token) = (Instant::now(), format!("{bare}&token={token}"));
    loop {
        let answer = press(with_token.clone()).await;
        if answer.starts_with("/reported/") {
            break;
        }
        assert!(answer.ends_with(token), "it keeps its age: {answer}");
        assert!(began.elapsed() < PATIENCE, "it never ripened");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    hub.stop().await;
}

/// A proof is worth as much as the wait: this one is worked for here.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_burst_a_script_may_work_for_a_token_instead_of_waiting() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let flood = "category=no-sound&component=playback";
    let mut again = String::new();
    for _ in 0..1_300 {
        again = location(&report(&hub, flood, "text/html").await);
        if !again.starts_with("/reported/") {
            break;
        }
    }
    let token = again.split("token=").nth(1).expect("a token");
    let is_proof = |n: &u32| {
        use sha2::Digest;
        let hash = Sha256::digest(format!("{token}:{n}"));
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).leading_zeros() >= 14
    };
    let proof = (0..10_000_000).find(is_proof).expect("there is one");
    let proven = format!("{flood}&token={token}&proof={proof}");
    assert!(location(&report(&hub, &proven, "text/html").await).starts_with("/reported/"));
    let twice: Value = report(&hub, &proven, "application/json").await.json().await.expect("JSON");
    assert_eq!(twice["counted"], false, "a token is used once");
    hub.stop().await;
}

fn with_key(data: &Path) -> HubSettings {
    let reports = ReportSettings { app_key: Some("in-every-copy".into()), ..ReportSettings::default() };
    HubSettings { reports, ..settings(data) }
}

async fn from_app(hub: &HubHandle, key: &str, body: &Value) -> Response {
    let body = body.to_string();
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key").chain_update(&body).finalize();
    let hex: String = mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let request = Client::new().post(format!("http://{}/report/app", hub.status_address()));
    let request = request.header("x-downbeat-signature", format!("sha256={hex}")).body(body);
    request.send().await.expect("answered")
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_millis()).expect("a time of ours")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_signs_its_report_and_is_answered_at_once() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(with_key(data.path())).await.expect("the hub starts");
    let said = json!({"at_ms": now_ms(), "category": "no-sound", "region": "eu", "version": "3.1", "session": "s-1"});
    let answer: Value = from_app(&hub, "in-every-copy", &said).await.json().await.expect("JSON");
    assert_eq!((&answer["counted"], &answer["region"]), (&json!(true), &json!("eu")), "{answer}");
    assert!(answer["follow"].as_str().is_some_and(|path| path.starts_with("/reported/")));
    let again: Value = from_app(&hub, "in-every-copy", &said).await.json().await.expect("JSON");
    assert_eq!(again["counted"], false, "what was recorded counts once");
    let version = || {
        let reports = hub.doors().snapshots.borrow().reports.clone();
        reports.places.iter().any(|place| place.version == Some(name("3.1"))).then_some(())
    };
    eventually("the app's version on the map", version).await;

    let old = json!({"at_ms": now_ms() - 400_000, "category": "no-sound"});
    let strange = json!({"at_ms": now_ms(), "category": "weather"});
    let more = json!({"at_ms": now_ms(), "category": "no-sound", "mood": "bad"});
    for (key, body, status) in [
        ("another", &said, 401),
        ("in-every-copy", &old, 422),
        ("in-every-copy", &strange, 422),
        ("in-every-copy", &more, 400),
    ] {
        assert_eq!(from_app(&hub, key, body).await.status(), status, "{body}");
    }
    hub.stop().await;

    let other = tempfile::tempdir().expect("a directory");
    let hub = start(settings(other.path())).await.expect("the hub starts");
    assert_eq!(from_app(&hub, "in-every-copy", &said).await.status(), 404, "no key, no door");
    hub.stop().await;
}

/// A ticket outlives the hub; whoever has one from before users were served is asked, and the answer is a voice.
#[tokio::test(flavor = "multi_thread")]
async fn who_reported_is_asked_whether_it_works_again_also_by_the_next_hub() {
    let data = tempfile::tempdir().expect("a directory");
    remember(data.path(), &[story::suspected(), story::confirmed(), story::notice(1, Audience::Public)]);
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let page = location(&report(&hub, "category=no-sound&component=playback", "text/html").await);
    hub.stop().await;

    let hub = start(settings(data.path())).await.expect("the hub starts again");
    let url = format!("http://{}{page}", hub.status_address());
    let text = reqwest::get(&url).await.expect("answered").text().await.expect("a page");
    assert!(text.contains("Known since") && !text.contains("work again for you"), "it is not served yet: {text}");
    let counted: u64 = hub.doors().snapshots.borrow().reports.day.iter().map(|quarter| quarter.counted).sum();
    assert_eq!(counted, 1, "the day is kept over the restart");
    let forged = format!("http://{}/reported/{}", hub.status_address(), "00".repeat(32));
    assert_eq!(reqwest::get(&forged).await.expect("answered").status(), 404);
    let vote = Client::new().post(&forged).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(vote.body("works=again").send().await.expect("answered").status(), 404);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_who_reported_is_a_voice_on_the_board() {
    let data = tempfile::tempdir().expect("a directory");
    let incident = IncidentId(1);
    remember(data.path(), &[story::suspected(), story::confirmed()]);
    let hub = start(settings(data.path())).await.expect("the hub starts");
    // The tale is of 1970; this reporter is of today, and users are served from now on.
    let page = location(&report(&hub, "category=no-sound&component=playback", "text/html").await);
    hub.stop().await;
    remember_from(std::time::Duration::ZERO, data.path(), &[Event::Mitigated { incident }]);
    let hub = start(settings(data.path())).await.expect("the hub starts again");
    let url = format!("http://{}{page}", hub.status_address());
    let text = reqwest::get(&url).await.expect("answered").text().await.expect("a page");
    assert!(text.contains("work again for you?"), "{text}");
    let vote = Client::new().post(&url).header("content-type", "application/x-www-form-urlencoded");
    let answer = vote.body("works=not_yet").send().await.expect("answered");
    assert!(answer.text().await.expect("a page").contains("You may answer again"));
    let voices = || hub.doors().snapshots.borrow().board.voices.get(&incident).copied();
    assert_eq!(eventually("a voice", voices).await, Voices { again: 0, not_yet: 1 });
    hub.stop().await;
}
