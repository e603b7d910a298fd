//! The program itself under clients that nobody here wrote: curl, h2load, wrk, a browser, Prometheus.
//!
//! Behind the edge is nginx with a page and a long song. Where a program is missing its test says so and passes.

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{Process, Service, asked, free_port, nginx, outside, text, wait_for, wait_for_listener};
use tempfile::{TempDir, tempdir};

/// Bytes a second of the song: 16 bits, two channels, 44,100 Hz.
const RATE: usize = 4 * 44_100;
/// The song is long enough that a browser does not fetch all of it before it jumps.
const SONG_SECONDS: usize = 300;
/// The page jumps there as soon as it knows how long the song is.
const JUMP_SECONDS: usize = 200;

/// Plays, jumps, and tells the server what came of it.
const PAGE: &str = "<!doctype html><title>song</title><audio preload=metadata src=/song.wav></audio><script>
const audio = document.querySelector('audio'), tell = what => fetch('/heard?' + what);
const protocol = () => performance.getEntriesByType('navigation')[0].nextHopProtocol;
audio.onloadedmetadata = () => { audio.currentTime = JUMP; };
audio.onseeked = () => tell(['well', protocol(), Math.round(audio.duration), Math.round(audio.currentTime)].join('-'));
audio.onerror = () => tell('error-' + audio.error.code + '-' + audio.error.message);
</script>";

/// The edge in front of one nginx, with a certificate for `localhost`.
struct Stage {
    folder: TempDir,
    server: u16,
    _nginx: Process,
    _service: Service,
    open: String,
    secure_port: u16,
    admin: String,
}

/// A song of a 16-bit ramp: silence would compress, and this need not sound.
fn song() -> Vec<u8> {
    let data = (SONG_SECONDS * RATE) as u32;
    let mut wav = Vec::with_capacity(data as usize + 44);
    for part in [&b"RIFF"[..], &(36 + data).to_le_bytes(), b"WAVEfmt ", &16_u32.to_le_bytes(), &[1, 0, 2, 0]] {
        wav.extend_from_slice(part);
    }
    for part in [&44_100_u32.to_le_bytes()[..], &(RATE as u32).to_le_bytes(), &[4, 0, 16, 0], b"data"] {
        wav.extend_from_slice(part);
    }
    wav.extend_from_slice(&data.to_le_bytes());
    wav.extend((0..data / 2).flat_map(|i| (i as u16).to_le_bytes()));
    wav
}

fn stage() -> Option<Stage> {
    let program = outside("DOWNBEAT_NGINX", "nginx", "-v")?;
    let folder = tempdir().expect("a folder");
    let www = folder.path().join("www");
    std::fs::create_dir(&www).expect("a new folder");
    std::fs::write(www.join("song.wav"), song()).expect("a written file");
    std::fs::write(www.join("index.html"), PAGE.replace("JUMP", &JUMP_SECONDS.to_string())).expect("a written file");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a good name");
    std::fs::write(folder.path().join("edge.pem"), made.cert.pem()).expect("a written file");
    std::fs::write(folder.path().join("edge.key"), made.signing_key.serialize_pem()).expect("a written file");
    let (server, nginx) = nginx(&program, folder.path());
    wait_for_listener(server);
    let secure_port = free_port();
    let config = format!(
        "[edge]\nhub = false\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         listen_tls = \"127.0.0.1:{secure_port}\"\n\
         [[edge.certificate]]\ncert = \"edge.pem\"\nkey = \"edge.key\"\n\
         [[component]]\nname = \"playback\"\nreplicas = [\"http://127.0.0.1:{server}\"]\n"
    );
    std::fs::write(folder.path().join("downbeat.toml"), config).expect("a written file");
    let mut service = Service::start(folder.path(), "edge");
    let addresses = service.addresses(3);
    wait_for_listener(secure_port);
    let (open, admin) = (addresses["edge"].clone(), addresses["edge admin"].clone());
    Some(Stage { folder, server, _nginx: nginx, _service: service, open, secure_port, admin })
}

