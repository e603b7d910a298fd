//! Metrics of others over real sockets: a page that is the hub's own, one that hangs, one that is none, a real Prometheus, and a
//! figure that goes wrong, before and after a restart.

use crate::rig::{any_port, eventually, name, settings};
use downbeat_core::detect::MetricReading;
use downbeat_core::detect::series::Standing;
use downbeat_core::incident::State;
use downbeat_core::model::{
    ColdStart, DetectPolicy, Dimension, FigureKind, Measure, Metric, Name, Policy, Sense, Slice, SourceClass,
};
use downbeat_hub::settings::{HubSettings, MetricSettings, MetricSource};
use downbeat_hub::telemetry::TelemetryReader;
use downbeat_hub::{HubHandle, start};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const OFTEN: Duration = Duration::from_millis(20);
/// More points than a series needs before it judges.
const ENOUGH: usize = 170;

fn page(url: String, metric: &str) -> MetricSource {
    MetricSource::Page { url, metric: metric.into(), labels: [].into() }
}

/// A hub with these metrics of playback: at fifty points a second a healthy series is off its usual once in some minutes.
async fn hub(data: &Path, metrics: Vec<(&str, MetricSource)>) -> HubHandle {
    let metric = Metric {
        slice: Slice::of(Dimension::Component, name("playback")),
        kind: FigureKind::Gauge,
        sense: Sense::Both,
        every: OFTEN,
        series_max: 3,
        cold_start: ColdStart::Alone,
    };
    let usual = settings(data);
    let detect = DetectPolicy { metric_findings_per_month: 1e4, ..DetectPolicy::default() };
    let known = metrics.iter().map(|(text, _)| (name(text), metric.clone())).collect();
    let policy = Policy { metrics: known, detect, ..usual.policy.clone() };
    let look = |(text, source)| MetricSettings { name: name(text), source, every: OFTEN };
    let metrics = metrics.into_iter().map(look).collect();
    start(HubSettings { policy, metrics, ..usual }).await.expect("the hub starts")
}

fn reading(hub: &HubHandle, metric: &Name) -> MetricReading {
    let board = hub.doors().snapshots.borrow().board.clone();
    board.metrics.iter().find(|it| it.name == *metric).cloned().expect("it is configured")
}

/// What is said of the only series of a metric, once something is.
async fn figure(hub: &HubHandle, metric: &str) -> f64 {
    let shown = || reading(hub, &name(metric)).series.first().and_then(|it| it.shown);
    eventually(metric, shown).await.value
}

