//! Streams from Debian's nginx, which serves music that these tests write: at full speed, throttled, cut, live and dead.

use crate::probes::{LONG, SHORT, failure, kind, run};
use crate::rig::any_port;
use downbeat_core::model::{FailureKind, Heard, ProbeOutcome};
use downbeat_hub::settings::{Pace, ProbeTask, StreamTask, Trust};
use std::net::TcpListener as Port;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A second of this music.
const SPEED: usize = 40_000;
/// Seconds of a whole song, and segments of it.
const SONG: usize = 12;

/// nginx at work, ended with this.
struct Nginx {
    process: Child,
    root: String,
    /// The same at a quarter of the speed at which it is heard.
    slow: String,
    /// The same without ranges.
    whole: String,
    folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const CONFIG: &str = r#"daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
  access_log access.log; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  default_type application/octet-stream;
  types { application/vnd.apple.mpegurl m3u8; }
  root music;
  server {
    listen 127.0.0.1:PORT;
    location /moved/ { rewrite ^/moved/(.*)$ /$1 redirect; }
    location /round/ { return 302 /round/; }
  }
  server { listen 127.0.0.1:SLOW; limit_rate 10000; }
  server { listen 127.0.0.1:WHOLE; max_ranges 0; }
}
"#;

impl Nginx {
    /// `None`, said aloud, where it is not installed.
    async fn start() -> Option<Self> {
        let own = std::env::var_os("DOWNBEAT_NGINX").map(PathBuf::from);
        let candidates = own.into_iter().chain(["nginx", "/usr/sbin/nginx"].map(PathBuf::from));
        let runs = |program: &PathBuf| Command::new(program).arg("-v").stderr(Stdio::null()).status().is_ok();
        let Some(program) = candidates.into_iter().find(runs) else {
            eprintln!("SKIP: nginx is missing (DOWNBEAT_NGINX names another one): streams from it are NOT TESTED");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let held = [(); 3].map(|()| Port::bind(any_port()).expect("a port"));
        let ports = held.each_ref().map(|port| port.local_addr().expect("an address").port());
        drop(held);
        std::fs::create_dir(folder.path().join("music")).expect("a folder");
        write_music(&folder.path().join("music"));
        let config = folder.path().join("nginx.conf");
        let named = ["PORT", "SLOW", "WHOLE"].into_iter().zip(ports);
        let text = named.fold(CONFIG.to_owned(), |text, (name, port)| text.replace(name, &port.to_string()));
        std::fs::write(&config, text).expect("written");
        let errors = std::fs::File::create(folder.path().join("stderr")).expect("a file");
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(errors).spawn().expect("it has run before");
        let [root, slow, whole] = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let mut nginx = Self { process, root, slow, whole, folder };
        let deadline = Instant::now() + LONG;
        while TcpStream::connect(("127.0.0.1", ports[0])).await.is_err() {
            let said = || std::fs::read_to_string(nginx.folder.path().join("stderr")).unwrap_or_default();
            let ended = nginx.process.try_wait().expect("our own child");
            assert!(ended.is_none() && Instant::now() < deadline, "nginx does not listen: {}", said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(nginx)
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.folder.path().join("music"), name, text.as_bytes());
    }

    /// What was asked for, in order.
    fn asked(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        log.lines().filter_map(|line| line.split('"').nth(1)?.split(' ').nth(1).map(String::from)).collect()
    }
}

/// Written whole, or not at all: a server may be reading it.
fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let hidden = folder.join(format!(".{name}"));
    std::fs::write(&hidden, bytes).expect("written");
    std::fs::rename(&hidden, folder.join(name)).expect("renamed");
}

fn head(first: usize) -> String {
    format!("#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{first}\n")
}

fn segments(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("#EXTINF:1.0,\ns{number}.ts\n")).collect()
}