/// Runs a program to its end; `None`, said loudly, where there is none.
fn run(program: &str, probe: &str, arguments: &[&str]) -> Option<Output> {
    let variable = format!("DOWNBEAT_{}", program.to_ascii_uppercase());
    let program = outside(&variable, program, probe)?;
    Some(Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("it runs"))
}

#[test]
fn curl_speaks_http_2_over_tls_and_by_prior_knowledge() {
    let Some(stage) = stage() else { return };
    let (secure, open) =
        (format!("https://localhost:{}/song.wav", stage.secure_port), format!("{}/song.wav", stage.open));
    let cert = stage.folder.path().join("edge.pem").display().to_string();
    let whole = song();
    let table: [(&[&str], &str, &str); 4] = [
        (&["--http2", "--cacert", &cert], &secure, "2 200"),
        (&["--http2", "--cacert", &cert, "-r", "1000-1999"], &secure, "2 206"),
        (&["--http2-prior-knowledge"], &open, "2 200"),
        (&["--http1.1", "--cacert", &cert], &secure, "1.1 200"),
    ];
    for (options, url, expected) in table {
        let told = ["-sS", "--noproxy", "*", "-w", "%{stderr}%{http_version} %{http_code}", url];
        let Some(output) = run("curl", "--version", &[options, &told].concat()) else { return };
        assert_eq!(text(&output.stderr), expected, "{options:?}");
        let wanted = if expected.ends_with("206") { &whole[1_000..2_000] } else { &whole[..] };
        assert!(output.stdout == wanted, "{options:?}: {} bytes", output.stdout.len());
    }
    // Without the certificate there is no trust, and no answer.
    let Some(output) = run("curl", "--version", &["-sS", "--noproxy", "*", &secure]) else { return };
    assert_eq!(output.status.code(), Some(60), "{}", text(&output.stderr));
}

#[test]
fn h2load_and_wrk_get_nothing_but_good_answers() {
    let Some(stage) = stage() else { return };
    let (secure, open) =
        (format!("https://localhost:{}/index.html", stage.secure_port), format!("{}/index.html", stage.open));
    for url in [&secure, &open] {
        let Some(output) = run("h2load", "--version", &["-n", "2000", "-c", "8", "-m", "20", url]) else { break };
        let said = text(&output.stdout);
        assert!(said.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "{url}: {said}");
        assert!(said.contains("status codes: 2000 2xx"), "{url}: {said}");
    }
    for url in [&secure, &open] {
        // wrk has no way to say its version that is not an error.
        let wrk = std::env::var_os("DOWNBEAT_WRK").unwrap_or_else(|| "wrk".into());
        let output = match Command::new(wrk).args(["-t", "1", "-c", "16", "-d", "2s", url]).output() {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return eprintln!("SKIP: wrk is missing"),
            Err(error) => panic!("wrk: {error}"),
        };
        let said = text(&output.stdout);
        assert!(said.contains("requests in"), "{said}");
        assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{url}: {said}");
    }
}

