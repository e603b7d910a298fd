//! Playlists, search and catalogue, as a client meets them.

use crate::support::{Replica, TestResult};
use reqwest::{Method, Response};
use serde_json::{Value, json};

async fn write(replica: &Replica, method: Method, path: &str, token: &str, key: &str, body: &Value) -> Response {
    let mut request = replica.request(method, path).bearer_auth(token).json(body);
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    request.send().await.expect("an answer")
}

async fn track_ids(replica: &Replica) -> Vec<String> {
    let tracks: Value = replica.get("/api/tracks").await.json().await.expect("JSON");
    let tracks = tracks["tracks"].as_array().expect("a list");
    tracks.iter().filter_map(|track| track["id"].as_str()).map(str::to_owned).collect()
}

fn names(playlists: &Value) -> Vec<&str> {
    playlists["playlists"].as_array().into_iter().flatten().filter_map(|p| p["name"].as_str()).collect()
}

#[tokio::test]
async fn a_playlist_from_its_making_to_its_end() -> TestResult {
    let (one, two) = (Replica::start("").await, Replica::start("").await);
    let token = one.login("listener-1").await;
    let ids = track_ids(&one).await;
    assert_eq!(names(&one.get_json("/api/playlists", &token).await), ["Morning", "Focus", "Evening walk"]);

    let draft = json!({"name": " Rain ", "tracks": ids[..2]});
    let made = write(&one, Method::POST, "/api/playlists", &token, "", &draft).await;
    assert_eq!(made.status(), 201);
    let path = made.headers()["location"].to_str()?.to_owned();
    let made: Value = made.json().await?;
    assert_eq!((&made["name"], &made["tracks"][1]["id"]), (&json!("Rain"), &json!(ids[1])));
    assert_eq!(two.get_json(&path, &token).await, made, "the other replica knows it too");

    let changed = json!({"name": "Sun", "tracks": [ids[3], ids[3], ids[0]]});
    assert_eq!(write(&two, Method::PUT, &path, &token, "", &changed).await.status(), 200);
    let read = one.get_json(&path, &token).await;
    let order: Vec<&str> = read["tracks"].as_array().into_iter().flatten().filter_map(|t| t["id"].as_str()).collect();
    assert_eq!(order, [&ids[3], &ids[3], &ids[0]], "order and repeats are kept");

    assert_eq!(write(&one, Method::DELETE, &path, &token, "", &json!({})).await.status(), 200);
    assert_eq!(write(&one, Method::DELETE, &path, &token, "", &json!({})).await.status(), 404);
    assert_eq!(names(&two.get_json("/api/playlists", &token).await), ["Morning", "Focus", "Evening walk"]);
    Ok(())
}

#[tokio::test]
async fn a_write_sent_again_under_its_key_happens_once() -> TestResult {
    let (one, two) = (Replica::start("").await, Replica::start("").await);
    let token = one.login("listener-2").await;
    let draft = json!({"name": "Once", "tracks": []});
    let first: Value = write(&one, Method::POST, "/api/playlists", &token, "key-1", &draft).await.json().await?;
    let again = write(&two, Method::POST, "/api/playlists", &token, "key-1", &draft).await;
    assert_eq!(again.status(), 201);
    assert_eq!(again.json::<Value>().await?, first);
    assert_eq!(names(&one.get_json("/api/playlists", &token).await).iter().filter(|name| **name == "Once").count(), 1);

    let other = write(&one, Method::POST, "/api/playlists", &token, "key-1", &json!({"name": "Other"})).await;
    assert_eq!(other.status(), 409);
    assert_eq!(other.json::<Value>().await?["error"], "key_reused");

    let path = format!("/api/playlists/{}", first["id"].as_str().ok_or("no id")?);
    for _ in 0..2 {
        assert_eq!(write(&one, Method::DELETE, &path, &token, "key-2", &json!({})).await.status(), 200);
    }
    // Keys belong to their user.
    let neighbour = one.login("listener-3").await;
    let theirs = write(&one, Method::POST, "/api/playlists", &neighbour, "key-1", &json!({"name": "Mine"})).await;
    assert_eq!(theirs.status(), 201);
    Ok(())
}

#[tokio::test]
async fn forty_concurrent_repeats_are_one_playlist() -> TestResult {
    let replica = Replica::start("").await;
    let token = replica.login("listener-4").await;
    let draft = json!({"name": "Crowd"});
    let repeats = (0..40).map(|_| write(&replica, Method::POST, "/api/playlists", &token, "crowd", &draft));
    for answer in futures_util::future::join_all(repeats).await {
        assert_eq!(answer.status(), 201);
    }
    let playlists = replica.get_json("/api/playlists", &token).await;
    assert_eq!(names(&playlists).iter().filter(|name| **name == "Crowd").count(), 1);
    Ok(())
}

