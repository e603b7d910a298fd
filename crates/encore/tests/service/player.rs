//! The web player as a browser receives it.

use reqwest::Method;

use crate::support::{Replica, TestResult};

const FILES: [(&str, &str); 4] = [
    ("/", "text/html; charset=utf-8"),
    ("/player.css", "text/css; charset=utf-8"),
    ("/player.js", "text/javascript; charset=utf-8"),
    ("/favicon.svg", "image/svg+xml"),
];

#[tokio::test]
async fn the_player_is_typed_locked_down_and_revalidated() -> TestResult {
    let replica = Replica::start("").await;
    for (path, kind) in FILES {
        let answer = replica.get(path).await;
        let headers = answer.headers().clone();
        assert_eq!((answer.status().as_u16(), headers["content-type"].to_str()?), (200, kind), "{path}");
        let policy = headers["content-security-policy"].to_str()?;
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        let request = replica.request(Method::GET, path).header("if-none-match", headers["etag"].clone());
        assert_eq!(request.send().await?.status(), 304, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_fetched_from_elsewhere_and_nothing_inline_would_be_blocked() -> TestResult {
    let replica = Replica::start("").await;
    for (path, _) in FILES {
        let text = replica.get(path).await.text().await?.replace("http://www.w3.org/", "");
        for forbidden in ["http://", "https://", "@import", "innerHTML", " style=", " onclick=", "eval("] {
            assert!(!text.contains(forbidden), "{path} contains {forbidden}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn everything_the_script_looks_for_is_on_the_page() -> TestResult {
    let replica = Replica::start("").await;
    let page = replica.get("/").await.text().await?;
    let script = replica.get("/player.js").await.text().await?;
    let ids: Vec<&str> = script
        .split("$(\"#")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next())
        .collect();
    assert!(ids.len() > 20, "{ids:?}");
    for id in ids {
        assert!(page.contains(&format!("id=\"{id}\"")), "#{id} is not on the page");
    }
    Ok(())
}
