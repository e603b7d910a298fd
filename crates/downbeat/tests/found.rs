//! A hub that begins with an empty log beside an edge that goes on with a plan, as processes: the data folder was lost. What is
//! in force stays in force until a person says what becomes of it.

mod support;

use downbeat_core::model::{Name, Strength, TrafficPlan, Weight};
use serde_json::Value;
use std::path::Path;
use support::running::replica;
use support::{SOON, Service, run, text, wait_for};
use tempfile::tempdir;

const EPOCH: u64 = 1_700_000_000_000;

fn configure(folder: &Path, hub: &str) {
    let replicas = ["r1", "r2", "r3"]
        .map(|name| format!("[[replica]]\nname = \"{name}\"\nregion = \"eu\"\nurl = \"http://{}\"\n", replica()));
    let config = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nhub = \"{hub}\"\n\
         [hub]\nconsole = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n\
         {}[[component]]\nname = \"playback\"\nreplicas = [\"r1\", \"r2\", \"r3\"]\n",
        replicas.concat()
    );
    std::fs::write(folder.join("downbeat.toml"), config).expect("a written file");
}

/// What an edge has on its disk after its hub has put this in force.
fn remember(folder: &Path) {
    let weight = Weight { replica: Name::new("r1").expect("a name"), component: None, share: Strength::NONE };
    let plan = TrafficPlan { epoch: EPOCH, weights: vec![weight], ..TrafficPlan::default() };
    let edge = folder.join("downbeat-data/edge");
    std::fs::create_dir_all(&edge).expect("a folder");
    std::fs::write(edge.join("plan.json"), serde_json::to_vec(&plan).expect("JSON")).expect("a written file");
}

#[test]
fn what_an_edge_has_in_force_outlives_the_log_of_its_hub() {
    let folder = tempdir().expect("a folder");
    configure(folder.path(), "http://127.0.0.1:9");
    remember(folder.path());
    let mut hub = Service::start(folder.path(), "hub");
    let console = hub.addresses(2)["console"].clone();
    configure(folder.path(), &console);
    let mut edge = Service::start(folder.path(), "edge");
    let admin = edge.addresses(2)["edge admin"].clone();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let http = reqwest::Client::builder().no_proxy().timeout(SOON).build().expect("a client");
    let get = |from: &str, path: &str| -> Option<Value> {
        let url = format!("{from}{path}");
        runtime.block_on(async { http.get(url).send().await.ok()?.error_for_status().ok()?.json().await.ok() })
    };
    let found = wait_for("the incident", || get(&console, "/v1/incidents/1"));
    assert_eq!((found["state"].as_str(), found["remedies"][0]["stage"].as_str()), (Some("mitigated"), Some("kept")));
    assert!(found["found_on"].is_string(), "{found}");
    let state = get(&admin, "/v1/state").expect("the edge answers");
    assert_eq!(state["plan_epoch"], EPOCH, "the edge goes on as it did");
    assert_eq!(get(&console, "/v1/plan").expect("a plan")["epoch"], EPOCH, "and others follow the same plan");

    let released = run(folder.path(), &["incident", "resolve", "1", "--hub", &console, "--as", "anna"]);
    assert!(released.status.success(), "{}", text(&released.stderr));
    wait_for("the end of the plan", || get(&admin, "/v1/state").filter(|s| s["plan_epoch"].as_u64() > Some(EPOCH)));
    assert_eq!(get(&console, "/v1/plan").expect("a plan")["weights"], serde_json::json!([]));
}
