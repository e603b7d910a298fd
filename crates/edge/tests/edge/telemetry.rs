//! What the edge tells: metrics that a parser accepts, an access log, and bounds that no client can move.

use crate::client::{send, send_from};
use crate::replica::{Head, Script};
use crate::rig::{Rig, component, name, route, settings};
use downbeat_edge::{AccessLogSettings, ClientWord, LogTarget, QueryWord};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The lines of an exposition, checked as OpenMetrics 1.0 asks: each family has its type before its samples and is not
/// spread, counters end with `_total`, buckets rise to the count, the end is marked.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let (mut types, mut samples, mut family) = (BTreeMap::new(), BTreeMap::new(), String::new());
    assert!(text.ends_with("# EOF\n"), "the end is marked");
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next()) {
            (Some("#"), Some("TYPE")) => {
                let (of, kind) = (words.next().expect("a name"), words.next().expect("a type"));
                assert!(types.insert(of.to_owned(), kind.to_owned()).is_none(), "{of} stands in one place");
                of.clone_into(&mut family);
            }
            (Some("#"), Some("HELP" | "UNIT" | "EOF")) => {}
            _ => {
                let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
                let metric = key.split('{').next().expect("a name");
                let suffix = metric.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{line} in {family}"));
                let allowed: &[&str] = match types[&family].as_str() {
                    "counter" => &["_total"],
                    "gauge" => &[""],
                    "histogram" => &["_bucket", "_count", "_sum"],
                    other => panic!("{other} is not used here"),
                };
                assert!(allowed.contains(&suffix), "{line} in a {}", types[&family]);
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                assert!(samples.insert(key.to_owned(), value).is_none(), "{key} stands once");
            }
        }
    }
    check_histograms(text, &samples);
    samples
}

fn check_histograms(text: &str, samples: &BTreeMap<String, f64>) {
    let (mut last, mut series) = ((f64::MIN, f64::MIN), String::new());
    for line in text.lines().filter(|line| line.contains("_bucket{")) {
        let (key, value) = line.rsplit_once(' ').expect("a sample");
        let le = key.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a bound");
        let of = key.replace(&format!("le=\"{le}\""), "");
        if of != series {
            (last, series) = ((f64::MIN, f64::MIN), of.clone());
        }
        let now: (f64, f64) = (le.parse().expect("a bound"), value.parse().expect("a count"));
        assert!(now.0 > last.0 && now.1 >= last.1, "buckets rise: {line}");
        last = now;
        if le == "+Inf" {
            let count = of.replace("_bucket", "_count").replace(",}", "}").replace("{,", "{");
            assert_eq!(samples[&count], now.1, "{count}");
        }
    }
}

async fn metrics(rig: &Rig) -> BTreeMap<String, f64> {
    parse(&String::from_utf8(rig.admin("GET /metrics", "").await.body).expect("text"))
}

