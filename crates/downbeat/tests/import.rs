//! Moving in: the history of another page comes over by command, from a hub of ours that speaks Statuspage's API, and from pages
//! that answer as Statuspage's documentation says, or otherwise.

mod support;

use downbeat_core::incident::{Actor, Event};
use downbeat_core::model::{
    Appointment, Audience, Bits, IncidentId, MaintenanceId, Moment, Name, Notice, NoticeId, SourceClass, Stage,
};
use downbeat_hub::log::EventLog;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::running::read_head;
use support::{SOON, Service, run, text, wait_for};
use tempfile::{TempDir, tempdir};

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

/// A running hub with one component.
struct Hub {
    folder: TempDir,
    _service: Service,
    console: String,
    status: String,
}

impl Hub {
    fn start(service: &str, component: &str, events: &[Event]) -> Self {
        let folder = tempdir().expect("a folder");
        let config = format!(
            "[service]\nname = \"{service}\"\n[hub]\nconsole = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n\
             [subscribers]\nopen_to = [\"webhook\"]\n[[component]]\n{component}\nreplicas = [\"http://127.0.0.1:9\"]\n"
        );
        std::fs::write(folder.path().join("downbeat.toml"), config).expect("written");
        if !events.is_empty() {
            let data = folder.path().join("downbeat-data");
            std::fs::create_dir(&data).expect("a folder");
            let mut log = EventLog::open(&data, |_| Ok(())).expect("the log opens");
            log.append(now().before(Duration::from_secs(60)), events).expect("written");
        }
        let mut service = Service::start(folder.path(), "hub");
        let addresses = service.addresses(2);
        let (console, status) = (addresses["console"].clone(), addresses["status page"].clone());
        Self { folder, _service: service, console, status }
    }

    /// Runs `downbeat import` towards this hub; what it said on standard error.
    fn import(&self, words: &[&str]) -> (bool, String) {
        let output = run(self.folder.path(), &[&["import"], words, &["--hub", &self.console, "--as", "anna"]].concat());
        (output.status.success(), text(&output.stderr))
    }
}

fn now() -> Moment {
    Moment::default() + SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}

fn get(url: &str) -> Option<(u16, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let http = reqwest::Client::builder().no_proxy().timeout(SOON).build().expect("a client");
    runtime.block_on(async {
        let answer = http.get(url).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    })
}

fn json_of(url: &str) -> Value {
    let (_, body) = get(url).expect("answered");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{url}: {error}: {body}"))
}

/// An incident that the public was told of and that is over, and work that is.
fn history() -> Vec<Event> {
    const ONE: IncidentId = IncidentId(1);
    let slice = || "component=playback".parse().expect("a slice");
    let bits = || [(SourceClass::Edge, Bits(60.0))].into();
    let notice = |count, stage, body: &str| Event::NoticeWritten {
        notice: Notice {
            id: NoticeId { incident: ONE, count },
            audience: Audience::Public,
            stage,
            title: "Songs stop".into(),
            body: body.into(),
            translations: Default::default(),
            slice: slice(),
        },
    };
    let since = now().before(Duration::from_secs(300));
    let appointment = Appointment {
        title: "A larger cache".into(),
        components: [name("playback")].into(),
        start: since,
        end: since + Duration::from_secs(60),
    };
    let maintenance = MaintenanceId(1);
    let told = |text: &str| text.to_owned();
    vec![
        Event::Suspected {
            incident: ONE,
            title: told("Songs stop"),
            slice: slice(),
            since,
            findings: vec![],
            bits: bits(),
        },
        Event::Confirmed { incident: ONE, first: SourceClass::Edge, bits: bits(), why: told("overwhelming") },
        notice(1, Stage::Investigating, "We **look** into it."),
        notice(2, Stage::Resolved, "It is over. <b>Sorry</b>."),
        Event::Resolved { incident: ONE, by: Actor::Operator(name("mira")) },
        Event::MaintenanceScheduled { maintenance, appointment, body: told("Songs may stop."), who: name("mira") },
        Event::MaintenanceBegan { maintenance, body: told("It has begun.") },
        Event::MaintenanceEnded { maintenance, by: Actor::Automation, body: told("Done.") },
    ]
}

