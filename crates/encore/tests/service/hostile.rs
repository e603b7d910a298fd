//! Requests that no honest client sends: they get 4xx, and the replica goes on.

use crate::support::{Replica, TestResult, raw};

#[tokio::test]
async fn no_path_leads_out_of_the_catalogue() -> TestResult {
    let replica = Replica::start("").await;
    let token = replica.login("demo").await;
    let rows = [
        "/media/../secret",
        "/media/..%2fsecret",
        "/media/%2e%2e%2fsecret",
        "/media/..%5csecret",
        "/media/%2fetc%2fpasswd",
        "//etc/passwd",
        "/media/.",
        "/media/secret%00.flac",
        "/media/%",
        "/covers/..%2fsecret.jpg",
        "/covers/.svg",
        "/player.js/..%2f..%2fsecret",
        "/%2e%2e/secret",
    ];
    for path in rows {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
        let answer = raw(replica.address, request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "404"].contains(&status), "{path}: {answer}");
        assert!(answer.contains("x-encore-replica"), "{path}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn malformed_and_oversized_requests_are_refused() -> TestResult {
    let replica = Replica::start("").await;
    let login = "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let big = format!("{login}Content-Length: 100000\r\n\r\n{}", "x".repeat(100_000));
    let chunked = format!("{login}Transfer-Encoding: chunked\r\n\r\n186a0\r\n{}\r\n0\r\n\r\n", "x".repeat(100_000));
    let both = format!("{login}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{{}}");
    let rows: [(&str, &[u8], &[&str]); 8] = [
        ("declared too large", big.as_bytes(), &["413"]),
        ("turns out too large", chunked.as_bytes(), &["413"]),
        ("two framings", both.as_bytes(), &["400"]),
        ("garbage", b"\x00\x01\x02\r\n\r\n", &["400"]),
        ("no version", b"GET /\r\n\r\n", &["400"]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", &["400"]),
        ("bad length", b"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", &["400"]),
        ("line folding", b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\nConnection: close\r\n\r\n", &["400"]),
    ];
    for (what, request, statuses) in rows {
        let answer = raw(replica.address, request).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{what}: {answer}");
    }
    assert_eq!(replica.get("/healthz").await.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_bad_token_or_cookie_of_any_shape_is_no_session() -> TestResult {
    let replica = Replica::start("").await;
    for line in [
        "Authorization: Bearer",
        "Authorization: Bearer \t",
        "Authorization: Bearer \u{fffd}.ff.00",
        "Authorization: Bearer ..",
        "Cookie: encore_session",
        "Cookie: encore_session=;;;==",
        "Cookie: encore_session=demo.ffffffffffffffffffffffff.00",
    ] {
        let request = format!("GET /api/me HTTP/1.1\r\nHost: x\r\n{line}\r\nConnection: close\r\n\r\n");
        let answer = raw(replica.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{line}: {answer}");
    }
    Ok(())
}
