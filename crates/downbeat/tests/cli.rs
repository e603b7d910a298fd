//! The program as its users meet it: help, errors, exit codes, and what goes to which stream.

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;
use support::{run, text};
use tempfile::tempdir;

const CONFIG: &str = "[[component]]\nname = \"playback\"\nreplicas = [\"http://127.0.0.1:9\"]\n";

#[test]
fn every_verb_teaches_by_examples() {
    let folder = tempdir().expect("a folder");
    let verbs = [
        "",
        "run",
        "hub",
        "edge",
        "check",
        "probe",
        "reload",
        "upgrade",
        "top",
        "incident",
        "incident list",
        "incident show",
        "incident ack",
        "incident post",
        "incident resolve",
        "incident review",
        "remedy",
        "remedy approve",
        "remedy undo",
        "automation",
        "automation hold",
        "automation release",
        "feature",
        "feature off",
        "feature on",
        "maintenance",
        "maintenance schedule",
        "maintenance list",
        "maintenance update",
        "maintenance cancel",
        "maintenance end",
        "import",
        "import statuspage",
        "import list",
        "import remove",
        "log",
        "log verify",
        "log replay",
        "log export",
        "detect",
        "drill",
        "drill list",
        "drill run",
        "demo",
    ];
    for verb in verbs {
        let args: Vec<&str> = verb.split_whitespace().chain(["--help"]).collect();
        let output = run(folder.path(), &args);
        let help = text(&output.stdout);
        assert!(output.status.success(), "{verb}");
        assert!(help.contains("Examples:\n  downbeat "), "{verb}: no examples in\n{help}");
    }
}

