//! Answers in the shapes of the public documentation, among them hostile, broken and half ones.

use super::*;
use serde_json::json;

/// 22 Nov 2026, 14:03 UTC.
const NOW: Moment = Moment::from_millis(1_795_356_180_000);

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn summary() -> Value {
    json!({
        "page": {"id": "srhpyqt94yxb", "name": "Encore", "url": "https://encore.statuspage.io", "time_zone": "Etc/UTC",
            "updated_at": "2026-11-22T13:37:37.407-08:00"},
        "components": [
            {"id": "rhznvxg4v7yh", "name": "API", "status": "operational", "position": 2, "group_id": "g1", "group": false},
            {"id": "g1", "name": "Core", "status": "operational", "position": 1, "group_id": null, "group": true,
                "components": ["rhznvxg4v7yh"]},
            {"id": "p1k3", "name": "Playback", "status": "operational", "position": 1, "group_id": null, "group": false},
            {"id": "zzz", "name": "API", "status": "operational", "position": 3, "group_id": "nowhere"},
            {"id": "t2", "name": "検索", "status": "operational", "position": null},
            {"name": "no id"},
        ],
        "incidents": [], "scheduled_maintenances": [],
        "status": {"indicator": "none", "description": "All Systems Operational"},
    })
}

fn incident(id: &str, more: Value) -> Value {
    let mut it = json!({
        "id": id, "name": "Songs stop", "status": "resolved", "impact": "major", "shortlink": "https://stspg.io/x",
        "created_at": "2026-10-01T10:00:00.000-08:00", "updated_at": "2026-10-01T12:00:00.000-08:00",
        "monitoring_at": "2026-10-01T11:00:00.000-08:00", "resolved_at": "2026-10-01T11:30:00.000-08:00",
        "started_at": "2026-10-01T09:58:00.000-08:00", "page_id": "srhpyqt94yxb",
        "incident_updates": [
            {"id": "u2", "status": "resolved", "body": "It is over.", "incident_id": id,
                "created_at": "2026-10-01T11:30:00.000-08:00", "display_at": "2026-10-01T11:30:00.000-08:00",
                "affected_components": [{"code": "rhznvxg4v7yh", "name": "API", "old_status": "major_outage",
                    "new_status": "operational"}], "deliver_notifications": true, "tweet_id": null},
            {"id": "u1", "status": "investigating", "body": "We look into it.", "incident_id": id,
                "created_at": "2026-10-01T10:00:00.000-08:00", "display_at": "2026-10-01T10:00:00.000-08:00",
                "affected_components": null},
        ],
        "components": [{"id": "rhznvxg4v7yh", "name": "API", "status": "operational", "group": false}],
    });
    for (key, value) in more.as_object().expect("an object") {
        it[key] = value.clone();
    }
    it
}

fn reader() -> Reader {
    let page = bytes(&summary());
    let mut reader = Reader::of_page(&page, "https://status.encore.example/", NOW).expect("a page");
    reader.components(&page).expect("components");
    reader
}

#[test]
fn a_page_with_its_components() {
    let reader = reader();
    assert_eq!(reader.page_id(), "srhpyqt94yxb");
    let reading = reader.finish();
    assert_eq!(
        (reading.chapter.title.as_str(), reading.chapter.url.as_str()),
        ("Encore", "https://encore.statuspage.io")
    );
    let group = |it: &Proposed| it.group.as_ref().map(|group| format!("{} {}", group.code, group.title));
    let told: Vec<(&str, &str, Option<String>, &str)> = reading
        .components
        .iter()
        .map(|it| (it.name.as_str(), it.title.as_str(), group(it), it.code.as_str()))
        .collect();
    let expected = [
        ("playback", "Playback", None, "p1k3"),
        ("api", "API", Some("g1 Core".to_owned()), "rhznvxg4v7yh"),
        ("api-2", "API", None, "zzz"),
        ("t2", "検索", None, "t2"),
    ];
    assert_eq!(told, expected);
    assert_eq!(reading.notes, ["1 components cannot be read and are left out: \"a row without id or name\""]);
}

