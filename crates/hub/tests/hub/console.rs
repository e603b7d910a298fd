//! The console's address: what edges, deployers, operators and strangers get.

use crate::rig::{eventually, records, remember, roll_up, settings, story};
use downbeat_core::incident::Event;
use downbeat_core::model::{Audience, TrafficPlan};
use downbeat_hub::{HubHandle, StartError, start};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

struct Console {
    hub: HubHandle,
    client: Client,
}

impl Console {
    async fn start(settings: downbeat_hub::settings::HubSettings) -> Self {
        Self { hub: start(settings).await.expect("the hub starts"), client: Client::new() }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, format!("http://{}{path}", self.hub.console_address()))
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.request("GET", path).send().await.expect("answered");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    }

    async fn post(&self, path: &str, body: Value) -> StatusCode {
        self.request("POST", path).json(&body).send().await.expect("answered").status()
    }
}

/// Status and words of a refusal.
async fn refusal(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("answered");
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").cloned();
    assert_eq!(kind.as_ref().map(|kind| kind.as_bytes()), Some(&b"application/problem+json"[..]), "{status}");
    let problem: Value = answer.json().await.expect("JSON");
    assert_eq!(problem["status"], status);
    (status, problem["detail"].as_str().expect("words").into())
}

fn change(id: &str) -> Value {
    json!({"id": id, "kind": "deploy", "slice": "version=1.5.0", "to": "1.5.0", "from": "1.4.2"})
}

