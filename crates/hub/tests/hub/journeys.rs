//! Walks of several steps through a service that does something wrong, and that wants to know what it must not.

use crate::outbound::inside;
use crate::probes::{LONG, SHORT, failure, kind, run, serve};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use downbeat_core::model::{FailureKind, Name, ProbeOutcome};
use downbeat_hub::settings::{
    Action, HttpMethod, HttpTask, Journey, Pace, Payload, ProbeTask, Secret, Step, StreamTask, Trust,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A password that is easily found in whatever is said.
const PASSWORD: &str = "correct horse/battery \"staple\"";
const TOKEN: &str = "t0k3n-of-some-length";

/// What the music service does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    LoginRefused,
    LoginFails,
    NoToken,
    NoPlaylist,
    MediaFails,
    MediaStalls,
    MediaEnds,
}

/// Ten seconds of music at 10,000 bytes a second.
const MUSIC_BYTES: usize = 100_000;

async fn music_service(defect: Defect) -> String {
    let app = Router::new()
        .route("/api/login", post(log_in))
        .route("/api/playlists", get(playlists))
        .route("/api/playlists/{id}", get(playlist))
        .route("/media/{name}", get(media))
        .with_state(defect);
    serve(app).await
}

async fn log_in(State(defect): State<Defect>, Json(body): Json<Value>) -> Response {
    match defect {
        Defect::LoginFails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Defect::LoginRefused => StatusCode::UNAUTHORIZED.into_response(),
        Defect::NoToken => Json(json!({"user": "anna"})).into_response(),
        _ if body == json!({"user": "anna", "password": PASSWORD}) => {
            Json(json!({"token": TOKEN, "user": "anna"})).into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn may(headers: &HeaderMap) -> Result<(), StatusCode> {
    let is_right = headers.get("authorization").is_some_and(|token| *token == format!("Bearer {TOKEN}"));
    is_right.then_some(()).ok_or(StatusCode::UNAUTHORIZED)
}

async fn playlists(State(defect): State<Defect>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    may(&headers)?;
    let all = if defect == Defect::NoPlaylist { json!([]) } else { json!([{"id": "p 1/2", "name": "Morning"}]) };
    Ok(Json(json!({"playlists": all})))
}

async fn playlist(headers: HeaderMap, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    may(&headers)?;
    if id != "p 1/2" {
        return Err(StatusCode::NOT_FOUND);
    }
    let media = json!({"url": "/media/a.flac", "bytes": MUSIC_BYTES});
    Ok(Json(json!({"id": id, "tracks": [{"title": "A", "duration_s": 10.0, "media": media}]})))
}

async fn media(State(defect): State<Defect>, headers: HeaderMap) -> Result<axum::body::Body, StatusCode> {
    may(&headers)?;
    let start = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![0_u8; 5_000])]);
    let rest = futures_util::stream::iter([Ok(vec![0_u8; MUSIC_BYTES - 5_000])]);
    match defect {
        Defect::MediaFails => Err(StatusCode::SERVICE_UNAVAILABLE),
        Defect::MediaStalls => Ok(axum::body::Body::from_stream(start.chain(futures_util::stream::pending()))),
        Defect::MediaEnds => Ok(axum::body::Body::from_stream(start)),
        _ => Ok(axum::body::Body::from_stream(start.chain(rest))),
    }
}

fn step(name: &str, component: &str, task: HttpTask, captures: &[(&str, &str)]) -> Step {
    let capture = |(name, text): &(&str, &str)| ((*name).to_owned(), text.parse().expect("a capture"));
    Step {
        name: name.into(),
        component: Some(Name::new(component).expect("a name")),
        timeout: None,
        action: Action::Request(task),
        captures: captures.iter().map(capture).collect(),
    }
}

fn journey(root: &str, steps: Vec<Step>) -> Journey {
    let secrets = vec![("password".into(), Secret::new(PASSWORD.into()))];
    Journey { steps, secrets, origins: vec![root.into()], trust: Trust::System }
}

