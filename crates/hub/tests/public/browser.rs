//! A headless Chromium, driven by its own protocol: pages as they come, with their policies, in any width and either theme.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Longest that anything may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(crate) const BOTH: [Self; 2] = [Self::Light, Self::Dark];

    const fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// One tab of one browser.
pub(crate) struct Browser {
    socket: WebSocketStream<TcpStream>,
    session: Option<String>,
    calls: u64,
    child: Child,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // One that is gone already needs no signal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Starts it with an empty tab.
    pub(crate) async fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(program);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "about:blank"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).spawn().expect("the browser starts");
        let said = BufReader::new(child.stderr.take().expect("its words are piped"));
        let address = tokio::task::spawn_blocking(|| door(said)).await.expect("reading its words");
        let authority = address.trim_start_matches("ws://").split('/').next().expect("an authority").to_owned();
        let stream = TcpStream::connect(authority).await.expect("it listens");
        let (socket, _) = client_async(address, stream).await.expect("it shakes hands");
        let mut browser = Self { socket, session: None, calls: 0, child, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach).await;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", json!({})).await;
        browser
    }

    /// Runs a script in every page from now on, whatever the page's policy says.
    pub(crate) async fn bring_along(&mut self, script: &str) {
        self.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    }

    /// Looks with this width and theme from now on.
    pub(crate) async fn look(&mut self, width: u32, theme: Theme) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": theme.word()}]});
        self.call("Emulation.setEmulatedMedia", features).await;
    }

    /// Goes to a page and waits until all of it is there.
    pub(crate) async fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": "about:blank"})).await;
        let gone = self.call("Page.navigate", json!({"url": url})).await;
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        let there = format!("location.href === {url:?} && document.readyState === 'complete'");
        self.until(url, &there).await;
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&mut self, what: &str, expression: &str) {
        let deadline = tokio::time::Instant::now() + SOON;
        while self.ask(expression).await != json!(true) {
            assert!(tokio::time::Instant::now() < deadline, "{what}: never came to {expression}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The value of an expression in the page; a promise is waited for.
    pub(crate) async fn ask(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// The addresses of the frames in the page; one that was refused has one of the browser's own.
    pub(crate) async fn frames(&mut self) -> Vec<String> {
        let tree = self.call("Page.getFrameTree", json!({})).await;
        let frames = tree["frameTree"]["childFrames"].as_array().cloned().unwrap_or_default();
        frames.iter().map(|it| it["frame"]["url"].as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(call.to_string())).await.expect("the browser hears");
        loop {
            let told = tokio::time::timeout(SOON, self.socket.next()).await.expect("the browser answers in time");
            let Message::Text(text) = told.expect("the browser lives").expect("it speaks") else { continue };
            let mut told: Value = serde_json::from_str(&text).expect("JSON");
            // What comes without our number is an event.
            if told["id"] == json!(self.calls) {
                assert!(told["error"].is_null(), "{method}: {told}");
                return told["result"].take();
            }
        }
    }
}

/// Where the browser says that it can be driven.
fn door(said: impl BufRead) -> String {
    let mut lines = said.lines().map_while(Result::ok);
    let line = lines.find(|line| line.starts_with("DevTools listening on ")).expect("it says where it listens");
    line.trim_start_matches("DevTools listening on ").to_owned()
}