fn write_music(folder: &Path) {
    for number in 0..SONG {
        write(folder, &format!("s{number}.ts"), &[7; SPEED]);
    }
    write(folder, "song.flac", &[7; SPEED * SONG]);
    write(folder, "key", &[7; 16]);
    write(folder, "noise.m3u8", &[0xff; 100]);
    let whole = format!("{}{}#EXT-X-ENDLIST\n", head(0), segments(0..SONG));
    let ranges: String = (0..SONG).map(|_| format!("#EXTINF:1,\n#EXT-X-BYTERANGE:{SPEED}\nsong.flac\n")).collect();
    let ranges = ranges.replacen(&format!("{SPEED}\n"), &format!("{SPEED}@0\n"), 1);
    let opening = "#EXT-X-MAP:URI=\"key\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"/key\"\n";
    let torn = format!("{}{}#EXTINF:1,\ngone.ts\n#EXT-X-ENDLIST\n", head(0), segments(0..1));
    let elsewhere = format!("{}#EXTINF:1,\nhttp://localhost:9/s0.ts\n#EXT-X-ENDLIST\n", head(0));
    let gap = format!("{}{}#EXT-X-GAP\n{}#EXT-X-ENDLIST\n", head(0), segments(0..2), segments(2..6));
    for (name, text) in [
        ("vod.m3u8", whole),
        ("ranges.m3u8", format!("{}{opening}{ranges}#EXT-X-ENDLIST\n", head(0))),
        ("nokey.m3u8", format!("{}{}{}#EXT-X-ENDLIST\n", head(0), opening.replace("/key", "/s0.ts"), segments(0..2))),
        ("master.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=320000\nvod.m3u8\n".into()),
        ("nested.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=320000\nmaster.m3u8\n".into()),
        ("torn.m3u8", torn),
        ("elsewhere.m3u8", elsewhere),
        ("gap.m3u8", gap),
        ("page.m3u8", "<html>moved</html>".into()),
        ("endless.m3u8", format!("#EXTM3U\n{}", "#".repeat(1_100_000))),
    ] {
        write(folder, name, text.as_bytes());
    }
}

fn stream(url: String, pace: Pace) -> StreamTask {
    StreamTask {
        url,
        headers: vec![],
        pace,
        from: Duration::ZERO,
        listen: Duration::from_secs(2),
        start_within: None,
        silence_max: Duration::from_millis(500),
        trust: Trust::System,
    }
}

fn whole(bytes: Option<usize>) -> Pace {
    Pace::Length { seconds: SONG.to_string(), bytes: bytes.map(|bytes| bytes.to_string()) }
}