#[tokio::test(flavor = "multi_thread")]
async fn roll_ups_are_answered_with_the_plan_an_edge_does_not_have() {
    let data = tempfile::tempdir().expect("a directory");
    let [proposed, started] = story::restart();
    remember(data.path(), &[story::suspected(), story::confirmed(), proposed, started]);
    let console = Console::start(settings(data.path())).await;
    let tell = async |seq, epoch| {
        console.request("POST", "/v1/rollups").json(&roll_up(seq, epoch)).send().await.expect("answered")
    };
    let stale = tell(1, 0).await;
    assert_eq!(stale.status(), StatusCode::OK);
    let plan: TrafficPlan = stale.json().await.expect("a plan");
    assert_eq!(plan.epoch, console.get("/v1/plan").await["epoch"]);
    assert_eq!(tell(2, plan.epoch).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(tell(2, plan.epoch).await.status(), StatusCode::NO_CONTENT, "a repeat changes nothing");
    let heard = || console.hub.doors().snapshots.borrow().board.heard_at;
    eventually("the edge on the board", heard).await;
    assert!(console.get("/v1/board").await["heard_at_ms"].is_u64());
    console.hub.stop().await;
}

/// C7: an edge of the next release, which serves a replica that this hub does not know yet, and one of the last release.
#[tokio::test(flavor = "multi_thread")]
async fn edges_of_other_releases_and_configurations_are_heard() {
    let data = tempfile::tempdir().expect("a directory");
    let console = Console::start(settings(data.path())).await;
    let later = r#"{"edge":"later","boot":7,"seq":1,"span_ms":1000,"plan_epoch":0,"weather":"fine",
        "upstream":[
            {"component":"playback","replica":"eu-1","tally":{"total":10,"slow":1,"failures":{"bewitched":4},"fast":5},
             "first_byte_us":9000,"first_byte_us_max":1000,"bytes":9,"first_byte":{"scheme":9,"counts":[]},"spells":4},
            {"component":"playback","replica":"eu-2","tally":{"total":10},"first_byte_us":1,"first_byte_us_max":1,"bytes":1}],
        "clients":[{"component":"playback","network":"10.0.0.0/24","tally":{"total":20},"retried":0,"resumed":0,"bytes":0},
                   {"component":"search","network":"10.0.0.0/24","tally":{"total":1},"retried":0,"resumed":0,"bytes":0}],
        "replicas":[{"replica":"eu-2","version":"2.0","checks":{"total":1},"in_flight":3,"ejected":false}]}"#;
    let earlier = r#"{"edge":"earlier","boot":1,"seq":1,"upstream":[{"component":"playback","replica":"us-1",
        "tally":{"total":5}}],"clients":[{"component":"playback","tally":{"total":5}}]}"#;
    for body in [later, earlier] {
        let request = console.request("POST", "/v1/rollups").header("content-type", "application/json");
        let answer = request.body(body).send().await.expect("answered");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{body}");
    }
    // All 25 requests to what is known are on the board, with the failures of a kind that this hub cannot name.
    let sums = || {
        let pulses = &console.hub.doors().snapshots.borrow().board.pulses;
        let sum = |figure: fn(&downbeat_core::incident::Pulse) -> u64| pulses.iter().map(figure).sum::<u64>();
        let sums = (sum(|p| p.requests), sum(|p| p.attempts), sum(|p| p.failed_attempts));
        (sums == (25, 15, 4)).then_some(())
    };
    eventually("what is known, counted", sums).await;
    let strangers = console.get("/v1/board").await["strangers"].clone();
    assert_eq!(strangers, json!({"later": {"rows_passed_over": 3, "names": ["component search", "replica eu-2"]}}));
    console.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_looks_back_at_what_edges_told() {
    let data = tempfile::tempdir().expect("a directory");
    let console = Console::start(settings(data.path())).await;
    // A point is written when its second is over, so the edge goes on telling.
    let mut points = Value::Null;
    for seq in 1.. {
        let body = json!({"edge": "edge-1", "boot": 1, "seq": seq, "upstream": [
            {"component": "playback", "replica": "eu-1", "tally": {"total": 10, "failures": {"reset": 4}}}]});
        assert!(console.post("/v1/rollups", body).await.is_success());
        points = console.get("/v1/telemetry?step_s=1&component=playback&region=eu&limit=1").await["points"].clone();
        if points.as_array().is_some_and(|points| !points.is_empty()) || seq > 600 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let point = &points[0];
    let (attempts, failed) = (point["attempts"].as_u64(), point["failed"].as_u64());
    assert!(attempts > Some(0) && attempts.map(|n| n * 4 / 10) == failed, "{points}");
    assert_eq!(console.get("/v1/telemetry?step_s=1&component=playback&region=us").await["points"], json!([]));
    let (status, words) = refusal(console.request("GET", "/v1/telemetry?step_s=7")).await;
    assert!(status == 422 && words.contains("step_s is 1, 10 or 60, not 7"), "{status}: {words}");
    let (status, words) = refusal(console.request("GET", "/v1/telemetry?until=1")).await;
    assert!(status == 400 && words.contains("until"), "{status}: {words}");
    console.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_in_the_log_once_when_they_are_accepted() {
    let data = tempfile::tempdir().expect("a directory");
    let console = Console::start(settings(data.path())).await;
    for body in [change("a"), json!([change("a"), change("b")]), json!([])] {
        assert_eq!(console.post("/v1/changes", body).await, StatusCode::ACCEPTED);
    }
    let told = |event| matches!(event, Event::ChangeTold { .. });
    assert_eq!(records(data.path()).into_iter().filter(|record| told(record.event.clone())).count(), 2);
    console.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_input_is_refused_by_name_and_changes_nothing() {
    let data = tempfile::tempdir().expect("a directory");
    let console = Console::start(settings(data.path())).await;
    eventually("the start", || (records(data.path()).len() == 2).then_some(())).await;
    let huge = "x".repeat(1024 * 1024 + 1);
    let many = serde_json::to_string(&vec![change("a"); 101]).expect("JSON");
    let mut lie = serde_json::to_value(roll_up(1, 0)).expect("JSON");
    lie["clients"] = json!([{"component": "playback", "tally": {"total": 1, "failures": {"reset": 2}}}]);
    let lie = lie.to_string();
    let table = [
        ("POST", "/v1/rollups", "", 400, "line 1"),
        ("POST", "/v1/rollups", "{\"edge\": \"e\", \"boot\": x", 400, "line 1 column"),
        ("POST", "/v1/rollups", "{\"edge\": \"<e>\"}", 400, "a name consists of"),
        // What a newer edge says besides is passed over; what every edge says has to be there.
        ("POST", "/v1/rollups", "{\"colour\": 1}", 400, "edge"),
        ("POST", "/v1/rollups", "\u{0}\u{0}", 400, "line 1"),
        ("POST", "/v1/rollups", &huge, 413, "limit"),
        ("POST", "/v1/rollups", &lie, 422, "2 failed or slow of 1"),
        ("POST", "/v1/changes", "[{\"id\": \"a\"}]", 400, "kind"),
        ("POST", "/v1/changes", "{\"id\": \"a\", \"colour\": 1}", 400, "colour"),
        ("POST", "/v1/changes", &many, 413, "100"),
        ("POST", "/v1/reports", "{\"category\": \"weather\", \"network\": \"10.0.0.0/24\"}", 422, "weather"),
        ("POST", "/v1/incidents/7/ack", "", 404, "incident 7"),
        ("POST", "/v1/incidents/x/ack", "", 404, "number"),
        ("POST", "/v1/incidents/7/post", "{\"text\": 1}", 400, "line 1"),
        ("POST", "/v1/remedies/7.1/approve", "", 404, "remedy 7.1"),
        ("POST", "/v1/remedies/seven/undo", "", 404, "INCIDENT.COUNT"),
        ("POST", "/v1/maintenances", "{\"title\": \"a\"}", 400, "components"),
        ("POST", "/v1/maintenances", "{\"colour\": 1}", 400, "colour"),
        ("POST", "/v1/maintenances/7/end", "", 404, "maintenance 7"),
        ("POST", "/v1/maintenances/7/update", "{\"text\": \"a\"}", 404, "maintenance 7"),
        ("POST", "/v1/maintenances/x/end", "", 404, "number"),
        ("GET", "/v1/incidents/7", "", 404, "incident 7"),
        ("GET", "/v1/incidents?limit=many", "", 400, "limit"),
        ("GET", "/v1/log?after=-1", "", 400, "after"),
        ("GET", "/v1/nothing", "", 404, "nothing at this address"),
        ("DELETE", "/v1/incidents", "", 405, "method"),
    ];
    for (method, path, body, status, says) in table {
        let request = console.request(method, path).header("content-type", "application/json").body(body.to_owned());
        let (came, detail) = refusal(request).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(came, status, "{method} {path} {shown}: {detail}");
        assert!(detail.contains(says), "{method} {path} {shown}: {detail}");
    }
    assert_eq!(records(data.path()).len(), 2, "the start and its channels, and nothing else");
    console.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_stay_outside() {
    let data = tempfile::tempdir().expect("a directory");
    let mut with_token = settings(data.path());
    with_token.token = Some("sesame".into());
    let console = Console::start(with_token).await;
    let plan = || console.request("GET", "/v1/plan");
    assert_eq!(refusal(plan()).await.0, 401);
    assert_eq!(refusal(plan().bearer_auth("sesamE")).await.0, 401);
    assert_eq!(plan().bearer_auth("sesame").send().await.expect("answered").status(), StatusCode::OK);
    assert_eq!(plan().basic_auth("anna", Some("sesame")).send().await.expect("answered").status(), StatusCode::OK);
    let health = console.request("GET", "/healthz").send().await.expect("answered");
    assert_eq!(health.status(), StatusCode::OK, "anybody may ask how the hub is");

    let hold = || console.request("POST", "/v1/automation/hold").bearer_auth("sesame");
    assert_eq!(refusal(hold().header("origin", "http://evil.example")).await.0, 403);
    assert_eq!(refusal(hold().header("sec-fetch-site", "cross-site").json(&json!({}))).await.0, 403);
    assert_eq!(refusal(hold().header("content-type", "text/plain").body("{}")).await.0, 403);
    assert_eq!(hold().send().await.expect("answered").status(), StatusCode::NO_CONTENT);
    console.hub.stop().await;

    let console = Console::start(settings(data.path())).await;
    let rebound = console.request("GET", "/v1/plan").header("host", "evil.example");
    assert_eq!(refusal(rebound).await.0, 401, "a name that leads here is no way in");
    console.hub.stop().await;
}

/// Every verb about an incident as a whole, by its address: done, seen, and refused with a reason.
#[tokio::test(flavor = "multi_thread")]
async fn operators_take_over_part_join_and_reopen() {
    let data = tempfile::tempdir().expect("a directory");
    remember(data.path(), &[story::suspected(), story::confirmed(), story::notice(1, Audience::Public)]);
    let console = Console::start(settings(data.path())).await;
    let verb = async |verb: &str, body: serde_json::Value| console.post(&format!("/v1/incidents/1/{verb}"), body).await;
    assert_eq!(verb("take-over", json!({})).await, StatusCode::NO_CONTENT);
    assert_eq!(console.get("/v1/incidents/1").await["taken_by"], "operator");
    assert_eq!(verb("hand-back", json!({})).await, StatusCode::NO_CONTENT);
    assert_eq!(console.get("/v1/incidents/1").await["taken_by"], json!(null));
    assert_eq!(verb("merge", json!({"into": 1})).await, StatusCode::CONFLICT);
    assert_eq!(verb("merge", json!({"into": 7})).await, StatusCode::NOT_FOUND);
    assert_eq!(verb("merge", json!({})).await, StatusCode::BAD_REQUEST);
    assert_eq!(verb("split", json!({"component": "playback"})).await, StatusCode::CONFLICT);
    assert_eq!(verb("reopen", json!({"why": "not yet over"})).await, StatusCode::CONFLICT);
    assert_eq!(verb("resolve", json!({})).await, StatusCode::NO_CONTENT);
    assert_eq!(verb("reopen", json!({"why": ""})).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(verb("reopen", json!({"why": "users still complain"})).await, StatusCode::NO_CONTENT);
    let incident = console.get("/v1/incidents/1").await;
    assert_eq!((&incident["state"], &incident["resolved_at_ms"]), (&json!("confirmed"), &json!(null)));
    console.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_and_say() {
    let data = tempfile::tempdir().expect("a directory");
    remember(data.path(), &[story::suspected(), story::confirmed(), story::notice(1, Audience::Public)]);
    let console = Console::start(settings(data.path())).await;
    let ack = console.request("POST", "/v1/incidents/1/ack").header("x-downbeat-operator", "anna");
    assert_eq!(ack.send().await.expect("answered").status(), StatusCode::NO_CONTENT);
    let bad = console.request("POST", "/v1/incidents/1/ack").header("x-downbeat-operator", "anna <b>");
    assert_eq!(refusal(bad).await.0, 400);
    assert_eq!(console.post("/v1/incidents/1/post", json!({"text": ""})).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(console.post("/v1/incidents/1/post", json!({"text": "We know."})).await, StatusCode::NO_CONTENT);
    assert_eq!(console.post("/v1/incidents/1/resolve", json!({})).await, StatusCode::NO_CONTENT);
    assert_eq!(console.post("/v1/incidents/1/resolve", json!({})).await, StatusCode::CONFLICT);

    let incident = console.get("/v1/incidents/1").await;
    assert_eq!((&incident["id"], &incident["acked_by"]), (&json!(1), &json!("anna")));
    assert_eq!(incident["slice"], "component=playback,region=eu");
    assert_eq!((&incident["since_ms"], &incident["bits"]["edge"]), (&json!(1_000), &json!(60.0)));
    assert!(incident["resolved_at_ms"].is_u64() && incident["mitigated_at_ms"].is_null(), "{incident}");
    assert!(incident["notices"].as_array().expect("a list").iter().any(|n| n["body"] == "We know."));
    let first = &incident["timeline"][0];
    assert_eq!((&first["seq"], &first["event"]["event"]), (&json!(1), &json!("suspected")));
    assert!(first["headline"].as_str().expect("words").contains("Playback failing"), "{first}");

    assert_eq!(console.get("/v1/incidents").await["incidents"][0]["title"], "Playback failing in eu");
    assert_eq!(console.get("/v1/incidents?open=true").await["incidents"], json!([]));
    let page = console.request("GET", "/v1/log?after=1&limit=2").send().await.expect("answered");
    let page = page.text().await.expect("text");
    let seqs: Vec<Value> =
        page.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record")["seq"].clone()).collect();
    assert_eq!(seqs, [2, 3]);
    let metrics = console.request("GET", "/metrics").send().await.expect("answered").text().await.expect("text");
    assert!(metrics.contains("\ndownbeat_incidents_open 0\n"), "{metrics}");
    let head = console.request("HEAD", "/healthz").send().await.expect("answered");
    assert_eq!(head.status(), StatusCode::OK);
    console.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_holds_nobody_up() {
    let data = tempfile::tempdir().expect("a directory");
    let console = Console::start(settings(data.path())).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        let stream = tokio::net::TcpStream::connect(console.hub.console_address()).await.expect("connected");
        stream.try_write(b"POST /v1/rollups HTTP/1.1\r\nContent-Le").expect("written");
        idle.push(stream);
    }
    assert_eq!(console.get("/v1/plan").await["epoch"], 0);
    let stopped = tokio::time::timeout(crate::rig::PATIENCE, console.hub.stop()).await;
    stopped.expect("open connections do not keep the hub from stopping");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_address_or_directory_is_named() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let in_use = start(settings(data.path())).await.expect_err("one hub per directory");
    assert!(matches!(in_use, StartError::Log(_)), "{in_use}");

    let other = tempfile::tempdir().expect("a directory");
    let mut taken = settings(other.path());
    taken.status = hub.status_address();
    let error = start(taken).await.expect_err("the port is taken").to_string();
    assert!(error.contains(&hub.status_address().to_string()) && error.contains("status page"), "{error}");
    hub.stop().await;
    start(settings(other.path())).await.expect("a failed start leaves nothing behind").stop().await;
}