#[test]
fn a_missing_configuration_is_explained() {
    let folder = tempdir().expect("a folder");
    for verb in ["run", "hub", "edge", "check"] {
        let output = run(folder.path(), &[verb]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{verb}: {said}");
        assert!(output.stdout.is_empty());
        for wanted in ["there is no downbeat.toml", "hint: name a file with -c FILE", "[[component]]"] {
            assert!(said.contains(wanted), "{verb}: no {wanted:?} in\n{said}");
        }
    }
}

#[test]
fn a_bad_configuration_opens_no_port() {
    let folder = tempdir().expect("a folder");
    // Taken ports would be complained about if anything listened before the configuration was believed.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound socket has an address");
    let config = format!("[edge]\nlisten = \"{address}\"\nlisten_to = 1\n[hub]\nconsol = \"x\"\n{CONFIG}");
    std::fs::write(folder.path().join("downbeat.toml"), config).expect("a written file");
    for verb in ["run", "hub", "edge"] {
        let output = run(folder.path(), &[verb]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{verb}: {said}");
        assert!(said.contains("downbeat.toml:3:1: unknown key \"listen_to\""), "{said}");
        assert!(said.contains("downbeat.toml:5:1: unknown key \"consol\""), "{said}");
        assert!(!said.contains("in use"), "{said}");
        assert!(!folder.path().join("downbeat-data").exists(), "{verb} wrote something");
    }
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound socket has an address");
    let config = format!(
        "[edge]\nlisten = \"{address}\"\nadmin = \"127.0.0.1:0\"\n[hub]\nconsole = \"127.0.0.1:0\"\nstatus = \"127.0.0.1:0\"\n{CONFIG}"
    );
    std::fs::write(folder.path().join("downbeat.toml"), config).expect("a written file");
    for verb in ["run", "edge"] {
        let output = run(folder.path(), &[verb]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{verb}: {said}");
        assert!(said.contains("error: cannot start the edge") && said.contains(&address.to_string()), "{said}");
        assert!(said.contains("hint: another program listens there"), "{said}");
    }
}

#[test]
fn check_prints_tables_or_json() {
    let folder = tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.toml"), CONFIG).expect("a written file");
    let tables = text(&run(folder.path(), &["check", "-c", "a.toml"]).stdout);
    for title in ["summary", "listeners", "routes", "components", "replicas", "probes", "automation", "figures"] {
        assert!(tables.lines().any(|line| line == title), "no {title} in\n{tables}");
    }
    let json = run(folder.path(), &["check", "-c", "a.toml", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("one JSON object");
    assert_eq!(json["routes"], serde_json::json!([{"host": "any", "path": "/", "component": "playback"}]));
    assert_eq!(json["listeners"][0]["address"], "127.0.0.1:8000");
}

#[test]
fn secrets_are_not_printed() {
    let folder = tempdir().expect("a folder");
    let config = format!(
        "[hub]\ntoken = \"correct-horse\"\n[[webhook]]\nname = \"a\"\nurl = \"http://a\"\nsecret = \"staple\"\n{CONFIG}"
    );
    std::fs::write(folder.path().join("downbeat.toml"), config).expect("a written file");
    for args in [vec!["check"], vec!["check", "--json"]] {
        let output = run(folder.path(), &args);
        assert!(output.status.success());
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("horse") && !said.contains("staple"), "{said}");
    }
}

#[test]
fn a_hub_that_is_not_there_is_an_error_with_a_hint() {
    let folder = tempdir().expect("a folder");
    let hub = format!("http://127.0.0.1:{}", support::free_port());
    for verb in [
        vec!["incident", "list"],
        vec!["incident", "ack", "1"],
        vec!["remedy", "undo", "1.1"],
        vec!["automation", "hold"],
        vec!["feature", "off", "playback", "radio"],
        vec!["maintenance", "end", "1"],
    ] {
        let args = [verb.as_slice(), &["--hub", &hub]].concat();
        let output = run(folder.path(), &args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {said}");
        assert!(said.contains("error: cannot reach the hub at") && said.contains("hint: is it running?"), "{said}");
    }
}

#[test]
fn bad_ids_are_refused_before_anything_is_sent() {
    let folder = tempdir().expect("a folder");
    for args in [["incident", "show", "eu"], ["incident", "ack", "-1"], ["remedy", "approve", "3"]] {
        assert_eq!(run(folder.path(), &args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn drills_are_listed_and_unknown_ones_refused() {
    let folder = tempdir().expect("a folder");
    let list = run(folder.path(), &["drill", "list", "--json"]);
    let drills: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
    let names: Vec<&str> = drills.as_array().into_iter().flatten().filter_map(|d| d["name"].as_str()).collect();
    for name in ["overload", "bad-deploy", "bad-config", "network", "dns", "attack", "host", "quiet"] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    let unknown = run(folder.path(), &["drill", "run", "flood", "--live"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        text(&unknown.stderr).contains("there is no drill \"flood\"; there are overload"),
        "{}",
        text(&unknown.stderr)
    );
    let duration = run(folder.path(), &["drill", "run", "quiet", "--duration", "60"]);
    assert_eq!(duration.status.code(), Some(2));
    assert!(text(&duration.stderr).contains("\"60\" has no unit"), "{}", text(&duration.stderr));
}

#[test]
fn a_simulated_drill_shows_what_doing_nothing_costs() {
    let folder = tempdir().expect("a folder");
    let told = run(folder.path(), &["drill", "run", "bad-deploy", "--sim", "--seed", "1", "--json"]);
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let card: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&card["mode"], &card["seed"], &card["passed"]), (&"sim".into(), &1.into(), &true.into()));
    assert!(card["doing_nothing"]["requests"]["total"].as_u64().is_some_and(|total| total > 0), "{card}");
    let columns = run(folder.path(), &["drill", "run", "bad-deploy", "--sim"]);
    assert!(text(&columns.stdout).contains("doing nothing"), "{}", text(&columns.stdout));
    let nameless = run(folder.path(), &["drill", "run"]);
    assert_eq!(nameless.status.code(), Some(2));
}

#[test]
fn a_text_is_checked_as_if_it_stood_in_the_file() {
    let folder = tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("etc")).expect("a folder");
    std::fs::write(folder.path().join("etc/downbeat.toml"), "what stands there does not matter").expect("written");
    let check = |given: &str| {
        let mut command = support::downbeat();
        command.args(["check", "--stdin", "--json", "--config", "etc/downbeat.toml"]).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("downbeat runs");
        child.stdin.take().expect("piped").write_all(given.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    let good = check(CONFIG);
    assert!(good.status.success(), "{}", text(&good.stderr));
    let said: serde_json::Value = serde_json::from_slice(&good.stdout).expect("JSON");
    assert_eq!(said["summary"][0]["data"], "etc/downbeat-data", "paths go from the folder of the file");
    let bad = check("dta = 1");
    assert_eq!(bad.status.code(), Some(64));
    assert!(text(&bad.stderr).starts_with("etc/downbeat.toml:1:1: unknown key"), "{}", text(&bad.stderr));
}