fn bearer() -> Vec<(String, String)> {
    vec![("authorization".into(), "Bearer {token}".into())]
}

fn log_in_step(root: &str) -> Step {
    let send = Some(Payload::Json(json!({"user": "anna", "password": "{password}"})));
    let task = HttpTask { method: HttpMethod::Post, send, ..HttpTask::get(format!("{root}/api/login")) };
    step("log in", "login", task, &[("token", "json $.token")])
}

/// Log in, load a playlist, play two seconds of its first track.
fn listening(root: &str) -> Journey {
    let get = |path: &str| HttpTask { headers: bearer(), ..HttpTask::get(format!("{root}{path}")) };
    let track = [
        ("media", "json $.tracks[0].media.url"),
        ("bytes", "json $.tracks[0].media.bytes"),
        ("seconds", "json $.tracks[0].duration_s"),
    ];
    let play = StreamTask {
        url: "{media}".into(),
        headers: bearer(),
        pace: Pace::Length { seconds: "{seconds}".into(), bytes: Some("{bytes}".into()) },
        from: Duration::ZERO,
        listen: Duration::from_secs(2),
        start_within: None,
        silence_max: SHORT,
        trust: Trust::System,
    };
    let mut last = step("play", "playback", HttpTask::get(root), &[]);
    last.action = Action::Stream(play);
    let steps = vec![
        log_in_step(root),
        step("list playlists", "playlists", get("/api/playlists"), &[("id", "json $.playlists[0].id")]),
        step("load playlist", "playlists", get("/api/playlists/{id}"), &track),
        last,
    ];
    journey(root, steps)
}

async fn walk(journey: Journey) -> ProbeOutcome {
    run(ProbeTask::Journey(journey), LONG).await
}

#[tokio::test]
async fn a_listener_logs_in_and_listens() {
    let table = [
        (Defect::LoginRefused, FailureKind::Denied, "login", "log in: expected status below 400, got 401"),
        (Defect::LoginFails, FailureKind::Status, "login", "got 500"),
        (Defect::NoToken, FailureKind::Wrong, "login", "expected json $.token for {token}, but there is none"),
        (Defect::NoPlaylist, FailureKind::Wrong, "playlists", "list playlists: expected json $.playlists[0].id"),
        (Defect::MediaFails, FailureKind::Status, "playback", "503"),
        (Defect::MediaEnds, FailureKind::Reset, "playback", "5000 of 100000 bytes"),
        (Defect::MediaStalls, FailureKind::Late, "playback", "play: no music within 1.0 s, 0.5 s of it had come"),
    ];
    for (defect, failure_, component, says) in table {
        let mut journey = listening(&music_service(defect).await);
        journey.steps[3].timeout = (defect == Defect::MediaStalls).then_some(Duration::from_secs(1));
        let (kind, at, detail) = failure(walk(journey).await).expect("a failure");
        assert_eq!((kind, at.as_deref()), (failure_, Some(component)), "{defect:?}: {detail}");
        assert!(detail.contains(says), "{defect:?}: {detail}");
    }
    let started = Instant::now();
    match walk(listening(&music_service(Defect::None).await)).await {
        ProbeOutcome::Passed { heard: Some(heard), .. } => assert_eq!(heard.music_ms, 2_000),
        other => panic!("{other:?}"),
    }
    assert!(started.elapsed() >= Duration::from_secs(2), "it listens at playing speed");
}