#[tokio::test]
async fn nobody_reaches_another_users_playlists() -> TestResult {
    let replica = Replica::start("").await;
    let (owner, stranger) = (replica.login("listener-5").await, replica.login("listener-6").await);
    let playlists = replica.get_json("/api/playlists", &owner).await;
    let path = format!("/api/playlists/{}", playlists["playlists"][0]["id"].as_str().ok_or("no id")?);
    let draft = json!({"name": "Taken over"});
    for (method, status) in [(Method::GET, 404), (Method::PUT, 404), (Method::DELETE, 404)] {
        assert_eq!(write(&replica, method.clone(), &path, &stranger, "", &draft).await.status(), status, "{method}");
        assert_eq!(write(&replica, method.clone(), &path, "forged", "", &draft).await.status(), 401, "{method}");
    }
    assert_eq!(replica.get_json("/api/playlists", &owner).await, playlists);
    Ok(())
}

#[tokio::test]
async fn hostile_writes_change_nothing() -> TestResult {
    let replica = Replica::start("").await;
    let token = replica.login("listener-7").await;
    let before = replica.get_json("/api/playlists", &token).await;
    let many: Vec<&str> = vec!["0123456789abcdef"; 501];
    let rows = [
        (json!({"name": ""}).to_string(), 400),
        (json!({"name": "   "}).to_string(), 400),
        (json!({"name": "x".repeat(101)}).to_string(), 400),
        (json!({"name": "line\nbreak"}).to_string(), 400),
        (json!({"name": "x", "tracks": ["no such track"]}).to_string(), 400),
        (json!({"name": "x", "tracks": many}).to_string(), 400),
        (json!({"name": "x", "owner": "demo"}).to_string(), 422),
        (json!({"tracks": []}).to_string(), 422),
        (json!({"name": 7}).to_string(), 422),
        ("[".repeat(30_000), 422),
        ("{\"name\":".into(), 400),
        ("\u{0}".into(), 400),
        (String::new(), 400),
        (json!({"name": "x".repeat(70_000)}).to_string(), 413),
    ];
    for (body, status) in rows {
        let request = replica.request(Method::POST, "/api/playlists").bearer_auth(&token);
        let answer = request.header("content-type", "application/json").body(body.clone()).send().await?;
        assert_eq!(answer.status(), status, "{body:.60}");
        assert!(answer.json::<Value>().await?["error"].is_string(), "{body:.60}");
    }
    let form = replica.request(Method::POST, "/api/playlists").bearer_auth(&token).body("name=x").send().await?;
    assert_eq!(form.status(), 415);
    for key in ["", "with space", &"k".repeat(65)] {
        let request = replica.request(Method::POST, "/api/playlists").bearer_auth(&token).json(&json!({"name": "x"}));
        assert_eq!(request.header("idempotency-key", key).send().await?.status(), 400, "{key}");
    }
    assert_eq!(replica.get_json("/api/playlists", &token).await, before);
    Ok(())
}

#[tokio::test]
async fn search_finds_every_word_in_any_case() -> TestResult {
    let replica = Replica::start("").await;
    let rows =
        [("NIGHT", 1), ("mirelle+osk", 2), ("harbour", 2), ("tide%20kites", 1), ("%25", 0), ("'", 0), ("zzz", 0)];
    for (words, count) in rows {
        let found: Value = replica.get(&format!("/api/search?q={words}")).await.json().await?;
        assert_eq!(found["tracks"].as_array().map(Vec::len), Some(count), "{words}");
    }
    for bad in ["/api/search", "/api/search?q=", "/api/search?q=%20", &format!("/api/search?q={}", "x".repeat(101))] {
        assert_eq!(replica.get(bad).await.status(), 400, "{bad}");
    }
    Ok(())
}

#[tokio::test]
async fn albums_tracks_and_covers_fit_together() -> TestResult {
    let replica = Replica::start("").await;
    let albums: Value = replica.get("/api/albums").await.json().await?;
    let albums = albums["albums"].as_array().ok_or("no albums")?.clone();
    assert_eq!(albums.len(), 3);
    for album in &albums {
        assert_eq!(album["tracks"].as_array().map(Vec::len), Some(2), "{}", album["title"]);
        let cover = replica.get(album["cover"].as_str().ok_or("no cover")?).await;
        assert_eq!(cover.headers()["content-type"], "image/svg+xml");
        let etag = cover.headers()["etag"].clone();
        let request = replica.request(Method::GET, album["cover"].as_str().ok_or("no cover")?);
        assert_eq!(request.header("if-none-match", etag).send().await?.status(), 304);
    }
    let track = &albums[0]["tracks"][0];
    let path = format!("/api/tracks/{}", track["id"].as_str().ok_or("no id")?);
    assert_eq!(replica.get(&path).await.json::<Value>().await?, *track);
    Ok(())
}
