//! Logging in and out, signing up, sessions on every replica, and the headers that every answer carries.

use crate::support::{Replica, TestResult};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn log_in_with_the_right_password_only() -> TestResult {
    let replica = Replica::start("").await;
    let rows = [
        ("demo", "demo", 200),
        ("probe", "probe", 200),
        ("listener-40", "music", 200),
        ("demo", "Demo", 401),
        ("demo", "", 401),
        ("nobody", "demo", 401),
        ("listener-41", "music", 401),
        ("Demo", "demo", 401),
        ("' OR 1=1 --", "x", 401),
    ];
    for (user, password, status) in rows {
        assert_eq!(replica.try_login(user, password).await.status(), status, "{user}/{password}");
    }
    let long = replica.try_login("demo", &"x".repeat(5000)).await;
    assert_eq!(long.json::<Value>().await?["error"], "wrong_password");
    Ok(())
}

#[tokio::test]
async fn a_session_is_good_on_every_replica_as_bearer_and_as_cookie() -> TestResult {
    let (one, two) = (Replica::start("--replica eu-1").await, Replica::start("--replica eu-2").await);
    let answer = one.try_login("demo", "demo").await;
    let cookie = answer.headers()["set-cookie"].to_str()?.to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let token = answer.json::<Value>().await?["token"].as_str().ok_or("no token")?.to_owned();
    assert_eq!(two.get_json("/api/me", &token).await, json!({ "user": "demo" }));
    let cookie = cookie.split(';').next().ok_or("no cookie")?;
    let by_cookie = two.request(Method::GET, "/api/me").header("cookie", cookie).send().await?;
    assert_eq!(by_cookie.status(), 200);
    for forged in ["", "demo", "demo.ffffffff.00", &format!("{token}0"), &token.replace("demo", "probe")] {
        let answer = two.request(Method::GET, "/api/me").bearer_auth(forged).send().await?;
        assert_eq!(answer.status(), 401, "{forged}");
    }
    Ok(())
}

#[tokio::test]
async fn log_out_takes_the_cookie_back() -> TestResult {
    let replica = Replica::start("").await;
    let answer = replica.request(Method::POST, "/api/logout").send().await?;
    assert_eq!(answer.status(), 204);
    assert!(answer.headers()["set-cookie"].to_str()?.contains("Max-Age=0"));
    Ok(())
}

#[tokio::test]
async fn sign_up_checks_what_it_takes() -> TestResult {
    let replica = Replica::start("").await;
    let rows = [
        ("newcomer", "long enough", 201),
        ("newcomer", "another one", 409),
        ("demo", "long enough", 409),
        ("New.Comer", "long enough", 400),
        ("", "long enough", 400),
        ("newcomer-2", "abc", 400),
    ];
    for (user, password, status) in rows {
        let body = json!({ "user": user, "password": password });
        let answer = replica.request(Method::POST, "/api/signup").json(&body).send().await?;
        assert_eq!(answer.status(), status, "{user}/{password}");
    }
    assert_eq!(replica.try_login("newcomer", "long enough").await.status(), 200);
    Ok(())
}

#[tokio::test]
async fn every_answer_says_who_gave_it() -> TestResult {
    let replica = Replica::start("--region us --replica us-2 --version 1.5.0-rc.1").await;
    let rows = [
        (Method::GET, "/", 200),
        (Method::GET, "/player.js", 200),
        (Method::GET, "/healthz", 200),
        (Method::HEAD, "/healthz", 200),
        (Method::GET, "/metrics", 200),
        (Method::GET, "/api/tracks", 200),
        (Method::GET, "/api/tracks/0123", 404),
        (Method::GET, "/api/playlists", 401),
        (Method::GET, "/media/0123.flac", 401),
        (Method::GET, "/api/search", 400),
        (Method::GET, "/covers/0123.svg", 404),
        (Method::DELETE, "/api/tracks", 405),
        (Method::GET, "/api/tracks/%ff", 400),
        (Method::GET, "/nothing/here", 404),
        (Method::POST, "/api/login", 415),
    ];
    for (method, path, status) in rows {
        let answer = replica.request(method.clone(), path).send().await?;
        assert_eq!(answer.status(), status, "{method} {path}");
        for (name, value) in [("region", "us"), ("replica", "us-2"), ("version", "1.5.0-rc.1")] {
            assert_eq!(answer.headers()[format!("x-encore-{name}")], value, "{method} {path}");
        }
        if status >= 400 {
            let body: Value = answer.json().await?;
            assert!(body["error"].is_string() && body["message"].is_string(), "{method} {path}: {body}");
        }
    }
    Ok(())
}