/// A shop with a form, a session in a cookie, and a token against forged requests.
async fn shop() -> String {
    let enter = async |Form(fields): Form<BTreeMap<String, String>>| match fields.get("password") {
        Some(password) if password == PASSWORD && fields.get("csrf").is_some_and(|token| token == "c-42") => {
            (StatusCode::SEE_OTHER, [("location", "/hello"), ("set-cookie", "session=abcdefgh12345; Path=/; HttpOnly")])
                .into_response()
        }
        _ => (StatusCode::FORBIDDEN, "no").into_response(),
    };
    let hello = async |headers: HeaderMap| match headers.get("cookie").and_then(|it| it.to_str().ok()) {
        Some("session=abcdefgh12345") => "hello anna".into_response(),
        other => (StatusCode::UNAUTHORIZED, format!("{other:?}")).into_response(),
    };
    let app = Router::new()
        .route("/", get(async || r#"<input name="csrf" value="c-42">"#))
        .route("/enter", post(enter))
        .route("/hello", get(hello))
        .route("/cart", axum::routing::put(async |body: String| body));
    serve(app).await
}

#[tokio::test]
async fn forms_cookies_and_parts_of_pages() {
    let root = shop().await;
    let fields = [("csrf", "{csrf}"), ("password", "{password}")].map(|(name, value)| (name.into(), value.into()));
    let enter = HttpTask {
        method: HttpMethod::Post,
        send: Some(Payload::Form(fields.into())),
        redirects: 1,
        expect: vec![r#"body == "hello anna""#.parse().expect("a condition")],
        ..HttpTask::get(format!("{root}/enter"))
    };
    let put = HttpTask {
        method: HttpMethod::Put,
        send: Some(Payload::Text("{\"csrf\": {csrf}}".into())),
        expect: vec![r#"body == "{\"csrf\": c-42}""#.parse().expect("a condition")],
        ..HttpTask::get(format!("{root}/cart?again={{csrf}}"))
    };
    let csrf = [("csrf", r#"body "name=\"csrf\" value=\"([^\"]+)\"""#)];
    let steps = vec![
        step("open", "shop", HttpTask::get(format!("{root}/")), &csrf),
        step("enter", "shop", enter, &[]),
        step("come back", "shop", HttpTask::get(format!("{root}/hello")), &[]),
        step("put", "shop", put, &[]),
    ];
    assert_eq!(failure(walk(journey(&root, steps)).await), None);
    // Each walk begins without cookies.
    let alone = vec![step("come back", "shop", HttpTask::get(format!("{root}/hello")), &[])];
    assert_eq!(kind(walk(journey(&root, alone)).await), Some(FailureKind::Denied));
}

/// Says back whatever it is told, in every way that ends up in somebody's words.
async fn gossip() -> String {
    let say = async |headers: HeaderMap, uri: axum::http::Uri, body: String| {
        let told = headers.get("authorization").map_or(String::new(), |it| format!("{it:?}"));
        (
            [("x-told", told.replace(|c: char| !c.is_ascii_graphic() && c != ' ', "?"))],
            Json(
                json!({"token": TOKEN, "told": told, "uri": uri.to_string(), "body": body, "far": "x".repeat(60) + PASSWORD}),
            ),
        )
    };
    serve(Router::new().route("/{*rest}", get(say).post(say))).await
}

#[tokio::test]
async fn nobody_is_shown_a_secret() {
    let root = gossip().await;
    let conditions = [
        r#"json $.body == "nothing""#,
        r#"json $.far == "nothing""#,
        r#"json $.told == "nothing""#,
        r#"json $.uri == "nothing""#,
        r#"header x-told == "nothing""#,
        r#"body lacks "token""#,
        "json $ absent",
    ];
    for condition in conditions {
        let task = HttpTask {
            method: HttpMethod::Post,
            headers: vec![("authorization".into(), "Basic {token} and {password}".into())],
            send: Some(Payload::Json(json!({"a": "{password}"}))),
            expect: vec![condition.parse().expect("a condition")],
            ..HttpTask::get(format!("{root}/b?p={{password}}&t={{token}}"))
        };
        let first = step("ask", "shop", HttpTask::get(format!("{root}/a")), &[("token", "json $.token")]);
        let steps = vec![first, step("tell", "shop", task, &[])];
        let (_, _, detail) = failure(walk(journey(&root, steps)).await).expect(condition);
        for part in ["correct", "horse", "staple", "t0k3n"] {
            assert!(!detail.contains(part), "{condition}: {detail}");
        }
        assert!(detail.starts_with("tell: expected "), "{detail}");
    }
    // Nor what the very answer gives of which something is said.
    let expect = vec![r#"body contains "nothing""#.parse().expect("a condition")];
    let task = HttpTask { expect, ..HttpTask::get(format!("{root}/a")) };
    let only = vec![step("ask", "shop", task, &[("token", "json $.token")])];
    let (_, _, detail) = failure(walk(journey(&root, only)).await).expect("no such body");
    assert!(!detail.contains("t0k3n") && detail.starts_with("ask: expected body contains"), "{detail}");
    // Nor where the way there fails, and the words are a client's.
    let gone = format!("http://{}", crate::probes::nobody().await);
    let task = HttpTask::get(format!("{gone}/?p={{password}}"));
    let (_, _, detail) =
        failure(walk(journey(&gone, vec![step("go", "shop", task, &[])])).await).expect("nobody there");
    assert!(!detail.contains("correct") && detail.contains("{password}"), "{detail}");
    assert!(!format!("{:?}", journey(&gone, vec![])).contains("correct"));
}

/// Whoever answers may name anybody; what was captured stays with those whom the configuration names.
#[tokio::test]
async fn what_is_captured_goes_nowhere_else() {
    let (elsewhere, visits) = inside().await;
    let link = format!("{elsewhere}/secret");
    let lure = {
        let link = link.clone();
        serve(
            Router::new()
                .route("/", get(async move || Json(json!({"next": link, "odd": "http://[", "file": "file:///"})))),
        )
        .await
    };
    let through = |name: &str| {
        let open = step("open", "shop", HttpTask::get(format!("{lure}/")), &[("next", &format!("json $.{name}"))]);
        let follow = HttpTask { headers: vec![("x-key".into(), "{password}".into())], ..HttpTask::get("{next}") };
        journey(&lure, vec![open, step("follow", "shop", follow, &[])])
    };
    for (name, says) in [
        ("next", "which neither a step nor origins name"),
        ("odd", "leads nowhere"),
        ("file", "neither a step nor origins"),
    ] {
        let (kind, _, detail) = failure(walk(through(name)).await).expect("refused");
        assert!(kind == FailureKind::Wrong && detail.contains(says), "{name}: {kind:?}: {detail}");
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    let mut named = through("next");
    named.origins.push(elsewhere);
    assert_eq!(failure(walk(named).await), None);
    assert_eq!(visits.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_has_no_end_ends() {
    let endless = async || {
        axum::body::Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'['; 65_536])))
    };
    let drip = async || {
        let drops = futures_util::stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        axum::body::Body::from_stream(drops)
    };
    let round = async || (StatusCode::FOUND, [("location", "/round"), ("set-cookie", "a=1")]);
    let app = Router::new().route("/endless", get(endless)).route("/drip", get(drip)).route("/round", get(round));
    let root = serve(app).await;
    let table = [
        ("/endless", FailureKind::Wrong, "more than 1 MiB are not read as JSON"),
        ("/drip", FailureKind::Stalled, "the body stopped coming"),
        ("/round", FailureKind::Wrong, "more than 3 redirects"),
    ];
    for (path, expected, says) in table {
        let task = HttpTask { redirects: 3, ..HttpTask::get(format!("{root}{path}")) };
        let mut only = step("ask", "shop", task, &[("a", "json $.a")]);
        only.timeout = (path == "/drip").then_some(SHORT);
        let (kind, _, detail) = failure(walk(journey(&root, vec![only])).await).expect(path);
        assert!(kind == expected && detail.contains(says), "{path}: {kind:?}: {detail}");
    }
}