/// The digest of the certificate's key, as Chromium is told whom to trust.
fn key_digest(cert: &Path) -> Option<String> {
    outside("DOWNBEAT_OPENSSL", "openssl", "version")?;
    let script = format!(
        "openssl x509 -in '{}' -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
        cert.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell runs");
    Some(text(&output.stdout).trim().to_owned())
}

#[test]
fn a_browser_plays_a_song_and_jumps_in_it_over_http_2() {
    let Some(chromium) = outside("DOWNBEAT_CHROMIUM", "chromium", "--version") else { return };
    let Some(stage) = stage() else { return };
    let Some(digest) = key_digest(&stage.folder.path().join("edge.pem")) else { return };
    let mut command = Command::new(chromium);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server"]);
    command.args(["--disable-dev-shm-usage", "--remote-debugging-port=0"]);
    command.arg(format!("--user-data-dir={}", stage.folder.path().join("browser").display()));
    command.arg(format!("--ignore-certificate-errors-spki-list={digest}"));
    command.arg(format!("https://localhost:{}/index.html", stage.secure_port));
    let browser = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let heard = wait_for("the page's word", || {
        asked(stage.folder.path(), stage.server).lines().find(|line| line.starts_with("/heard?")).map(str::to_owned)
    });
    let expected = format!("/heard?well-h2-{SONG_SECONDS}-{JUMP_SECONDS} ");
    assert!(heard.starts_with(&expected), "{heard}");
    // The server tells of a request when it has ended, and a player takes the rest of a song as slowly as it plays it.
    drop(browser);
    let from = |line: &str| line.strip_prefix("/song.wav 206 [bytes=")?.split('-').next()?.parse::<usize>().ok();
    let all = wait_for("the range of the jump", || {
        let all = asked(stage.folder.path(), stage.server);
        let jumped = all.lines().filter_map(from).any(|from| from >= (JUMP_SECONDS - 10) * RATE);
        jumped.then_some(all)
    });
    let checks = |line: &&str| line.starts_with("/ ");
    assert!(all.lines().filter(|l| !checks(l)).all(|line| line.ends_with(" https")), "all of it came over TLS: {all}");
}

async fn read(url: &str) -> String {
    read_as(url, "*/*").await
}

async fn read_as(url: &str, accept: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().timeout(support::SOON).build().expect("a client");
    let answer = client.get(url).header("Accept", accept).send().await.expect("an answer");
    answer.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_understands_every_line_of_the_metrics() {
    let Some(prometheus) = outside("DOWNBEAT_PROMETHEUS", "prometheus", "--version") else { return };
    let Some(stage) = stage() else { return };
    read(&format!("{}/index.html", stage.open)).await;
    let (port, own) = (free_port(), stage.folder.path().join("prometheus"));
    std::fs::create_dir(&own).expect("a new folder");
    let admin = stage.admin.trim_start_matches("http://");
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: edge, static_configs: [{{targets: ['{admin}']}}]}}]\n"
    );
    std::fs::write(own.join("prometheus.yml"), config).expect("a written file");
    let mut command = Command::new(prometheus);
    command.arg(format!("--config.file={}", own.join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", own.join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _prometheus = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    wait_for_listener(port);
    let answered = r#"downbeat_edge_answers_total{class="2xx",component="playback"} > 0"#;
    for query in ["up == 1", "scrape_samples_scraped > 20", answered] {
        let url = reqwest::Url::parse_with_params(&format!("http://127.0.0.1:{port}/api/v1/query"), [("query", query)]);
        let url = url.expect("a good address").to_string();
        let asking = async {
            loop {
                // Until it has started, Prometheus answers with something else.
                let said: serde_json::Value = serde_json::from_str(&read(&url).await).unwrap_or_default();
                if said["data"]["result"].as_array().is_some_and(|found| !found.is_empty()) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        let found = tokio::time::timeout(support::SOON, asking).await;
        let targets = read(&format!("http://127.0.0.1:{port}/api/v1/targets")).await;
        assert!(found.is_ok(), "{query}: {targets}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let Some(promtool) = outside("DOWNBEAT_PROMTOOL", "promtool", "--version") else { return };
    let Some(stage) = stage() else { return };
    read(&format!("{}/index.html", stage.open)).await;
    // Promtool reads the older format only; Prometheus itself, above, the newer one.
    let url = format!("{}/metrics", stage.admin);
    let counted = async {
        loop {
            let metrics = read_as(&url, "text/plain;version=0.0.4").await;
            if metrics.contains("downbeat_edge_answers_total{") {
                return metrics;
            }
            // The edge counts by the second.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let metrics = tokio::time::timeout(support::SOON, counted).await.expect("the answer is counted");
    let file = stage.folder.path().join("metrics");
    std::fs::write(&file, &metrics).expect("a written file");
    let input = std::fs::File::open(&file).expect("the file");
    let output = Command::new(promtool).args(["check", "metrics"]).stdin(input).output().expect("promtool runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