/// What is told of stories: titles, states, words with their states.
fn told(answer: &Value, key: &str) -> Vec<Value> {
    let words = |it: &Value| {
        let list = it["incident_updates"].as_array().expect("a list").iter();
        list.map(|word| json!([word["status"], word["body"], word["display_at"]])).collect::<Vec<_>>()
    };
    let stories = answer[key].as_array().expect("a list").iter();
    let of = |it: &Value| {
        json!({"name": it["name"], "status": it["status"], "impact": it["impact"], "started_at": it["started_at"],
            "resolved_at": it["resolved_at"], "words": words(it), "until": it["scheduled_until"]})
    };
    stories.map(of).collect()
}

#[test]
fn the_history_of_one_hub_moves_into_another_word_for_word() {
    let old = Hub::start("Old", "name = \"playback\"", &history());
    let new = Hub::start("New", "name = \"songs\"\nstatuspage_id = \"playback\"", &[]);
    let there = json_of(&format!("{}/api/v2/incidents.json", old.status));
    assert_eq!(there["incidents"].as_array().map(Vec::len), Some(1), "{there}");

    let (done, said) = new.import(&["statuspage", &old.status, "--dry-run"]);
    assert!(done && said.contains("would bring 1 incidents and 1 maintenances"), "{said}");
    assert!(json_of(&format!("{}/v1/histories", new.console))["histories"].as_array().expect("a list").is_empty());

    let (done, said) = new.import(&["statuspage", &old.status]);
    assert!(done && said.contains("history of old: 2 new, 0 changed, 0 as they were"), "{said}");
    let came = wait_for("the story on the page", || {
        let answer = json_of(&format!("{}/api/v2/incidents.json", new.status));
        (answer["incidents"].as_array()?.len() == 1).then_some(answer)
    });
    assert_eq!(told(&came, "incidents"), told(&there, "incidents"));
    let path = "/api/v2/scheduled-maintenances.json";
    let key = "scheduled_maintenances";
    assert_eq!(
        told(&json_of(&format!("{}{path}", new.status)), key),
        told(&json_of(&format!("{}{path}", old.status)), key)
    );
    let story = &came["incidents"][0];
    assert_eq!((story["id"].as_str(), story["components"][0]["name"].as_str()), (Some("old-1"), Some("Songs")));
    let (status, page) = get(&format!("{}/incidents/old-1", new.status)).expect("answered");
    assert!(status == 200 && page.contains("Imported from") && page.contains("<strong>look</strong>"), "{page}");

    let lines = || get(&format!("{}/v1/log?limit=1000", new.console)).expect("answered").1;
    let before = lines();
    let (done, said) = new.import(&["statuspage", &old.status]);
    assert!(done && said.contains("0 new, 0 changed, 2 as they were"), "{said}");
    assert_eq!(lines(), before, "importing twice changes nothing, in the log neither");

    let output = run(new.folder.path(), &["import", "list", "--hub", &new.console]);
    assert!(text(&output.stdout).contains("old"), "{}", text(&output.stdout));
    let (done, said) = new.import(&["remove", "old"]);
    assert!(done, "{said}");
    wait_for("an empty page", || {
        let answer = json_of(&format!("{}/api/v2/incidents.json", new.status));
        answer["incidents"].as_array()?.is_empty().then_some(())
    });
    assert!(!new.import(&["remove", "old"]).0, "there is nothing any more");
}