async fn why_unknown(hub: &HubHandle, metric: &str, words: &str) {
    let said = || reading(hub, &name(metric)).unknown.filter(|why| why.contains(words));
    eventually(&format!("{metric} because {words}"), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_read_and_what_cannot_be_read_is_unknown() {
    let (theirs, ours) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let watched = start(settings(theirs.path())).await.expect("the hub starts");
    let own = format!("http://{}/metrics", watched.console_address());
    let hanging = TcpListener::bind(any_port()).await.expect("loopback has a free port");
    let hanging_url = format!("http://{}/metrics", hanging.local_addr().expect("bound"));
    let metrics = vec![
        ("open", page(own.clone(), "downbeat_incidents_open")),
        ("records", page(own.clone(), "downbeat_log_records_total")),
        ("absent", page(own.clone(), "downbeat_moonlight")),
        ("none", page(format!("http://{}/", watched.status_address()), "up")),
        ("nobody", page("http://127.0.0.1:1/metrics".into(), "up")),
        ("hanging", page(hanging_url, "up")),
    ];
    let hub = hub(ours.path(), metrics).await;
    assert_eq!(figure(&hub, "open").await, 0.0);
    assert_eq!(figure(&hub, "records").await, 0.0, "a counter that stands still grows by nothing");
    why_unknown(&hub, "absent", "no such series").await;
    why_unknown(&hub, "none", "no page of metrics").await;
    why_unknown(&hub, "nobody", "error").await;
    why_unknown(&hub, "hanging", "no whole answer within 10 s").await;
    assert_eq!(hub.doors().snapshots.borrow().book.incidents.len(), 0, "what is unknown is no outage");
    hub.stop().await;
    watched.stop().await;
}

/// A page with a queue whose length the test says.
async fn queue() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind(any_port()).await.expect("loopback has a free port");
    let url = format!("http://{}/metrics", listener.local_addr().expect("bound"));
    let length = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&length);
    tokio::spawn(async move {
        for n in 0_u64.. {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut head = vec![0; 4_096];
            drop(stream.read(&mut head).await);
            let body = format!("queue_length{{queue=\"mail\"}} {}\n", told.load(Ordering::Relaxed) + n * n % 7);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            drop(stream.write_all((head + &body).as_bytes()).await);
        }
    });
    (url, length)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_off_its_usual_is_suspected_never_confirmed_and_known_after_a_restart() {
    let data = tempfile::tempdir().expect("a directory");
    let (url, length) = queue().await;
    length.store(50, Ordering::Relaxed);
    let standing = |hub: &HubHandle| {
        let series = reading(hub, &name("queue")).series;
        series.first().and_then(|it| it.shown).map(|shown| shown.standing)
    };
    let first = hub(data.path(), vec![("queue", page(url.clone(), "queue_length"))]).await;
    eventually("enough to judge", || standing(&first).filter(|it| *it == Standing::Judging)).await;
    let is_kept = || {
        let mut points = 0;
        let read = TelemetryReader::new(data.path()).learnt(|_| points += 1);
        (read.is_ok() && points > ENOUGH).then_some(())
    };
    eventually("enough of it in the file", is_kept).await;
    first.stop().await;

    let second = hub(data.path(), vec![("queue", page(url, "queue_length"))]).await;
    let at_once = eventually("its first figure", || standing(&second)).await;
    assert_eq!(at_once, Standing::Judging, "it knows what it was taught");
    length.store(9_000, Ordering::Relaxed);
    let suspected = || {
        let book = second.doors().snapshots.borrow().book.clone();
        let incident = book.incidents.values().next()?;
        let found = incident.findings.iter().find(|it| it.class == SourceClass::Metric)?;
        Some((incident.state, found.measure, found.of.clone()))
    };
    let (state, measure, of) = eventually("a suspicion", suspected).await;
    assert_eq!((state, measure), (State::Suspected, Measure::Figure));
    assert_eq!(of.as_deref(), Some("queue{queue=\"mail\"}"));
    second.stop().await;
}

/// A program that ends with its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Prometheus on a port of its own, which watches itself; nothing where it is not installed.
fn prometheus(folder: &Path, port: u16) -> Option<Killed> {
    let program = std::env::var("DOWNBEAT_PROMETHEUS").unwrap_or_else(|_| "prometheus".into());
    let config = folder.join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: own, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    );
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(child) => Some(Killed(child)),
        Err(error) => {
            println!("SKIP: Prometheus is missing ({error}): questions to it are NOT TESTED");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_answers_questions() {
    let folder = tempfile::tempdir().expect("a directory");
    let free = std::net::TcpListener::bind(any_port()).and_then(|it| it.local_addr()).expect("a free port").port();
    let Some(_prometheus) = prometheus(folder.path(), free) else { return };
    let data = tempfile::tempdir().expect("a directory");
    let ask = |query: &str| MetricSource::Query { prometheus: format!("http://127.0.0.1:{free}"), query: query.into() };
    let metrics = vec![
        ("up", ask("up{job=\"own\"}")),
        ("seven", ask("scalar(vector(7))")),
        ("many", ask("prometheus_target_interval_length_seconds or prometheus_http_requests_total")),
        ("wrong", ask("sum(")),
        ("range", ask("up[1m]")),
    ];
    let hub = hub(data.path(), metrics).await;
    assert_eq!(figure(&hub, "up").await, 1.0);
    assert_eq!(figure(&hub, "seven").await, 7.0);
    let labels = reading(&hub, &name("up")).series[0].labels.to_string();
    assert_eq!(labels, format!("{{instance=\"127.0.0.1:{free}\",job=\"own\"}}"));
    let bounded = || Some(reading(&hub, &name("many"))).filter(|it| it.left_out > 0);
    assert_eq!(eventually("more series than are judged", bounded).await.series.len(), 3);
    why_unknown(&hub, "wrong", "it answered 400").await;
    why_unknown(&hub, "range", "not for a range").await;
    hub.stop().await;
}