async fn heard(task: StreamTask) -> Heard {
    match run(ProbeTask::Stream(task), LONG).await {
        ProbeOutcome::Passed { heard: Some(heard), .. } => heard,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_plays_is_heard_at_its_own_speed() {
    let Some(nginx) = Nginx::start().await else { return };
    for path in ["/vod.m3u8", "/master.m3u8", "/ranges.m3u8", "/moved/vod.m3u8"] {
        let started = Instant::now();
        let heard = heard(stream(format!("{}{path}", nginx.root), Pace::Hls)).await;
        assert_eq!((heard.music_ms, heard.silence_ms), (2_000, 0), "{path}: {heard:?}");
        assert!(started.elapsed() >= Duration::from_secs(2), "{path}: as long as it is heard");
    }
    let asked = nginx.asked();
    assert_eq!(asked.iter().filter(|path| *path == "/s1.ts").count(), 3, "{asked:?}");
    assert!(!asked.iter().any(|path| path == "/s4.ts"), "no more than is heard was asked for: {asked:?}");
    for pace in [whole(None), whole(Some(SPEED * SONG)), Pace::BytesPerSecond(SPEED as f64)] {
        assert_eq!(heard(stream(format!("{}/song.flac", nginx.root), pace)).await.music_ms, 2_000);
    }
    // From a place on, as far as there is music.
    let from = Duration::from_secs(11);
    let last = StreamTask { from, ..stream(format!("{}/song.flac", nginx.root), whole(Some(SPEED * SONG))) };
    assert_eq!(heard(last).await.music_ms, 1_000);
}

#[tokio::test]
async fn what_starves_is_late_or_silent() {
    let Some(nginx) = Nginx::start().await else { return };
    let slow = |path: &str, pace| StreamTask { listen: LONG, ..stream(format!("{}{path}", nginx.slow), pace) };
    for task in [slow("/vod.m3u8", Pace::Hls), slow("/song.flac", whole(None))] {
        let hasty = StreamTask { start_within: Some(SHORT), ..task.clone() };
        let (silent, late) = tokio::join!(run(ProbeTask::Stream(task), LONG), run(ProbeTask::Stream(hasty), LONG));
        let (kind, _, detail) = failure(silent).expect("it starves");
        assert!(kind == FailureKind::Stalled && detail.contains("of silence in"), "{kind:?}: {detail}");
        let (kind, _, detail) = failure(late).expect("it is late");
        assert!(kind == FailureKind::Late && detail.contains("no music within 0.3 s"), "{kind:?}: {detail}");
    }
}

#[tokio::test]
async fn what_cannot_be_played_is_named() {
    let Some(nginx) = Nginx::start().await else { return };
    let table = [
        ("/absent.m3u8", Pace::Hls, FailureKind::Wrong, "answered 404"),
        ("/torn.m3u8", Pace::Hls, FailureKind::Wrong, "gone.ts: it answered 404"),
        ("/page.m3u8", Pace::Hls, FailureKind::Wrong, "does not begin with #EXTM3U"),
        ("/song.flac", Pace::Hls, FailureKind::Wrong, "does not begin with #EXTM3U"),
        ("/noise.m3u8", Pace::Hls, FailureKind::Wrong, "is no text"),
        ("/endless.m3u8", Pace::Hls, FailureKind::Wrong, "more than 1048576 bytes"),
        ("/nested.m3u8", Pace::Hls, FailureKind::Wrong, "a list of variants within another"),
        ("/nokey.m3u8", Pace::Hls, FailureKind::Wrong, "is no key: a key has 16 bytes"),
        ("/gap.m3u8", Pace::Hls, FailureKind::Stalled, "1.0 s of silence"),
        ("/round/vod.m3u8", Pace::Hls, FailureKind::Wrong, "more than 5 redirects"),
    ];
    for (path, pace, expected, says) in table {
        let task = StreamTask { listen: Duration::from_secs(4), ..stream(format!("{}{path}", nginx.root), pace) };
        let (kind, _, detail) = failure(run(ProbeTask::Stream(task), LONG).await).expect(path);
        assert!(kind == expected && detail.contains(says), "{path}: {kind:?}: {detail}");
    }
    let from = Duration::from_secs(5);
    let middle = StreamTask { from, ..stream(format!("{}/song.flac", nginx.whole), whole(Some(SPEED * SONG))) };
    let (kind, _, detail) = failure(run(ProbeTask::Stream(middle), LONG).await).expect("no ranges there");
    assert!(kind == FailureKind::Wrong && detail.contains("was asked for a range, and answered 200"), "{detail}");
    // What a playlist names may lead anywhere but inside.
    match run(ProbeTask::Stream(stream(format!("{}/elsewhere.m3u8", nginx.root), Pace::Hls)), LONG).await {
        ProbeOutcome::Unknown { detail } => assert!(detail.contains("[outbound] allow"), "{detail}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_live_stream_goes_on_or_stalls() {
    let Some(nginx) = Nginx::start().await else { return };
    // Four segments at a time, a new one each second; then none any more.
    let go_on = async {
        for first in 0..5 {
            nginx.write("live.m3u8", &format!("{}{}", head(first), segments(first..first + 4)));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    nginx.write("live.m3u8", &format!("{}{}", head(0), segments(0..4)));
    let task = |seconds| StreamTask {
        listen: Duration::from_secs(seconds),
        ..stream(format!("{}/live.m3u8", nginx.root), Pace::Hls)
    };
    let (short, long, ()) = tokio::join!(heard(task(3)), run(ProbeTask::Stream(task(30)), LONG), go_on);
    assert_eq!(short.music_ms, 3_000);
    let asked = nginx.asked();
    assert!(!asked.iter().any(|path| path == "/s0.ts"), "it is joined three targets before its end: {asked:?}");
    let (kind, _, detail) = failure(long).expect("it stops");
    assert!(kind == FailureKind::Stalled && detail.contains("s of silence in"), "{kind:?}: {detail}");

    nginx.write("live.m3u8", &format!("{}{}", head(7), segments(7..8)));
    let back = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        nginx.write("live.m3u8", &format!("{}{}", head(3), segments(3..4)));
    };
    let (went_back, ()) = tokio::join!(run(ProbeTask::Stream(task(30)), LONG), back);
    let (kind, _, detail) = failure(went_back).expect("it goes back");
    assert!(kind == FailureKind::Wrong && detail.contains("went back to segment 3, it was at 7"), "{kind:?}: {detail}");
}

/// Promises so many bytes, sends some, and hangs up, or says no more.
async fn torn(hangs_up: bool) -> String {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let root = format!("http://{}/song", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4_096]).await;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", SPEED * SONG);
                stream.write_all(head.as_bytes()).await.expect("written");
                stream.write_all(&[7; SPEED + SPEED / 2]).await.expect("written");
                if !hangs_up {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    root
}

#[tokio::test]
async fn what_is_cut_is_cut_and_what_stops_is_silent() {
    let cut = run(ProbeTask::Stream(stream(torn(true).await, whole(None))), LONG).await;
    assert_eq!(kind(cut), Some(FailureKind::Reset));
    let stops = run(ProbeTask::Stream(stream(torn(false).await, whole(None))), LONG).await;
    let (kind, _, detail) = failure(stops).expect("it stops");
    assert!(
        kind == FailureKind::Stalled && detail.contains("0.5 s of silence in 1.5 s of music"),
        "{kind:?}: {detail}"
    );
}