/// A page made of answers by path, which remembers what it was asked for and with which key.
struct Page {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Page {
    fn of(answers: impl IntoIterator<Item = (&'static str, &'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let mut left: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (path, status, body) in answers {
            left.entry(path.into()).or_default().push((status.into(), body));
        }
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
                let Ok(Some(head)) = read_head(&mut reader) else { continue };
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let key = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
                seen.lock().expect("no panic").push(format!("{path} {}", key.unwrap_or_default()));
                let absent = ("404 Not Found".to_owned(), "<!doctype html>".to_owned());
                let (status, body) = match left.get_mut(&path) {
                    // The last answer stays.
                    Some(some) if some.len() > 1 => some.remove(0),
                    Some(some) => some[0].clone(),
                    None => absent,
                };
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                // Who went away in between asks no more.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn summary() -> String {
    json!({"page": {"id": "srhpyqt94yxb", "name": "Encore", "url": "https://status.encore.example"},
        "components": [{"id": "rhznvxg4v7yh", "name": "Playback", "group": false},
            {"id": "p2", "name": "Weather", "group": false}],
        "status": {"indicator": "none"}, "incidents": [], "scheduled_maintenances": []})
    .to_string()
}

fn incident(id: &str) -> Value {
    json!({"id": id, "name": format!("Trouble {id}"), "status": "resolved", "impact": "minor",
        "created_at": "2026-01-02T03:04:05Z", "resolved_at": "2026-01-02T04:04:05Z", "updated_at": "2026-01-02T04:04:05Z",
        "incident_updates": [{"id": "u", "status": "resolved", "body": "Over.", "created_at": "2026-01-02T04:04:05Z"}]})
}

fn work(id: &str, component: &str, days: u64) -> Value {
    let at = |hour: u64| {
        let at = now() + Duration::from_secs(days * 86_400 + hour * 3_600);
        jiff::Timestamp::from_millisecond(at.as_millis() as i64).expect("a time").to_string()
    };
    json!({"id": id, "name": format!("Work {id}"), "status": "scheduled", "impact": "maintenance", "created_at": at(0),
        "scheduled_for": at(1), "scheduled_until": at(2), "components": [{"id": component, "name": component}],
        "incident_updates": [{"id": "u", "status": "scheduled", "body": "Soon.", "created_at": at(0)}]})
}

#[test]
fn a_public_page_with_a_long_history_comes_over() {
    let ok = "200 OK";
    let code = |code: &str| json!({"code": code, "name": "x"});
    let page = Page::of([
        ("/api/v2/summary.json", "429 Too Many Requests\r\nRetry-After: 0", String::new()),
        ("/api/v2/summary.json", ok, summary()),
        ("/api/v2/components.json", ok, summary()),
        ("/api/v2/incidents.json", ok, json!({"incidents": [incident("aaa")]}).to_string()),
        (
            "/api/v2/scheduled-maintenances.json",
            ok,
            json!({"scheduled_maintenances": [
            work("w1", "rhznvxg4v7yh", 3), work("w2", "p2", 4)]})
            .to_string(),
        ),
        (
            "/history.json?page=1",
            ok,
            json!({"months": [{"incidents": [code("aaa"), code("bbb"), code("gone")]}]}).to_string(),
        ),
        ("/history.json?page=2", ok, json!({"months": [{"incidents": []}]}).to_string()),
        ("/incidents/bbb.json", ok, incident("bbb").to_string()),
    ]);
    let hub = Hub::start("Encore", "name = \"playback\"\nstatuspage_id = \"rhznvxg4v7yh\"", &[]);
    let proposal = hub.folder.path().join("proposal.toml");
    let write = proposal.to_str().expect("a path");
    let (done, said) = hub.import(&["statuspage", &page.url, "--write", write]);
    assert!(done, "{said}");
    for line in [
        "asking again in 0 s",
        "2 new, 0 changed",
        "story gone stands in the index and is not there",
        "\"Work w2\" is not scheduled: it touches a component that is not configured here",
        "1 of 2 stand scheduled here",
    ] {
        assert!(said.contains(line), "no {line:?} in\n{said}");
    }
    let proposed = std::fs::read_to_string(&proposal).expect("written");
    assert!(
        proposed.contains("statuspage_id = \"rhznvxg4v7yh\"") && proposed.contains("name = \"weather\""),
        "{proposed}"
    );
    assert!(!hub.import(&["statuspage", &page.url, "--write", write]).0, "what a person filled in is not overwritten");
    let works = json_of(&format!("{}/v1/maintenances", hub.console));
    assert_eq!(works["maintenances"].as_array().map(Vec::len), Some(1), "{works}");

    let (done, said) = hub.import(&["statuspage", &page.url]);
    assert!(done && said.contains("0 new, 0 changed, 2 as they were"), "{said}");
    let works = json_of(&format!("{}/v1/maintenances", hub.console));
    assert_eq!(works["maintenances"].as_array().map(Vec::len), Some(1), "scheduled once: {works}");
}

#[test]
fn with_a_key_subscribers_come_too_and_stay_confirmed() {
    let ok = "200 OK";
    let people = json!([
        {"id": "s1", "mode": "email", "email": "anna@example.org", "components": ["rhznvxg4v7yh"]},
        {"id": "s2", "mode": "email", "email": "ben@example.org"},
        {"id": "s3", "mode": "sms", "phone_number": "+491"},
        {"id": "s4", "mode": "webhook", "endpoint": "https://hooks.example/x", "components": ["p2"]},
    ]);
    let api = Page::of([
        ("/v1/pages/srhpyqt94yxb", ok, json!({"id": "srhpyqt94yxb", "name": "Encore"}).to_string()),
        ("/v1/pages/srhpyqt94yxb/components?per_page=100&page=1", ok, "[]".into()),
        ("/v1/pages/srhpyqt94yxb/component-groups?per_page=100&page=1", ok, "[]".into()),
        ("/v1/pages/srhpyqt94yxb/incidents?limit=100&page=1", ok, json!([incident("aaa")]).to_string()),
        ("/v1/pages/srhpyqt94yxb/subscribers?state=active&limit=100&page=0", ok, people.to_string()),
        (
            "/v1/pages/srhpyqt94yxb/subscribers?state=unconfirmed&limit=100&page=0",
            ok,
            json!([{"id": "s9"}]).to_string(),
        ),
    ]);
    let hub = Hub::start("Encore", "name = \"playback\"\nstatuspage_id = \"rhznvxg4v7yh\"", &[]);
    let key = hub.folder.path().join("key");
    std::fs::write(&key, "s3cret\n").expect("written");
    let by_key =
        ["statuspage", "srhpyqt94yxb", "--manage-api", &api.url, "--api-key-file", key.to_str().expect("a path")];
    let (done, said) = hub.import(&by_key);
    assert!(done, "{said}");
    for line in [
        "subscribers: 2 new, 0 known already",
        "1 subscribers chose only components that are not configured here",
        "1 subscribers never confirmed there and are left out: \"s9\"",
        "1 subscribers are reached by SMS, which this page does not send; they are left out: \"s3\"",
    ] {
        assert!(said.contains(line), "no {line:?} in\n{said}");
    }
    assert!(!said.contains("example.org") && !said.contains("s3cret"), "{said}");
    assert!(
        api.asked().iter().all(|line| line.to_ascii_lowercase().ends_with("authorization: oauth s3cret")),
        "{:?}",
        api.asked()
    );
    let list = json_of(&format!("{}/v1/subscribers", hub.console));
    let lines = list["subscribers"].as_array().expect("a list");
    let choices: Vec<&Value> = lines.iter().map(|line| &line["components"]).collect();
    assert_eq!(choices, [&json!(["playback"]), &json!([])]);
    assert!(lines.iter().all(|line| line["confirmed_at_ms"].is_u64()), "{list}");
    let (done, said) = hub.import(&by_key);
    assert!(done && said.contains("subscribers: 0 new, 2 known already"), "{said}");
}

#[test]
fn what_cannot_be_read_is_told_with_what_to_do() {
    let folder = tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), "k").expect("written");
    std::fs::write(folder.path().join("empty"), "\n").expect("written");
    let fails = |words: &[&str]| {
        let output = run(folder.path(), &[&["import", "statuspage"], words, &["--dry-run"]].concat());
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        text(&output.stderr)
    };
    let page = |status: &'static str, body: &str| Page::of([("/api/v2/summary.json", status, body.to_owned())]).url;
    let instatus = r#"{"page": {"name": "X", "url": "https://x.instatus.com", "status": "UP"}}"#;
    for (url, expected) in [
        (page("200 OK", "<!doctype html><html>"), "it is a page for people (HTML)"),
        (page("200 OK", "{"), "it is no JSON"),
        (page("200 OK", instatus), "it is a page of Instatus"),
        (page("200 OK", "{}"), "it has no page"),
        (page("404 Not Found", ""), "there is nothing at"),
        (page("401 Unauthorized", ""), "is not open to everybody (401 Unauthorized)"),
        (page("418 I'm a teapot", ""), "answers 418"),
    ] {
        let said = fails(&[&url]);
        assert!(said.contains(expected), "no {expected:?} in\n{said}");
    }
    let refusing = Page::of([("/v1/pages/srhpyqt94yxb", "401 Unauthorized", "{}".into())]).url;
    let said = fails(&["srhpyqt94yxb", "--api-key-file", "key", "--manage-api", &refusing]);
    assert!(
        said.contains("does not take the key (401 Unauthorized)") && said.contains("hint: keys are made"),
        "{said}"
    );
    assert!(fails(&["srhpyqt94yxb", "--api-key-file", "empty"]).contains("has no key in it"));
    assert!(fails(&["status.example.com"]).contains("is neither a page's address nor its id"));
    assert!(fails(&["http://127.0.0.1:9"]).contains("cannot reach"));
}

#[test]
fn a_hub_keeps_what_it_was_given_over_a_restart_and_takes_no_nonsense() {
    let folder = tempdir().expect("a folder");
    let config = "[hub]\nconsole = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n[[component]]\nname = \"a\"\nreplicas = [\"http://127.0.0.1:9\"]\n";
    std::fs::write(folder.path().join("downbeat.toml"), config).expect("written");
    let story = |id: &str| {
        json!({"id": id, "title": "T", "standing": "resolved", "impact": "minor", "created_at_ms": 1_000_000, "started_at_ms": 1_000_000,
            "updated_at_ms": 2_000_000, "resolved_at_ms": 2_000_000,
            "words": [{"id": "u", "standing": "resolved", "body": "Over.", "at_ms": 2_000_000}]})
    };
    let chapter = |source: &str, id: &str| json!({"source": source, "title": "Old", "url": "https://old.example", "stories": [story(id)]});
    let put = |console: &str, source: &str, body: &Value| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let http = reqwest::Client::builder().no_proxy().timeout(SOON).build().expect("a client");
        let url = format!("{console}/v1/histories/{source}");
        runtime.block_on(async {
            let answer = http.put(url).json(body).send().await.expect("answered");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        })
    };
    let mut service = Service::start(folder.path(), "hub");
    let addresses = service.addresses(2);
    let console = &addresses["console"];
    for (source, body, status, why) in [
        ("old", chapter("new", "a"), 422, "source: it is another one"),
        ("old", chapter("old", "../x"), 422, "story id"),
        ("old", chapter("old", "maintenance-1"), 422, "story id"),
        ("a%20b", chapter("old", "a"), 422, "source: a name consists of"),
        ("old", json!({"source": "old"}), 400, "missing field"),
    ] {
        let (answered, said) = put(console, source, &body);
        assert!(answered == status && said.contains(why), "{source}: {answered} {said}");
    }
    assert_eq!(put(console, "old", &chapter("old", "abc")).0, 200);
    service.process.kill();
    drop(service);

    let mut service = Service::start(folder.path(), "hub");
    let addresses = service.addresses(2);
    let (status, page) = get(&format!("{}/incidents/abc", addresses["status page"])).expect("answered");
    assert!(status == 200 && page.contains("Imported from"), "{page}");
    let files = folder.path().join("downbeat-data/imported");
    let file = std::fs::read_dir(&files).expect("there").next().expect("one").expect("an entry").path();
    service.process.kill();
    drop(service);

    std::fs::write(&file, "{}").expect("written");
    let mut service = Service::start(folder.path(), "hub");
    let addresses = service.addresses(2);
    assert_eq!(get(&format!("{}/incidents/abc", addresses["status page"])).expect("answered").0, 404);
    assert!(service.log().contains("is damaged: its hash is another one"), "{}", service.log());
    let (status, said) = put(&addresses["console"], "old", &chapter("old", "abc"));
    assert_eq!(status, 200, "importing it again mends it: {said}");
    wait_for("the page", || get(&format!("{}/incidents/abc", addresses["status page"])).filter(|it| it.0 == 200));
}