/// Waits until the edge has counted so many answers: it gathers once a second.
async fn counted(rig: &Rig, answers: f64) -> BTreeMap<String, f64> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let samples = metrics(rig).await;
        let all = samples.iter().filter(|(key, _)| key.starts_with("downbeat_edge_requests_total"));
        if all.map(|(_, n)| n).sum::<f64>() >= answers {
            return samples;
        }
        assert!(Instant::now() < deadline, "{answers} answers are not counted: {samples:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_openmetrics() {
    let (rig, _replicas) = Rig::new(vec![Script::serving(b"sound")]).await;
    for _ in 0..3 {
        assert_eq!(rig.get("/a").await.status, 200);
    }
    let samples = counted(&rig, 3.0).await;
    let table = [
        ("downbeat_edge_requests_total{component=\"playback\",outcome=\"ok\"}", 3.0),
        ("downbeat_edge_answers_total{component=\"playback\",class=\"2xx\"}", 3.0),
        ("downbeat_edge_attempts_total{component=\"playback\",replica=\"r1\",outcome=\"ok\"}", 3.0),
        ("downbeat_edge_client_bytes_total{component=\"playback\"}", 15.0),
        ("downbeat_edge_first_byte_seconds_count{component=\"playback\"}", 3.0),
        ("downbeat_edge_in_flight_limit{replica=\"r1\"}", 64.0),
        ("downbeat_edge_configuration_generation", 1.0),
        ("downbeat_edge_accepted_connections_total", 3.0),
    ];
    for (key, value) in table {
        assert_eq!(samples.get(key), Some(&value), "{key} in {samples:#?}");
    }
    assert!(samples["process_resident_memory_bytes"] > 1e6 && samples["process_open_fds"] > 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_makes_telemetry_grow() {
    let (rig, _replicas) = Rig::with(vec![Script::serving(b"sound")], |settings| {
        settings.components.push(component("search", &[name("r1")]));
        settings.routes.push(route("search", "/search"));
    })
    .await;
    rig.get("/a").await;
    rig.get("/search/a").await;
    let keys = |samples: BTreeMap<String, f64>| samples.into_keys().collect::<BTreeSet<_>>();
    let before = keys(counted(&rig, 2.0).await);
    for i in 0..300_u32 {
        let [.., a, b] = i.to_be_bytes();
        let letter = char::from(b'A' + (i % 26) as u8);
        let request = format!(
            "ODD{letter} /odd-{i}?q={i} HTTP/1.1\r\nHost: host-{i}.example\r\nX-Odd-{i}: {i}\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(send_from(&format!("127.{}.{b}.1", 100 + a), rig.address(), &request).await.status, 200);
    }
    for garbage in ["\0\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\nHost: a\r\n\r\n"] {
        send(rig.address(), garbage).await;
    }
    let after = keys(counted(&rig, 302.0).await);
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_says_what_happened_and_no_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let log = AccessLogSettings::to(LogTarget::File(file.clone()));
    let failing = Script { head: Head::Status(503), ..Script::serving(b"") };
    let (rig, _replicas) =
        Rig::with(vec![failing, Script::serving(b"sound")], |settings| settings.access_log = Some(log)).await;
    let request = "GET /a?token=secret HTTP/1.1\r\nHost: music.example\r\nConnection: close\r\n\r\n";
    assert_eq!(send_from("127.66.6.9", rig.address(), request).await.body, b"sound");
    rig.edge.stop().await;
    let deadline = Instant::now() + Duration::from_secs(20);
    let text = loop {
        let text = std::fs::read_to_string(&file).expect("a log");
        if text.ends_with('\n') {
            break text;
        }
        assert!(Instant::now() < deadline, "the line comes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let line: serde_json::Value = serde_json::from_str(text.trim()).expect("one line of JSON");
    let table = [
        ("client", serde_json::json!("127.66.6.0/24")),
        ("method", "GET".into()),
        ("host", "music.example".into()),
        ("path", "/a".into()),
        ("protocol", "HTTP/1.1".into()),
        ("status", 200.into()),
        ("bytes", 5.into()),
        ("component", "playback".into()),
        ("replicas", serde_json::json!(["r1", "r2"])),
        ("attempts", 2.into()),
        ("resumed", 0.into()),
        ("failure", serde_json::Value::Null),
    ];
    for (key, value) in table {
        assert_eq!(line[key], value, "{key} in {line}");
    }
    assert!(!text.contains("secret"));
    assert!(line["duration_ms"].as_f64() >= line["first_byte_ms"].as_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_is_no_log_and_holds_nobody_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bad = settings(&folder, &[crate::rig::nobody()]);
    let target = LogTarget::File(folder.path().join("no/such/folder/log"));
    bad.access_log = Some(AccessLogSettings::to(target));
    assert!(downbeat_edge::start(bad).await.is_err(), "at the start it is said");

    let full = AccessLogSettings {
        target: LogTarget::File("/dev/full".into()),
        sample: 1.0,
        clients: ClientWord::Nothing,
        queries: QueryWord::Written,
    };
    let (rig, _replicas) =
        Rig::with(vec![Script::serving(b"sound")], |settings| settings.access_log = Some(full)).await;
    for _ in 0..20 {
        assert_eq!(rig.get("/a").await.body, b"sound");
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while metrics(&rig).await["downbeat_edge_access_log_lines_lost_total"] < 20.0 {
        assert!(Instant::now() < deadline, "what a full disk did not take is counted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
