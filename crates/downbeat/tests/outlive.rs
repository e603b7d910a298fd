//! The status page outlives its hub, by real processes: an edge in front of the page's address keeps what readers have asked
//! for, and gives it out for a day when the hub is dead.

mod support;

use reqwest::{Client, Response};
use std::path::Path;
use std::time::{Duration, Instant};
use support::running::replica;
use support::{SOON, Service, free_port};
use tempfile::tempdir;

/// The host at which the edge serves the page.
const PAGE: &str = "status.example.org";

fn configure(folder: &Path) {
    let status = free_port();
    let config = format!(
        "[service]\nname = \"Encore\"\n\
         [edge]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [hub]\nconsole = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:{status}\"\n\
         [[component]]\nname = \"playback\"\nhosts = [\"encore.example.org\"]\nreplicas = [\"http://{music}\"]\n\
         [[component]]\nname = \"status\"\nhosts = [\"{PAGE}\"]\nreplicas = [\"http://127.0.0.1:{status}\"]\ncache = {{}}\n",
        music = replica(),
    );
    std::fs::write(folder.join("downbeat.toml"), config).expect("a written file");
}

/// A reader who knows the page's name only.
struct Reader {
    edge: String,
    http: Client,
}

impl Reader {
    async fn asks(&self, path: &str) -> Option<Response> {
        self.http.get(format!("{}{path}", self.edge)).header("Host", PAGE).send().await.ok()
    }

    /// Asks until the answer is as it should be.
    async fn waits_for(&self, path: &str, mut good: impl FnMut(&Response) -> bool) -> Response {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(answer) = self.asks(path).await.filter(|answer| good(answer)) {
                return answer;
            }
            assert!(Instant::now() < deadline, "waited {} s for {path}", SOON.as_secs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn detail(answer: &Response) -> String {
    answer.headers().get("cache-status").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn c5_an_edge_keeps_the_status_page_when_the_hub_is_dead() {
    let folder = tempdir().expect("a folder");
    configure(folder.path());
    let mut hub = Service::start(folder.path(), "hub");
    hub.addresses(2);
    let mut edge = Service::start(folder.path(), "edge");
    let http = Client::builder().no_proxy().timeout(SOON).build().expect("a client");
    let reader = Reader { edge: edge.addresses(2)["edge"].clone(), http };
    let paths = ["/", "/history", "/api/v2/summary.json", "/status.css"];
    for path in paths {
        reader.waits_for(path, |answer| answer.status() == 200).await;
    }

    hub.process.kill();
    // Until what was read is too old to be taken for new, the edge asks nobody, and nothing is proven.
    let stale = reader.waits_for("/", |answer| detail(answer).contains("detail=stale-if-error")).await;
    assert_eq!(stale.status(), 200);
    let page = stale.text().await.expect("a whole answer");
    assert!(page.contains("Encore") && page.contains("UTC"), "it says since when: {page}");
    for path in paths {
        let answer = reader.asks(path).await.expect("answered");
        assert_eq!(answer.status(), 200, "{path}: {}", detail(&answer));
    }
    let unread = reader.asks("/history.atom").await.expect("answered");
    assert!(unread.status().is_server_error(), "nobody had asked for it: {}", unread.status());
}
