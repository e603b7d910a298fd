//! Listeners against a small music service of our own that breaks in known ways: what they continue, what they
//! notice, what they count as silence.

use downbeat_drill::listener::{Account, Audience};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(60);

/// The song: two seconds and a half of music.
const BYTES: usize = 250_000;
const SECONDS: f64 = 2.5;
/// SHA-256 of [`song`], worked out by another program.
const HASH: &str = "51e7afb3ef1a69a2f0655ed887a137ec7919960c91790d1c5acd6b0a57ab75e0";

fn song() -> Vec<u8> {
    (0..BYTES).map(|n| (n % 251) as u8).collect()
}

/// What happens to the first answer with the song, after 110,000 bytes. All later ones are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    Cut,
    Stalled,
    ContinuedWrongly,
}

/// What the service was asked for.
#[derive(Debug, Default)]
struct Asked {
    songs: AtomicUsize,
    continuations: AtomicUsize,
}

async fn serve(fate: Fate) -> (SocketAddr, Arc<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(Asked::default());
    let counts = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream, fate, Arc::clone(&counts)));
        }
    });
    (address, asked)
}

async fn answer_all(mut stream: TcpStream, fate: Fate, asked: Arc<Asked>) {
    while let Some(head) = read_head(&mut stream).await {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let track = format!(r#"{{"duration_s":{SECONDS},"media":{{"url":"/media/s","bytes":{BYTES}}},"cover":"/c"}}"#);
        let json = match path {
            "/api/login" => r#"{"token":"t"}"#.to_owned(),
            "/api/playlists" => r#"{"playlists":[{"id":"p"}]}"#.to_owned(),
            "/api/playlists/p" => format!(r#"{{"tracks":[{track}]}}"#),
            _ => return sing(stream, &head, fate, &asked).await,
        };
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{json}", json.len());
        stream.write_all(answer.as_bytes()).await.expect("sent");
    }
}

async fn sing(mut stream: TcpStream, head: &str, fate: Fate, asked: &Asked) {
    let first = asked.songs.fetch_add(1, Ordering::SeqCst) == 0;
    let etag = format!("etag: \"{}\"\r\n", HASH);
    let range: Option<usize> =
        head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok());
    let mut body = song();
    let start = match range {
        Some(from) => {
            assert!(head.contains(&format!("if-range: \"{}\"", HASH)), "{head}");
            asked.continuations.fetch_add(1, Ordering::SeqCst);
            let answer = format!(
                "HTTP/1.1 206 Partial Content\r\n{etag}content-range: bytes {from}-{}/{BYTES}\r\ncontent-length: {}\r\n\r\n",
                BYTES - 1,
                BYTES - from
            );
            body.drain(..from);
            answer
        }
        None => format!("HTTP/1.1 200 OK\r\n{etag}content-length: {BYTES}\r\n\r\n"),
    };
    if fate == Fate::ContinuedWrongly && range.is_some() {
        body.reverse();
    }
    if first && fate != Fate::Whole {
        body.truncate(110_000);
    }
    // A listener may have gone.
    let _ = stream.write_all(start.as_bytes()).await;
    let _ = stream.write_all(&body).await;
    if first && fate == Fate::Stalled {
        tokio::time::sleep(PATIENCE * 2).await;
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some(head)
}

async fn listen_until(fate: Fate, enough: impl Fn(&Account) -> bool) -> (Account, Arc<Asked>) {
    let (address, asked) = serve(fate).await;
    let audience = Audience::gather(address, 1, 1);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let account = audience.accounts()[0];
        if enough(&account) {
            return (account, asked);
        }
        assert!(tokio::time::Instant::now() < deadline, "{fate:?}: not within {PATIENCE:?}: {account:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_whole_song_is_heard() {
    let (account, asked) = listen_until(Fate::Whole, |account| account.songs >= 2).await;
    assert!(account.heard.joined);
    assert_eq!((account.wrong, account.retries), (0, 0));
    assert_eq!(asked.continuations.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_song_that_is_cut_is_continued_from_the_right_byte() {
    let (account, asked) = listen_until(Fate::Cut, |account| account.songs >= 1).await;
    assert_eq!((account.wrong, account.retries), (0, 1));
    assert_eq!(asked.continuations.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn wrong_bytes_are_noticed() {
    let (account, _) = listen_until(Fate::ContinuedWrongly, |account| account.songs + account.wrong >= 1).await;
    assert_eq!((account.wrong, account.retries), (1, 1));
}

#[tokio::test]
async fn a_stalled_song_is_waited_for_in_silence() {
    let (account, _) = listen_until(Fate::Stalled, |account| account.heard.silence > Duration::from_millis(500)).await;
    assert_eq!((account.retries, account.heard.playing), (0, false), "a browser has no patience of its own to lose");
    assert!(account.heard.played <= Duration::from_millis(1_100), "no more than that came: {account:?}");
}