#[test]
fn an_incident_comes_with_all_that_was_said() {
    let mut reader = reader();
    let rows = bytes(&json!({"page": {}, "incidents": [incident("kctbh9vrtdwd", json!({}))]}));
    assert_eq!(reader.incidents(&rows), Ok(1));
    assert_eq!(reader.incidents(&rows), Ok(1), "twice is once");
    let reading = reader.finish();
    let story = &reading.chapter.stories[0];
    assert_eq!((reading.chapter.stories.len(), story.id.as_str()), (1, "kctbh9vrtdwd"));
    assert_eq!((story.standing, story.impact, story.planned), (Standing::Resolved, Impact::Major, None));
    let text = |at: Moment| crate::text::rfc3339(at);
    assert_eq!(text(story.started_at), "2026-10-01T17:58:00.000Z");
    assert_eq!(text(story.resolved_at), "2026-10-01T19:30:00.000Z");
    let bodies: Vec<&str> = story.words.iter().map(|word| word.body.as_str()).collect();
    assert_eq!(bodies, ["It is over.", "We look into it."]);
    let affected = &story.words[0].affected[0];
    assert_eq!((affected.before, affected.after), (Status::MajorOutage, Status::Operational));
    assert_eq!(story.components, [Touched { code: "rhznvxg4v7yh".into(), title: "API".into() }]);
    assert_eq!(reading.chapter.check(), Ok(()));
}

#[test]
fn what_is_missing_is_made_up_from_what_is_there_or_left_out() {
    let table = [
        (json!({"started_at": null}), Some("2026-10-01T18:00:00.000Z")),
        (json!({"started_at": "yesterday"}), Some("2026-10-01T18:00:00.000Z")),
        (json!({"resolved_at": null, "impact": "apocalyptic", "components": null}), Some("2026-10-01T17:58:00.000Z")),
        (json!({"incident_updates": null, "monitoring_at": 7}), Some("2026-10-01T17:58:00.000Z")),
        (
            json!({"incident_updates": [{"body": "?"}, 3, {"status": "resolved", "body": "a"}]}),
            Some("2026-10-01T17:58:00.000Z"),
        ),
        (json!({"created_at": "0000-00-00"}), None),
        (json!({"status": "exploded"}), None),
        (json!({"status": "monitoring"}), None),
        (json!({"id": "../../etc/passwd"}), None),
        (json!({"id": 7}), None),
    ];
    for (more, started) in table {
        let mut reader = reader();
        reader.incidents(&bytes(&json!([incident("a", more.clone())]))).expect("a list");
        let reading = reader.finish();
        let begun = reading.chapter.stories.first().map(|it| crate::text::rfc3339(it.started_at));
        assert_eq!(begun.as_deref(), started, "{more}");
        let is_told = reading.notes.iter().any(|note| note.contains("left out") || note.contains("import again"));
        let is_whole = started.is_some() && more.get("incident_updates").is_none_or(Value::is_null);
        assert!(is_whole || is_told, "{more}: {:?}", reading.notes);
        assert_eq!(reading.chapter.check(), Ok(()), "{more}");
    }
}

#[test]
fn hostile_texts_stay_texts_and_are_bounded() {
    let mut reader = reader();
    let long = "<script>".repeat(10_000);
    let words: Vec<Value> = (0..300)
        .map(|n| json!({"id": format!("u{n}"), "status": "resolved", "body": long, "created_at": "2026-10-01T10:00:00Z"}))
        .collect();
    let name = format!("\u{1b}[2J{}", "x".repeat(1_000));
    let it = incident("a", json!({"name": name, "incident_updates": words, "resolved_at": "1999-01-01T00:00:00Z"}));
    reader.incidents(&bytes(&json!([it]))).expect("a list");
    let reading = reader.finish();
    let story = &reading.chapter.stories[0];
    assert_eq!((story.words.len(), story.words[0].body.chars().count()), (WORDS_MAX, BODY_MAX));
    assert_eq!((story.title.chars().count(), story.resolved_at), (TITLE_MAX, story.started_at));
    assert!(reading.notes.iter().all(|note| !note.contains('\u{1b}') && note.len() < 400), "{:?}", reading.notes);
    assert_eq!(reading.chapter.check(), Ok(()));
}

#[test]
fn ids_that_could_be_ours_come_behind_the_name_of_their_source() {
    let mut reader = reader();
    let rows = [incident("3", json!({})), incident("maintenance-4", json!({})), incident("abc", json!({}))];
    reader.incidents(&bytes(&json!(rows))).expect("a list");
    let mut ids: Vec<String> = reader.finish().chapter.stories.into_iter().map(|it| it.id).collect();
    ids.sort();
    assert_eq!(ids, ["abc", "srhpyqt94yxb-3", "srhpyqt94yxb-maintenance-4"]);
}

