//! Streaming: ranges and conditions as players use them, the same on every replica, and files that go wrong.

use std::{fs, ops::Range, os::unix::fs::symlink};

use crate::support::{Replica, TestResult, prepared_directory};
use reqwest::{Method, Response};
use sha2::{Digest, Sha256};

struct Stream {
    replica: Replica,
    token: String,
    path: String,
}

impl Stream {
    async fn open(more: &str) -> Self {
        let replica = Replica::start(more).await;
        let (token, path) = (replica.login("probe").await, replica.first_media().await);
        Self { replica, token, path }
    }

    async fn send(&self, method: Method, headers: &[(&str, &str)]) -> Response {
        let request = self.replica.request(method, &self.path).bearer_auth(&self.token);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("an answer")
    }

    async fn whole(&self) -> Vec<u8> {
        self.send(Method::GET, &[]).await.bytes().await.expect("a body").to_vec()
    }
}

#[tokio::test]
async fn the_whole_file_is_what_its_name_says() -> TestResult {
    let stream = Stream::open("").await;
    let answer = stream.send(Method::GET, &[]).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    let body = answer.bytes().await?;
    let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(stream.path, format!("/media/{digest}.flac"));
    let expected = [
        ("etag", format!("\"{digest}\"")),
        ("content-length", body.len().to_string()),
        ("content-type", "audio/flac".into()),
        ("accept-ranges", "bytes".into()),
        ("cache-control", "private, max-age=31536000, immutable".into()),
    ];
    for (name, value) in expected {
        assert_eq!(headers[name], value.as_str(), "{name}");
    }
    Ok(())
}

/// Request headers, expected status, expected part of the file.
type Case<'a> = (&'a [(&'a str, &'a str)], u16, Range<usize>);

#[tokio::test]
async fn ranges_and_conditions() -> TestResult {
    let stream = Stream::open("").await;
    let whole = stream.whole().await;
    let n = whole.len();
    let etag = stream.send(Method::HEAD, &[]).await.headers()["etag"].to_str()?.to_owned();
    let rows: [Case<'_>; 16] = [
        (&[("range", "bytes=0-99")], 206, 0..100),
        (&[("range", "bytes=1000-")], 206, 1000..n),
        (&[("range", "bytes=-500")], 206, n - 500..n),
        (&[("range", "bytes=70000-200000")], 206, 70_000..200_001),
        (&[("range", "bytes=5-99999999999")], 206, 5..n),
        (&[("range", "bytes=1000-"), ("if-range", &etag)], 206, 1000..n),
        (&[("range", "bytes=1000-"), ("if-range", "\"other\"")], 200, 0..n),
        (&[("range", "bytes=1000-"), ("if-match", &etag)], 206, 1000..n),
        (&[("range", "bytes=0-9,20-29")], 200, 0..n),
        (&[("range", "bytes=banana")], 200, 0..n),
        (&[("range", "bytes=9-3")], 200, 0..n),
        (&[("if-none-match", "\"other\"")], 200, 0..n),
        (&[("if-none-match", &etag)], 304, 0..0),
        (&[("if-match", "\"other\"")], 412, 0..0),
        (&[("range", "bytes=999999999-")], 416, 0..0),
        (&[("range", "bytes=-0")], 416, 0..0),
    ];
    for (headers, status, range) in rows {
        let answer = stream.send(Method::GET, headers).await;
        assert_eq!(answer.status(), status, "{headers:?}");
        assert_eq!(answer.headers()["etag"], etag.as_str(), "{headers:?}");
        let content_range = match status {
            206 => Some(format!("bytes {}-{}/{n}", range.start, range.end - 1)),
            416 => Some(format!("bytes */{n}")),
            _ => None,
        };
        let answered = answer.headers().get("content-range").map(|value| value.to_str()).transpose()?;
        assert_eq!(answered, content_range.as_deref(), "{headers:?}");
        let kept = answer.headers()["cache-control"] != "no-store";
        assert_eq!(kept, status < 400, "{headers:?}");
        if status < 300 {
            assert_eq!(answer.headers()["content-length"], range.len().to_string().as_str(), "{headers:?}");
            assert!(answer.bytes().await? == whole[range], "other bytes: {headers:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn head_has_the_headers_and_no_body() -> TestResult {
    let stream = Stream::open("").await;
    let size = stream.whole().await.len().to_string();
    let answer = stream.send(Method::HEAD, &[("range", "bytes=5-")]).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["content-length"].to_str()?), (200, size.as_str()));
    assert!(answer.bytes().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_download_begun_on_one_replica_ends_on_another() -> TestResult {
    let (one, two) = (Stream::open("--replica eu-1").await, Stream::open("--replica us-1 --region us").await);
    assert_eq!(one.path, two.path);
    let first = one.send(Method::GET, &[("range", "bytes=0-99999")]).await;
    let etag = first.headers()["etag"].to_str()?.to_owned();
    let second = two.send(Method::GET, &[("range", "bytes=100000-"), ("if-range", &etag)]).await;
    assert_eq!(second.status(), 206);
    let joined = [first.bytes().await?, second.bytes().await?].concat();
    assert!(joined == one.whole().await);
    Ok(())
}

#[tokio::test]
async fn media_need_a_session_which_may_be_in_the_query() -> TestResult {
    let Stream { replica, token, path } = Stream::open("").await;
    for (path, status) in [
        (path.clone(), 401),
        (format!("{path}?token=forged"), 401),
        (format!("{path}?token="), 401),
        (format!("{path}?token={token}"), 200),
    ] {
        assert_eq!(replica.get(&path).await.status(), status, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_went_missing_or_was_swapped_is_404_and_the_rest_goes_on() -> TestResult {
    let data = prepared_directory();
    let replica = Replica::start_over(data.path(), "").await;
    let token = replica.login("demo").await;
    let path = replica.first_media().await;
    let file = data.path().join(path.trim_start_matches('/'));
    let get = async || -> Result<(u16, String), reqwest::Error> {
        let answer = replica.request(Method::GET, &path).bearer_auth(&token).send().await?;
        let status = answer.status().as_u16();
        Ok((status, if status == 200 { String::new() } else { answer.text().await? }))
    };
    assert_eq!(get().await?.0, 200);
    let kept = data.path().join("kept");
    fs::rename(&file, &kept)?;
    let (status, message) = get().await?;
    assert_eq!(status, 404);
    assert!(message.contains("not_found") && message.contains("on this replica"), "{message}");
    symlink(&kept, &file)?;
    assert_eq!(get().await?.0, 404, "links are not followed");
    fs::remove_file(&file)?;
    fs::write(&file, b"shorter")?;
    assert_eq!(get().await?.0, 404, "a file of another length is not what was published");
    fs::rename(&kept, &file)?;
    assert_eq!(get().await?.0, 200);
    Ok(())
}
