//! A replica has a capacity, and says so when it is exceeded.

use crate::support::{Replica, TestResult};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn more_queries_than_the_pool_can_carry_get_an_honest_503() -> TestResult {
    // One connection at 900 ms a query: of 80 queries at once, one is inside, 64 queue, and no more than three of
    // those have their turn within two seconds.
    let replica = Replica::start("--db-pool 1 --db-latency 900ms").await;
    let answers = join_all((0..80).map(|_| replica.get("/api/search?q=night"))).await;
    let (good, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status() == 200);
    assert!((1..=20).contains(&good.len()), "{} answered", good.len());
    for answer in refused {
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(answer.json::<Value>().await?["error"], "overloaded");
    }
    // What needs no database goes on, health included: busy is not broken.
    assert_eq!(replica.get("/healthz").await.status(), 200);
    assert_eq!(replica.get("/api/albums").await.status(), 200);
    assert_eq!(replica.get("/api/search?q=night").await.status(), 200, "and it recovers");
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place_in_the_queue() -> TestResult {
    let replica = Replica::start("--db-pool 1 --db-latency 300ms").await;
    for _ in 0..5 {
        let impatient = replica.request(Method::GET, "/api/search?q=a").timeout(std::time::Duration::from_millis(50));
        assert!(impatient.send().await.is_err());
    }
    assert_eq!(replica.get("/api/search?q=night").await.status(), 200);
    Ok(())
}

#[tokio::test]
async fn health_tells_when_the_library_is_gone() -> TestResult {
    let data = crate::support::prepared_directory();
    let replica = Replica::start_over(data.path(), "").await;
    std::fs::rename(data.path().join("media"), data.path().join("elsewhere"))?;
    let answer = replica.get("/healthz").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json::<Value>().await?["reason"], "library");
    std::fs::rename(data.path().join("elsewhere"), data.path().join("media"))?;
    assert_eq!(replica.get("/healthz").await.status(), 200);
    Ok(())
}

#[tokio::test]
async fn metrics_count_what_happened() -> TestResult {
    let replica = Replica::start("--replica eu-7").await;
    let token = replica.login("demo").await;
    replica.try_login("demo", "wrong").await;
    let media = replica.first_media().await;
    let length = replica.request(Method::GET, &media).bearer_auth(&token).send().await?.bytes().await?.len();
    let text = replica.get("/metrics").await.text().await?;
    for line in [
        "encore_requests_total{component=\"login\",status=\"200\"} 1",
        "encore_requests_total{component=\"login\",status=\"401\"} 1",
        "encore_requests_total{component=\"playback\",status=\"200\"} 1",
        "encore_logins_total{outcome=\"refused\"} 1",
        &format!("encore_media_bytes_total {length}"),
        "replica=\"eu-7\"",
        "encore_request_duration_seconds_bucket{le=\"+Inf\",component=\"login\"} 2",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing in:\n{text}");
    }
    Ok(())
}
