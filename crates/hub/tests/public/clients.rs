//! Clients of Statuspage's API, of feeds and of calendars: each reads what this page says as it reads any other.

use crate::stage::Stage;
use crate::{packages, story};
use downbeat_core::incident::State;
use serde_json::{Value, json};
use std::process::Command;

/// All that `statuspage.io` asks for. Its `getActive` and `getAll` ask for what is upcoming; that is how it is written.
const NODE: &str = "
const { Statuspage } = require('statuspage.io');
const client = new Statuspage('encore');
client.setApiUrl(process.argv[1]);
(async () => {
  const { api } = client;
  console.log(JSON.stringify({
    summary: await api.getSummary(), status: await api.getStatus(), components: await api.getComponents(),
    all: await api.incidents.getAll(), unresolved: await api.incidents.getUnresolved(),
    upcoming: await api.scheduledMaintenances.getUpcoming(),
  }));
})();";

/// Reads a feed, and says what is wrong with it.
const FEED: &str = "
import feedparser, json, sys
feed = feedparser.parse(sys.argv[1])
print(json.dumps({'wrong': str(feed.get('bozo_exception', '')), 'version': feed.version, 'title': feed.feed.title,
    'entries': [[e.title, e.id, e.link, e.published_parsed is not None, e.summary] for e in feed.entries]}))";

/// Reads a calendar strictly.
const CALENDAR: &str = "
import icalendar, json, sys, urllib.request
text = urllib.request.urlopen(sys.argv[1]).read()
assert all(len(line) <= 75 for line in text.split(b'\\r\\n')), 'a line is too long'
calendar = icalendar.Calendar.from_ical(text)
print(json.dumps([[str(e['UID']), int(e['SEQUENCE']), str(e['STATUS']), str(e['SUMMARY']), e['DTSTART'].dt.isoformat(),
    e['DTEND'].dt.isoformat(), e['DTSTAMP'].dt.isoformat(), len(e.errors)] for e in calendar.walk('VEVENT')]))";

