//! What the hub reaches when a name or a redirect wants to lead it inside.

use crate::probes::{LONG, kind, run, serve};
use crate::rig::{any_port, name};
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Redirect;
use axum::routing::get;
use downbeat_core::model::{AddressRange, ProbeOutcome, Slice, Topology};
use downbeat_hub::outbound::Outbound;
use downbeat_hub::probes::Prober;
use downbeat_hub::settings::{HttpTask, ProbeSettings, ProbeTask};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// A service inside, that counts who comes.
pub(crate) async fn inside() -> (String, Arc<AtomicUsize>) {
    let visits = Arc::new(AtomicUsize::new(0));
    let count = async |State(visits): State<Arc<AtomicUsize>>, headers: HeaderMap| {
        visits.fetch_add(1, Ordering::SeqCst);
        headers.get("x-key").map_or("no key", |_| "a key").to_owned()
    };
    (serve(Router::new().route("/secret", get(count)).with_state(Arc::clone(&visits))).await, visits)
}

/// A page that sends its readers elsewhere.
async fn lure(to: String) -> String {
    serve(Router::new().route("/", get(async move || Redirect::to(&to)))).await
}

fn forbidden(outcome: ProbeOutcome) -> String {
    match outcome {
        ProbeOutcome::Unknown { detail } => detail,
        other => panic!("{other:?} instead of a refusal"),
    }
}

#[tokio::test]
async fn a_redirect_leads_nobody_inside() {
    let (inside, visits) = inside().await;
    let port = inside.rsplit_once(':').expect("a port").1.to_owned();
    let targets = [
        format!("{inside}/secret"),
        format!("http://localhost:{port}/secret"),
        format!("http://127.1:{port}/secret"),
        format!("http://[::ffff:127.0.0.1]:{port}/secret"),
        format!("http://2130706433:{port}/secret"),
        "http://169.254.169.254/latest/meta-data/".into(),
    ];
    for target in targets {
        let task = HttpTask { redirects: 5, ..HttpTask::get(lure(target.clone()).await) };
        let why = forbidden(run(ProbeTask::Http(task), LONG).await);
        assert!(why.contains("[outbound] allow = ["), "{target}: {why}");
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_allowed_opens_but_takes_no_credentials_along() {
    let (inside, visits) = inside().await;
    let allow: AddressRange = "127.0.0.0/8".parse().expect("a range");
    let prober = Prober::new(name("test"), None, Outbound::new(vec![allow], &Topology::default())).expect("a prober");
    let task = HttpTask {
        redirects: 1,
        headers: vec![("x-key".into(), "k".into())],
        expect: vec![r#"body == "no key""#.parse().expect("a condition")],
        ..HttpTask::get(lure(format!("{inside}/secret")).await)
    };
    let task = ProbeTask::Http(task);
    let (slice, fail_after) = (Slice::everywhere(), NonZeroU32::MIN);
    let probe = ProbeSettings { name: name("p"), slice, every: LONG, timeout: LONG, fail_after, task };
    assert_eq!(kind(prober.run(&probe).await.outcome), None);
    assert_eq!(visits.load(Ordering::SeqCst), 1);
}

/// The system's resolver reads `127.1` as an address; as it stands, it is a name.
#[tokio::test]
async fn a_name_leads_nobody_inside() {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let connect = |host: &str| ProbeTask::Tcp { address: format!("{host}:{port}"), send: None, expect: None };
    let why = forbidden(run(connect("127.1"), LONG).await);
    assert_eq!(
        why,
        "127.1 leads to 127.0.0.1, an address of this machine: the hub goes there only by [outbound] allow = [\"127.0.0.1\"]"
    );
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(kind(run(connect(host), LONG).await), None, "{host} stands in the configuration as what it is");
    }
}