#[test]
fn work_is_past_to_come_or_left_alone() {
    let work = |id: &str, status: &str, from: &str, until: &str| {
        let times = json!({"status": status, "impact": "maintenance", "scheduled_for": from, "scheduled_until": until,
            "resolved_at": null, "started_at": null, "name": format!("Work {id}")});
        incident(id, times)
    };
    let mut reader = reader();
    let rows = json!({"scheduled_maintenances": [
        work("a", "completed", "2026-10-01T10:00:00Z", "2026-10-01T11:00:00Z"),
        work("b", "scheduled", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"),
        work("c", "in_progress", "2026-11-22T10:00:00Z", "2026-11-22T15:00:00Z"),
        work("d", "scheduled", "2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z"),
        work("e", "scheduled", "soon", "later"),
    ]});
    assert_eq!(reader.maintenances(&bytes(&rows)), Ok(5));
    let reading = reader.finish();
    let past: Vec<&str> = reading.chapter.stories.iter().map(|it| it.title.as_str()).collect();
    let coming: Vec<(&str, &str)> = reading.announced.iter().map(|it| (it.title.as_str(), it.text.as_str())).collect();
    assert_eq!((past, coming), (vec!["Work a"], vec![("Work b", "It is over.")]));
    assert_eq!(reading.chapter.counts(), (0, 1));
    assert_eq!(reading.notes.len(), 4, "components, going on, should have begun, no times: {:#?}", reading.notes);
}

#[test]
fn the_manage_api_has_lists_without_a_page_and_what_was_learnt_beside_them() {
    let page = br#"{"id": "srhpyqt94yxb", "name": "Encore", "url": null, "subdomain": "encore"}"#;
    let mut reader = Reader::of_managed_page(page, "https://encore.statuspage.io", NOW).expect("a page");
    assert_eq!(reader.components(br#"[{"id": "a1", "name": "API", "group_id": "g1", "position": 1}]"#), Ok(1));
    assert_eq!(reader.groups(br#"[{"id": "g1", "name": "Core", "components": ["a1"]}]"#), Ok(1));
    let learnt = json!({"postmortem_body": "We learnt.", "postmortem_published_at": "2026-10-05T10:00:00Z",
        "status": "postmortem", "started_at": null});
    assert_eq!(reader.incidents(&bytes(&json!([incident("abc", learnt)]))), Ok(1));
    let reading = reader.finish();
    assert_eq!(reading.components[0].group.as_ref().map(|group| group.title.as_str()), Some("Core"));
    let word = &reading.chapter.stories[0].words[0];
    assert_eq!((word.standing, word.body.as_str()), (Standing::Postmortem, "We learnt."));
}

#[test]
fn the_long_history_names_what_is_still_to_be_read() {
    let mut reader = reader();
    reader.incident(&bytes(&incident("abc", json!({})))).expect("one");
    reader.incident(&bytes(&json!({"page": {}, "incident": incident("abd", json!({}))}))).expect("in an envelope");
    let months = json!({"components": [], "months": [
        {"name": "October", "year": 2026, "incidents": [{"code": "abc", "name": "Songs stop", "timestamp": "Oct <var>1</var>"},
            {"code": "xyz"}, {"code": "../x"}]},
        {"name": "September", "year": 2026, "incidents": []},
    ]});
    assert_eq!(reader.codes(&bytes(&months)), Ok((vec!["xyz".to_owned()], 3)));
    assert_eq!(reader.codes(br#"{"months": [{"incidents": []}]}"#), Ok((vec![], 0)));
    assert_eq!(reader.codes(b"{}"), Err(ReadError::Shape("months")));
}

#[test]
fn answers_of_others_are_told_apart() {
    let table: [(&[u8], ReadError); 5] = [
        (b"  <!doctype html><html>", ReadError::Html),
        (b"[]", ReadError::Shape("page")),
        (br#"{"page": {"name": "X", "url": "https://x.instatus.com", "status": "UP"}}"#, ReadError::Instatus),
        (br#"{"page": {"name": "X"}}"#, ReadError::Shape("page.id")),
        (br#"{"status": "ok"}"#, ReadError::Shape("page")),
    ];
    for (text, expected) in table {
        let error = Reader::of_page(text, "https://x.example", NOW).map(drop).expect_err("not one");
        assert_eq!(error, expected, "{}", String::from_utf8_lossy(text));
    }
    assert!(matches!(Reader::of_page(b"{", "https://x.example", NOW), Err(ReadError::Json(_))));
    assert_eq!(reader().incidents(br#"{"incident": []}"#), Err(ReadError::Shape("incidents")));
}