/// What a script of Python prints, which has our packages.
async fn python(script: &'static str, argument: String) -> Option<Value> {
    let (python, packages) = (packages::program("DOWNBEAT_PYTHON", "python3")?, packages::file("python/feedparser")?);
    let folder = packages.parent().expect("it lies in a folder").to_owned();
    let run = move || {
        let mut command = Command::new(python);
        packages::output(command.args(["-c", script, &argument]).env("PYTHONPATH", folder))
    };
    let printed = tokio::task::spawn_blocking(run).await.expect("the script ends");
    Some(serde_json::from_str(&printed).expect("JSON"))
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|it| it["id"].as_str().expect("an id")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn statuspage_io_reads_all_of_it() {
    let (Some(node), Some(package)) =
        (packages::program("DOWNBEAT_NODE", "node"), packages::file("node_modules/statuspage.io"))
    else {
        return;
    };
    let modules = package.parent().expect("it lies in a folder").to_owned();
    for (snapshot, indicator, unresolved, upcoming) in [
        (story::healthy(), "none", vec![], vec![]),
        (story::in_state(State::Confirmed), "major", vec!["3"], vec![]),
        (story::maintained(), "maintenance", vec![], vec!["maintenance-2", "maintenance-3"]),
    ] {
        let stage = Stage::of(snapshot).await;
        let (node, modules, status) = (node.clone(), modules.clone(), stage.status.clone());
        let run = move || packages::output(Command::new(node).args(["-e", NODE, &status]).env("NODE_PATH", modules));
        let printed = tokio::task::spawn_blocking(run).await.expect("the script ends");
        let told: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(told["status"]["status"]["indicator"], indicator);
        assert_eq!(told["summary"]["components"], told["components"]["components"]);
        assert_eq!(ids(&told["unresolved"]["incidents"]), unresolved);
        assert_eq!(ids(&told["upcoming"]["scheduled_maintenances"]), upcoming);
        assert!(ids(&told["all"]["incidents"]).contains(&"1"));
        for answer in told.as_object().expect("an object").values() {
            assert_eq!((&answer["page"]["name"], &answer["page"]["url"]), (&json!("Encore"), &json!(stage.status)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prometheus_exporter_counts_what_the_page_says() {
    let (Some(python), Some(package)) =
        (packages::program("DOWNBEAT_PYTHON", "python3"), packages::file("python/statuspage_prometheus_exporter"))
    else {
        return;
    };
    let packages_folder = package.parent().expect("it lies in a folder").to_owned();
    let incident = "statuspage_incident_info{affected_components=\"Playback\",impact=\"minor\",incident_id=\"3\"";
    let work = "statuspage_maintenance_info{affected_components=\"Playlists\",maintenance_id=\"maintenance-5\"";
    let of = |component: &str, value: &str| {
        format!("statuspage_component_status{{component_name=\"{component}\",service_name=\"Encore\"}} {value}")
    };
    for (snapshot, lines) in [
        (story::in_state(State::Confirmed), vec![incident.to_owned(), of("Playback", "0.0"), of("Log-in", "1.0")]),
        (story::maintained(), vec![work.to_owned(), of("Playlists", "0.0"), of("Playback", "1.0")]),
    ] {
        let stage = Stage::of(snapshot).await;
        let folder = tempfile::tempdir().expect("a folder");
        let services = json!({"encore": {"url": format!("{}/api/v2/summary.json", stage.status), "name": "Encore"}});
        std::fs::write(folder.path().join("services.json"), services.to_string()).expect("written");
        let mut command = Command::new(&python);
        command.args(["-m", "statuspage_prometheus_exporter.status_monitoring"]).current_dir(folder.path());
        command.env("PYTHONPATH", &packages_folder).env("RUN_MODE", "once");
        command.env("SERVICES_JSON_PATH", "services.json").env("METRICS_TEXTFILE_PATH", "out.prom");
        tokio::task::spawn_blocking(move || packages::output(&mut command)).await.expect("it ends");
        let figures = std::fs::read_to_string(folder.path().join("out.prom")).expect("it wrote its figures");
        for line in lines {
            assert!(figures.lines().any(|it| it.starts_with(&line)), "no {line} in\n{figures}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feedparser_reads_both_feeds_alike() {
    for (snapshot, title) in [(story::maintained(), "Encore"), (story::hostile(), "<script>")] {
        let stage = Stage::of(snapshot).await;
        let mut told = Vec::new();
        for (path, version) in [("history.atom", "atom10"), ("history.rss", "rss20")] {
            let Some(feed) = python(FEED, format!("{}/{path}", stage.status)).await else { return };
            assert_eq!((&feed["wrong"], &feed["version"]), (&json!(""), &json!(version)), "{feed}");
            assert!(feed["title"].as_str().is_some_and(|it| it.contains(title) || title == "<script>"), "{feed}");
            let entries = feed["entries"].as_array().expect("a list").clone();
            assert!(
                !entries.is_empty() && entries.iter().all(|entry| entry[1] == entry[2] && entry[3] == true),
                "{feed}"
            );
            told.push(entries);
        }
        let titles = |entries: &[Value]| entries.iter().map(|entry| entry[0].clone()).collect::<Vec<_>>();
        assert_eq!(titles(&told[0]), titles(&told[1]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn icalendar_reads_the_maintenance() {
    let stage = Stage::of(story::maintained()).await;
    let Some(events) = python(CALENDAR, format!("{}/maintenance.ics", stage.status)).await else { return };
    let host = stage.status.trim_start_matches("http://");
    let calm = json!([
        format!("maintenance-2@{host}"),
        0,
        "CONFIRMED",
        "New disks for search",
        "2026-11-23T14:03:05+00:00",
        "2026-11-23T16:03:05+00:00",
        "2026-11-21T14:03:05+00:00",
        0
    ]);
    let off = json!([
        format!("maintenance-4@{host}"),
        1,
        "CANCELLED",
        "New network in us",
        "2026-11-21T16:03:05+00:00",
        "2026-11-21T18:03:05+00:00",
        "2026-11-21T14:03:05+00:00",
        0
    ]);
    let events = events.as_array().expect("a list");
    assert!(events.len() == 5 && events.contains(&calm) && events.contains(&off), "{events:#?}");

    let hostile = Stage::of(story::maintained_with_hostility()).await;
    let events = python(CALENDAR, format!("{}/maintenance.ics", hostile.status)).await.expect("as above");
    let titles: Vec<&str> = events.as_array().expect("a list").iter().filter_map(|event| event[3].as_str()).collect();
    assert!(titles.contains(&story::HOSTILE), "words stay words: {titles:?}");
}
