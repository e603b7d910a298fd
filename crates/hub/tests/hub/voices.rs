//! Other voices over real sockets: a status page that hangs, one that sends garbage, one that says that it is down, and a feed.

use crate::rig::{eventually, name, settings};
use downbeat_core::model::{Policy, Upstream, UpstreamHealth};
use downbeat_hub::settings::{FeedSettings, HubSettings, UpstreamSettings};
use downbeat_hub::start;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const OFTEN: Duration = Duration::from_millis(100);

/// A server that gives the same answer to everybody, and keeps what it was asked; it hangs when it has none.
async fn server(answer: Option<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("http://{}/api/v2/summary.json", listener.local_addr().expect("bound"));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4_096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
            let is_known = head.contains("if-none-match: \"v1\"");
            kept.lock().expect("no test panics while holding it").push(head);
            match &answer {
                Some(_) if is_known => {
                    drop(stream.write_all(b"HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n").await);
                }
                Some(body) => {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\netag: \"v1\"\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        body.len()
                    );
                    drop(stream.write_all((head + body).as_bytes()).await);
                }
                None => held.push(stream),
            }
        }
    });
    (url, asked)
}

/// A server that sends for as long as it is heard; how many bytes each of its answers had at last.
async fn endless(head: &'static str) -> (String, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let sent: Arc<Mutex<Vec<usize>>> = Arc::default();
    let kept = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let (mut bytes, chunk) = (0, [b' '; 65_536]);
                drop(stream.read(&mut [0; 4_096]).await);
                drop(stream.write_all(head.as_bytes()).await);
                while stream.write_all(&chunk).await.is_ok() {
                    bytes += chunk.len();
                }
                kept.lock().expect("no test panics while holding it").push(bytes);
            });
        }
    });
    (url, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_without_end_is_cut_off_and_the_others_are_heard() {
    // A feed that says nothing of its length, and a status page that says that it has two terabytes.
    let (feed, of_feed) = endless("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<rss><channel>").await;
    let (page, of_page) = endless("HTTP/1.1 200 OK\r\ncontent-length: 2000000000000\r\n\r\n").await;
    let down = r#"{"page":{},"status":{"indicator":"critical"},"incidents":[{"name":"API <b>errors</b>"}]}"#;
    let (saying, _) = server(Some(down.into())).await;
    let data = tempfile::tempdir().expect("a directory");
    let upstreams = vec![upstream("endless", page), upstream("saying", saying)];
    let feeds = vec![FeedSettings { name: name("endless"), url: feed, every: OFTEN, words: vec![], component: None }];
    let policy = settings(data.path()).policy;
    let known = upstreams.iter().map(|it| {
        let components = [name("playback")].into();
        (it.name.clone(), Upstream { title: it.name.to_string(), components })
    });
    let policy = Policy { upstreams: known.collect(), ..policy };
    let settings = HubSettings { upstreams, feeds, policy, ..settings(data.path()) };
    let hub = start(settings).await.expect("the hub starts");
    for sent in [of_feed, of_page] {
        let cut_off = || sent.lock().expect("whole").first().copied();
        let bytes = eventually("the end of an answer", cut_off).await;
        // What it takes, and what lay in the sockets on the way.
        assert!(bytes < 64 << 20, "{bytes} bytes were taken");
    }
    let said = || hub.doors().snapshots.borrow().board.ailing.first().map(|it| it.said.clone());
    assert_eq!(eventually("the one that speaks", said).await, "API <b>errors</b>", "text stays text");
    assert_eq!(hub.doors().snapshots.borrow().board.ailing.len(), 1);
    hub.stop().await;
}

fn upstream(text: &str, url: String) -> UpstreamSettings {
    UpstreamSettings { name: name(text), url, every: OFTEN, parts: vec![] }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_hangs_or_sends_garbage_costs_nothing_but_itself() {
    let down = r#"{"page":{},"status":{"indicator":"critical"},"incidents":[{"name":"API errors"}]}"#;
    let ((hanging, _), (garbage, _)) = (server(None).await, server(Some("<html>".into())).await);
    let (saying, asked) = server(Some(down.into())).await;
    let data = tempfile::tempdir().expect("a directory");
    let upstreams = vec![upstream("hanging", hanging), upstream("garbage", garbage), upstream("saying", saying)];
    let policy = settings(data.path()).policy;
    let known = upstreams.iter().map(|it| {
        let components = [name("playback")].into();
        (it.name.clone(), Upstream { title: it.name.to_string(), components })
    });
    let policy = Policy { upstreams: known.collect(), ..policy };
    let hub = start(HubSettings { upstreams, policy, ..settings(data.path()) }).await.expect("the hub starts");
    let ailing = || {
        let board = hub.doors().snapshots.borrow().board.clone();
        board.ailing.first().map(|it| (it.title.clone(), it.health, it.said.clone()))
    };
    let found = eventually("the word of the one that speaks", ailing).await;
    assert_eq!(found, ("saying".to_owned(), UpstreamHealth::Down, "API errors".to_owned()));
    let asks_politely = || asked.lock().expect("whole").iter().any(|head| head.contains("if-none-match")).then_some(());
    eventually("a question for news only", asks_politely).await;
    assert_eq!(hub.doors().snapshots.borrow().board.ailing.len(), 1, "what cannot be read says nothing");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_in_a_feed_is_a_report_of_one_network() {
    let items = |last: u32| {
        let items: String =
            (0..last).map(|n| format!("<item><guid>{n}</guid><title>playback is DOWN</title></item>")).collect();
        format!("<rss><channel>{items}</channel></rss>")
    };
    // The feed grows with each question.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("http://{}/feed", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        for n in 1.. {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut head = vec![0; 4_096];
            drop(stream.read(&mut head).await);
            let body = items(n);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            drop(stream.write_all((head + &body).as_bytes()).await);
        }
    });
    let data = tempfile::tempdir().expect("a directory");
    let (words, component) = (vec!["down".into()], Some(name("playback")));
    let feeds = vec![FeedSettings { name: name("mastodon"), url, every: OFTEN, words, component }];
    let hub = start(HubSettings { feeds, ..settings(data.path()) }).await.expect("the hub starts");
    let reported = || {
        let pulses = &hub.doors().snapshots.borrow().board.pulses;
        (pulses.iter().map(|pulse| pulse.reports).sum::<u64>() >= 3).then_some(())
    };
    eventually("three mentions", reported).await;
    assert_eq!(hub.doors().snapshots.borrow().book.incidents.len(), 0, "one feed suspects nothing");
    hub.stop().await;
}
